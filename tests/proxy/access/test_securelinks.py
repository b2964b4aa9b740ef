"""Links with a checksum."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.access import securelinks
from tests.proxy.conversation import World, get, head

NOW = 1_800_000_000
CONFIG = """
server { listen 8080;
    location / { secure_link $arg_md5,$arg_expires; secure_link_md5 "$arg_expires$uri secret";
        return 200 "[$secure_link][$secure_link_expires]"; }
    location /ever { secure_link $arg_md5; secure_link_md5 "$uri secret"; return 200 "[$secure_link]"; }
    location /half { secure_link $arg_md5; return 200 "[$secure_link]"; }
    location /none { return 200 "[$secure_link][$secure_link_expires]"; }
    location /p/ { secure_link_secret word; return 200 "[$secure_link][$secure_link_expires]"; }
}
"""


def coded(text: str) -> str:
    """MD5 as it stands in a URL."""
    return urlsafe_b64encode(hashlib.md5(text.encode()).digest()).decode().rstrip("=")


class LinkTests(SynchronousTestCase):
    """``$secure_link``."""

    def setUp(self) -> None:
        self.patch(securelinks.time, "time", lambda: NOW + 0.5)
        self.world = World(CONFIG)

    def said(self, path: str) -> str:
        return head(self.world.ask(get(path)))[2].decode()

    def test_right(self) -> None:
        """``1`` with the right checksum in time, ``0`` too late; both tell until when."""
        for expires, expected in ((NOW + 1, "1"), (NOW, "0"), (1, "0")):
            path = f"/x?md5={coded(f'{expires}/x secret')}&expires={expires}"
            self.assertEqual(self.said(path), f"[{expected}][{expires}]")

    def test_ever(self) -> None:
        """A link that says no time holds for ever, with or without the signs that fill a checksum up."""
        for end in ("", "=", "=="):
            self.assertEqual(self.said(f"/ever?md5={coded('/ever secret')}{end}"), "[1]")

    def test_wrong(self) -> None:
        """Anything else is nothing."""
        right = coded("/ever secret")
        for value in (
            "",
            right[:-1],
            right[::-1],
            right + "A",
            right + "===",
            "!" + right[1:],
            right + ",",
            right + ",x",
        ):
            self.assertEqual(self.said(f"/ever?md5={value}"), "[]", value)
        for expires in ("", "0", "-1", "1x", "9" * 19):
            path = f"/x?md5={coded(expires + '/x secret')}&expires={expires}"
            self.assertEqual(self.said(path), "[][]", expires)

    def test_not_said(self) -> None:
        """Without both directives there is no answer."""
        self.assertEqual(self.said("/half?md5=x"), "[]")
        self.assertEqual(self.said("/none"), "[][]")

    def test_in_path(self) -> None:
        """With a secret the link is what follows the checksum, as it was written."""
        for link in ("a", "a/b%20c?d=e"):
            digest = hashlib.md5((link + "word").encode()).hexdigest()
            self.assertEqual(self.said(f"/p/{digest}/{link}"), f"[{link}][]")
            self.assertEqual(self.said(f"/p/{digest.upper()}/{link}"), f"[{link}][]")
            self.assertEqual(self.said(f"/p/{digest}/{link}x"), "[][]")
        for path in ("/p/", f"/p/{'0' * 32}", f"/p/{'0' * 32}/", f"/p/{'0' * 31}/x"):
            self.assertEqual(self.said(path), "[][]")

    @given(st.binary(max_size=30))
    @settings(deadline=None)
    def test_any_checksum(self, value: bytes) -> None:
        """Whatever a client writes is sixteen bytes or none."""
        self.assertIn(len(securelinks._decoded(value)), (0, 16))
