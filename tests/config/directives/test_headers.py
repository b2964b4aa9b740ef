"""The table of the fields of answers."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.directives.headers import parse_expires
from dyups.config.routing import Expires, ExpiresMode
from tests.config.helpers import location_of, message_of

BAD = {
    "add_header a b c;": 'invalid parameter "c" in conf/nginx.conf:5',
    "add_header 'a b' c;": 'invalid header name "a b" in conf/nginx.conf:5',
    "expires x;": "invalid value in conf/nginx.conf:5",
    "expires 1h 2h;": 'invalid value "1h" in conf/nginx.conf:5',
    "expires modified epoch;": "invalid value in conf/nginx.conf:5",
    "expires modified @1h;": "invalid value in conf/nginx.conf:5",
    "expires @25h;": "daily time value must be less than 24 hours in conf/nginx.conf:5",
    "expires @-1h;": "invalid value in conf/nginx.conf:5",
}


class Headers(SynchronousTestCase):
    """What the table reads itself."""

    def test_expires(self) -> None:
        """Each form of a time."""
        for text, mode, seconds in (
            ("1h", ExpiresMode.ACCESS, 3600),
            ("+1h", ExpiresMode.ACCESS, 3600),
            ("-1", ExpiresMode.ACCESS, -1),
            ("@15h30m", ExpiresMode.DAILY, 55800),
            ("epoch", ExpiresMode.EPOCH, 0),
            ("max", ExpiresMode.MAX, 0),
        ):
            self.assertEqual(parse_expires(text), Expires(mode, seconds))
        self.assertEqual(parse_expires("1h", modified=True), Expires(ExpiresMode.MODIFIED, 3600))
        self.assertIsNone(location_of("expires off;").settings.answers.expires)

    def test_add_header(self) -> None:
        """Name, value and ``always``."""
        fields = location_of("add_header A $host; add_header B c always;").settings.answers.add_header
        self.assertEqual(
            [(f.name, f.value.source, f.always) for f in fields], [("A", "$host", False), ("B", "c", True)]
        )

    def test_mistakes(self) -> None:
        """Mistakes are told in nginx's words."""
        self.assertEqual({text: message_of(self, location_of, text) for text in BAD}, BAD)
