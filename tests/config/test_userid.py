"""Settings of cookies that tell visitors apart."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.userid import UserIdSettings
from tests.config.helpers import server_of


class UserIdTests(SynchronousTestCase):
    """A family within the settings of answers."""

    def test_inherited(self) -> None:
        """Nothing is set by default; what the server says holds in its locations, one by one."""
        server = server_of("userid on; userid_name a; location / { userid_name b; } location /x { }")
        inner, outer = (location.settings.answers.userid for location in server.locations)
        self.assertEqual(inner, UserIdSettings(userid="on", userid_name="b"))
        self.assertEqual(outer, UserIdSettings(userid="on", userid_name="a"))
        self.assertEqual(server_of("").settings.answers.userid, UserIdSettings())
