"""A picture from memory."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.files.pixel import PIXEL
from tests.proxy.conversation import World, get, head

DATE = "Mon, 28 Sep 1970 06:00:00 GMT"


class PixelTests(SynchronousTestCase):
    """``empty_gif``."""

    def ask(self, *fields: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        world = World("server { listen 8080; location / { empty_gif; add_header X y; } }")
        return head(world.ask(get("/any.gif", "x", *fields, method=method)))

    def test_picture(self) -> None:
        """One pixel, with its type and nginx's date."""
        status, fields, body = self.ask()
        self.assertEqual((status, body, len(body)), (200, PIXEL, 43))
        self.assertTrue(body.startswith(b"GIF89a\1\0\1\0") and body.endswith(b";"))
        self.assertEqual(
            [fields[name] for name in ("content-type", "last-modified", "x")], ["image/gif", DATE, "y"]
        )

    def test_head(self) -> None:
        """A HEAD has all but the picture."""
        _, fields, body = self.ask(method="HEAD")
        self.assertEqual((fields["content-length"], body), ("43", b""))

    def test_conditions(self) -> None:
        """Who has it already hears so, with its date."""
        status, fields, body = self.ask(f"If-Modified-Since: {DATE}")
        self.assertEqual((status, fields["last-modified"], fields["x"], body), (304, DATE, "y", b""))
        self.assertEqual(self.ask("If-Modified-Since: Mon, 28 Sep 1970 06:00:01 GMT")[0], 200)
        self.assertEqual(self.ask("If-Unmodified-Since: Mon, 28 Sep 1970 05:00:00 GMT")[0], 412)

    def test_methods(self) -> None:
        """Nothing else can be asked of it."""
        self.assertEqual(self.ask("Content-Length: 0", method="POST")[0], 405)
