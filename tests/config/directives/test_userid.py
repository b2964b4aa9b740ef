"""The arguments of userid and its siblings."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.userid import FOREVER, UserIdSettings
from tests.config.helpers import location_of, message_of


class UserIdTests(SynchronousTestCase):
    """How they are read."""

    def found(self, text: str) -> UserIdSettings:
        return location_of(text).settings.answers.userid

    def test_read(self) -> None:
        """Everything that can be said."""
        found = self.found(
            "userid v1; userid_domain example.com; userid_expires 1d; userid_flags samesite=lax secure httponly;"
            "userid_mark Z; userid_name id; userid_p3p 'a b'; userid_path /x; userid_service 7;"
        )
        flags = ("secure", "httponly", "samesite=lax")
        self.assertEqual(found, UserIdSettings("v1", "example.com", 86400, flags, "Z", "id", "a b", "/x", 7))

    def test_off(self) -> None:
        """What turns each off."""
        found = self.found(
            "userid off; userid_domain none; userid_expires off; userid_flags off; userid_mark off; userid_p3p none;"
        )
        self.assertEqual(found, UserIdSettings())
        self.assertEqual(self.found("userid_expires max;").userid_expires, FOREVER)

    def test_mistakes(self) -> None:
        """nginx's words."""
        for text, expected in {
            "userid maybe;": 'invalid value "maybe"',
            "userid_expires soon;": '"userid_expires" directive invalid value',
            "userid_mark ab;": 'value must be "off" or a single letter, digit or "="',
            "userid_flags sweet;": 'invalid value "sweet"',
            "userid_service x;": '"userid_service" directive invalid number',
        }.items():
            self.assertIn(expected, message_of(self, location_of, text))
