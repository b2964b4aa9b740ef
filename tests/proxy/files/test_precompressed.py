"""Copies of files that were compressed beforehand, and files that are compressed while they are sent."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, get, head
from tests.proxy.filters.test_gzipping import ASKS, body_of

TEXT = b"some text, " * 20


class Copies(SynchronousTestCase):
    """``gzip_static``."""

    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.root.mkdir()
        (self.root / "a.css").write_bytes(TEXT)
        (self.root / "a.css.gz").write_bytes(gzip.compress(b"the copy"))
        (self.root / "b.css").write_bytes(TEXT)
        (self.root / "d.css").write_bytes(TEXT)
        (self.root / "d.css.gz").mkdir()
        (self.root / "only.css.gz").write_bytes(gzip.compress(b"the copy"))

    def ask(
        self, said: str, path: str, *fields: str, method: str = "GET"
    ) -> tuple[int, dict[str, str], bytes]:
        """The answer, read to its end."""
        world = World(
            f"server {{ root {self.root.absolute()}; types {{ text/css css; }} location / {{ {said} }} }}"
        )
        client = world.client(high=1 << 30)
        client.say(get(path, "one", *fields, method=method))
        world.clock.pump([0] * 40)
        return (head if method == "HEAD" else body_of)(client.read())

    def test_copy(self) -> None:
        """The copy is sent to who asks for it, with the type of the file, and its own tag and length."""
        status, fields, body = self.ask("gzip_static on;", "/a.css", ASKS)
        size = (self.root / "a.css.gz").stat().st_size
        self.assertEqual((status, body, fields["content-type"]), (200, b"the copy", "text/css"))
        self.assertEqual((fields["content-length"], fields["content-encoding"]), (str(size), "gzip"))
        self.assertTrue(fields["etag"].endswith(f'-{size:x}"'))
        self.assertNotIn("vary", fields)

    def test_not_asked_for(self) -> None:
        """Others get the file, and hear that there is a copy."""
        _, fields, body = self.ask("gzip_static on; gzip_vary on;", "/a.css")
        self.assertEqual((body, fields["vary"]), (TEXT, "Accept-Encoding"))
        self.assertNotIn("vary", self.ask("gzip_static on; gzip_vary on;", "/b.css")[1])

    def test_always(self) -> None:
        """Whoever asks; the file itself need not be there."""
        for path in ("/a.css", "/only.css"):
            _, fields, body = self.ask("gzip_static always; gzip_vary on;", path)
            self.assertEqual(
                (body, fields["content-encoding"], "vary" in fields), (b"the copy", "gzip", False)
            )

    def test_unpacked(self) -> None:
        """With ``gunzip`` the copy alone is enough for everybody."""
        _, fields, body = self.ask("gzip_static always; gunzip on;", "/only.css")
        self.assertEqual((body, "content-encoding" in fields), (b"the copy", False))

    def test_no_copy(self) -> None:
        """Without a copy, and where a folder stands in its place, it is the file; without both it is 404."""
        for path in ("/b.css", "/d.css"):
            _, fields, body = self.ask("gzip_static on;", path, ASKS)
            self.assertEqual((body, "content-encoding" in fields), (TEXT, False))
        self.assertEqual(self.ask("gzip_static on;", "/none.css", ASKS)[0], 404)
        self.assertEqual(self.ask("gzip_static on;", "/a.css", ASKS, method="POST")[0], 405)

    def test_conditions(self) -> None:
        """The copy has its own tag: who has it hears that nothing changed."""
        tag = self.ask("gzip_static on; gzip_vary on;", "/a.css", ASKS)[1]["etag"]
        status, fields, _ = self.ask("gzip_static on; gzip_vary on;", "/a.css", ASKS, f"If-None-Match: {tag}")
        self.assertEqual(
            (status, "content-encoding" in fields, fields["vary"]), (304, False, "Accept-Encoding")
        )

    def test_no_parts(self) -> None:
        """Of a copy no part can be asked for."""
        for value in ("0-3", "99999-"):
            status, fields, body = self.ask("gzip_static on;", "/a.css", ASKS, f"Range: bytes={value}")
            self.assertEqual((status, body, "accept-ranges" in fields), (200, b"the copy", False))

    def test_no_second_time(self) -> None:
        """A copy is not compressed again, and no descriptor stays open."""
        before = len(os.listdir("/proc/self/fd"))
        _, _, body = self.ask("gzip_static on; gzip on; gzip_types text/css;", "/a.css", ASKS)
        self.assertEqual(body, b"the copy")
        self.ask("gzip_static on; gzip_vary on;", "/a.css")
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class Compressed(Copies):
    """``gzip`` of files."""

    def test_file(self) -> None:
        """The file is compressed while it is sent; its tag becomes weak, and no part of it can be asked for."""
        (self.root / "b.css").write_bytes(TEXT * 5000)
        for fields in ((ASKS,), (ASKS, "Range: bytes=0-3"), (ASKS, "Range: bytes=99999999-")):
            status, found, body = self.ask("gzip on; gzip_types text/css;", "/b.css", *fields)
            self.assertEqual((status, body, found["content-encoding"]), (200, TEXT * 5000, "gzip"))
            self.assertEqual(found.keys() & {"content-length", "accept-ranges"}, set())
            self.assertTrue(found["etag"].startswith('W/"'))
        status, found, body = self.ask("gzip on; gzip_types text/css;", "/b.css", "Range: bytes=0-3")
        self.assertEqual((status, body, "content-encoding" in found), (206, TEXT[:4], False))

    def test_head(self) -> None:
        """HEAD hears the same, without a body."""
        status, fields, body = self.ask("gzip on; gzip_types text/css;", "/b.css", ASKS, method="HEAD")
        self.assertEqual((status, body, fields["content-encoding"]), (200, b"", "gzip"))
        self.assertNotIn("content-length", fields)

    def test_weak_tag(self) -> None:
        """Who has the compressed file has the file."""
        tag = self.ask("gzip on; gzip_types text/css;", "/b.css", ASKS)[1]["etag"]
        self.assertEqual(self.ask("gzip on;", "/b.css", ASKS, f"If-None-Match: {tag}")[0], 304)
