"""Who may ask, as it is configured."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.access import AccessSettings
from tests.config.helpers import location_of, message_of, server_of


class Access(SynchronousTestCase):
    """The family of settings."""

    def test_order(self) -> None:
        """``allow`` and ``deny`` are one list in the order of the file."""
        found = location_of("allow 127.0.0.1; deny 10.0.0.0/8; allow 10.1.1.1; deny all;").settings.access
        self.assertEqual([rule.allow for rule in found.access_rules], [True, False, True, False])

    def test_inherited(self) -> None:
        """A block without rules has those around it; one with a rule has its own alone."""
        server = server_of(
            "allow 127.0.0.1; deny all; satisfy any; location /a { } location /b { deny 10.0.0.1; }"
        )
        sizes = [len(location.settings.access.access_rules) for location in server.locations]
        self.assertEqual(sizes, [2, 1])
        self.assertEqual([x.settings.access.satisfy for x in server.locations], ["any", "any"])

    def test_asks(self) -> None:
        """A location keeps somebody out once a rule, a password or a sub-request holds there."""
        self.assertFalse(AccessSettings().asks)
        for text, asks in {
            "allow all;": True,
            "auth_basic a; auth_basic_user_file b;": True,
            "auth_basic off; auth_basic_user_file b;": False,
            "auth_basic a;": False,
            "auth_request /check;": True,
            "auth_request off;": False,
            "satisfy any;": False,
        }.items():
            self.assertEqual(location_of(text).settings.access.asks, asks, text)

    def test_files(self) -> None:
        """A password file is found beside the configuration file; with a variable the rest is rendered."""
        found = location_of("auth_basic_user_file users;").settings.access.auth_basic_user_file
        assert found is not None
        self.assertEqual(found.constant, b"/srv/dyups/conf/users")
        found = location_of("auth_basic_user_file users/$host;").settings.access.auth_basic_user_file
        assert found is not None
        self.assertEqual(found.render(None), b"/srv/dyups/conf/users/<host>")

    def test_mistakes(self) -> None:
        """Wrong values are refused in nginx's words."""
        for text, error in {
            "allow nobody;": 'invalid parameter "nobody" in conf/nginx.conf:5',
            "satisfy some;": 'invalid value "some" in conf/nginx.conf:5',
            "auth_request_set a b;": 'invalid variable name "a" in conf/nginx.conf:5',
            "auth_request_set $host b;": 'the duplicate "host" variable in conf/nginx.conf:5',
        }.items():
            self.assertEqual(message_of(self, location_of, text), error)
