"""Plain files."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, get, head

NOW = 1_000_000_000
DATE = "Sun, 09 Sep 2001 01:46:40 GMT"
#: Parts of paths that might lead somewhere else.
SEGMENTS = (
    "sub",
    "..",
    "%2e%2e",
    ".",
    "%2e",
    "",
    "%2f",
    "..%2f",
    "a.html",
    "secret",
    "www",
    "sub..",
    "%5c",
    "sub%2f..",
    "\\..",
)


class FileTests(SynchronousTestCase):
    """What a path leads to."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute() / "www"
        (self.folder / "sub").mkdir(parents=True)
        (self.folder.parent / "secret").write_text("secret")
        (self.folder / "empty").mkdir()
        for name, text in (
            ("a.html", "0123456789"),
            ("sub/index.html", "index"),
            ("x.TXT", ""),
            (".rc", "rc"),
        ):
            (self.folder / name).write_text(text)
            os.utime(self.folder / name, (NOW, NOW))
        (self.folder / "link.html").symlink_to("a.html")
        os.mkfifo(self.folder / "fifo")

    def ask(
        self, path: str, *lines: str, text: str = "", method: str = "GET"
    ) -> tuple[int, dict[str, str], bytes]:
        """The answer for ``path``."""
        world = World(f"server {{ listen 8080; root {self.folder}; {text} }}")
        return head(world.ask(get(path, "one", *lines, method=method)))

    def test_whole(self) -> None:
        """A file with its type, length, time and tag; HEAD gets the same without it; links are followed."""
        status, fields, body = self.ask("/a.html")
        self.assertEqual((status, body), (200, b"0123456789"))
        found = [
            fields[name] for name in ("content-type", "content-length", "last-modified", "accept-ranges")
        ]
        self.assertEqual(found, ["text/html", "10", DATE, "bytes"])
        self.assertEqual(fields["etag"], '"3b9aca00-a"')
        self.assertEqual(self.ask("/a.html", method="HEAD"), (200, fields, b""))
        self.assertEqual(self.ask("/link.html")[2], b"0123456789")
        self.assertNotIn("etag", self.ask("/a.html", text="etag off;")[1])

    def test_types(self) -> None:
        """By the extension, whatever its case; a name that begins with a dot has none."""
        text = "types { t/x txt rc; } default_type d/d;"
        found = [self.ask(path, text=text)[1]["content-type"] for path in ("/x.TXT", "/a.html", "/.rc")]
        self.assertEqual(found, ["t/x", "d/d", "d/d"])

    def test_not_there(self) -> None:
        """404 for what is not there, is no file, or has a name that no file can have."""
        for path in ("/none", "/a.html/x", "/fifo", "/" + "a" * 300, "/none/"):
            self.assertEqual(self.ask(path)[0], 404, path)

    def test_outside(self) -> None:
        """Nothing outside of the root is reached."""
        for path in ("/../a.html", "/%2e%2e/%2e%2e/etc/passwd", "/sub/../../etc/passwd"):
            self.assertEqual(self.ask(path)[0], 400, path)

    @example(["sub..", "secret"], "")
    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.sampled_from(SEGMENTS), max_size=6), st.sampled_from(("", "/", "?x", "%00")))
    def test_never_outside(self, segments: list[str], end: str) -> None:
        """Whatever a path looks like, what is served is one of the files below the root, or a page of ours."""
        path = "/" + "/".join(segments) + end
        for text in (
            "",
            f"location /sub {{ alias {self.folder}/sub; }}",
            f"location /sub {{ alias {self.folder}/; }}",
            f"location /sub {{ alias {self.folder}/; try_files $uri =404; }}",
            "autoindex on;",
            "merge_slashes off;",
        ):
            status, _, body = self.ask(path, text=text)
            self.assertNotIn(b"secret", body)
            self.assertIn(status, (200, 301, 400, 403, 404))

    def test_methods(self) -> None:
        """Files are only read."""
        found = [self.ask("/a.html", method=method)[0] for method in ("POST", "PUT", "DELETE", "OPTIONS")]
        self.assertEqual(found, [405] * 4)
        self.assertEqual(self.ask("/none", method="POST")[0], 404)

    def test_folders(self) -> None:
        """A folder leads to itself with a slash, and shows its index, or nothing."""
        status, fields, _ = self.ask("/sub?a=1")
        self.assertEqual((status, fields["location"]), (301, "http://one:8080/sub/?a=1"))
        self.assertEqual(self.ask("/sub/")[2], b"index")
        self.assertEqual(self.ask("/empty/")[0], 403)

    def test_indexes(self) -> None:
        """The first that is there is found anew, as another path; an absolute one is not looked for."""
        text = "index none $arg_i index.html /last; location ~ html$ { return 200 $uri; }"
        self.assertEqual(self.ask("/sub/", text=text)[2], b"/sub/index.html")
        text = "index none /last; location /last { internal; return 200 last; }"
        self.assertEqual(self.ask("/sub/", text=text)[2], b"last")

    def test_range(self) -> None:
        """One part, several parts, and none that is there."""
        status, fields, body = self.ask("/a.html", "Range: bytes=2-4")
        self.assertEqual((status, fields["content-range"], body), (206, "bytes 2-4/10", b"234"))
        status, fields, body = self.ask("/a.html", "Range: bytes=0-0,-2")
        self.assertEqual((status, len(body)), (206, int(fields["content-length"])))
        boundary = fields["content-type"].partition("boundary=")[2].encode()
        parts = [part.partition(b"\r\n\r\n") for part in body.split(b"\r\n--" + boundary)]
        self.assertEqual([part[2] for part in parts[1:]], [b"0", b"89", b""])
        self.assertIn(b"Content-Range: bytes 8-9/10", parts[2][0])
        status, fields, _ = self.ask("/a.html", "Range: bytes=10-")
        self.assertEqual((status, fields["content-range"]), (416, "bytes */10"))
        self.assertEqual(self.ask("/a.html", "Range: bytes=2-4", text="max_ranges 0;")[0], 200)
        self.assertEqual(self.ask("/a.html", "Range: bytes=2-4", method="HEAD")[2], b"")

    def test_range_of_another_time(self) -> None:
        """``If-Range`` is compared with what clients are told, which a location may have replaced."""
        date, tag = "Wed, 01 Jan 2020 00:00:00 GMT", '"other"'
        said = f"add_header Last-Modified '{date}'; add_header ETag '{tag}';"
        world = World(f"server {{ listen 8080; root {self.folder}; location / {{ {said} }} }}")
        for value, expected in (
            (date, 206),
            (tag, 206),
            ("Thu, 02 Jan 2020 00:00:00 GMT", 200),
            ('"x"', 200),
        ):
            answer = head(world.ask(get("/a.html", "x", "Range: bytes=0-1", f"If-Range: {value}")))
            self.assertEqual(
                (answer[0], answer[1]["last-modified"], answer[1]["etag"]), (expected, date, tag)
            )
        world = World(f"server {{ listen 8080; root {self.folder}; add_header Last-Modified ''; }}")
        for value in (date, "nonsense"):
            self.assertEqual(
                head(world.ask(get("/a.html", "x", "Range: bytes=0-1", f"If-Range: {value}")))[0], 200
            )

    def test_conditions(self) -> None:
        """304 has neither body nor type, 412 is a page."""
        status, fields, body = self.ask("/a.html", f"If-Modified-Since: {DATE}")
        self.assertEqual((status, fields["last-modified"], body), (304, DATE, b""))
        self.assertNotIn("content-type", fields)
        self.assertEqual(self.ask("/a.html", 'If-Match: "x"')[0], 412)

    def test_as_error_page(self) -> None:
        """As an error page a file has the error's status, whatever the request's conditions."""
        text = "error_page 404 /a.html;"
        for line in ("Range: bytes=1-2", f"If-Modified-Since: {DATE}"):
            status, _, body = self.ask("/none", line, text=text)
            self.assertEqual((status, body), (404, b"0123456789"))

    def test_as_error_page_without_a_body(self) -> None:
        """With a status that has no body a file leaves none behind for the next answer."""
        for status in (204, 304):
            found, fields, body = self.ask("/none", text=f"error_page 404 ={status} /a.html;")
            self.assertEqual((found, body), (status, b""))
            self.assertNotIn("content-length", fields)

    def test_rewritten_alias(self) -> None:
        """An alias does not know where a rewritten path leads."""
        text = f"location /x/ {{ alias {self.folder}/; rewrite ^ /a.html break; }}"
        self.assertEqual(self.ask("/x/a.html", text=text)[0], 500)

    def test_forbidden(self) -> None:
        """A file that may not be read is forbidden."""
        if os.geteuid() == 0:
            self.patch(os, "open", self.refuse)
        else:
            (self.folder / "a.html").chmod(0)
        self.assertEqual(self.ask("/a.html")[0], 403)

    def refuse(self, *args: object) -> int:
        """As for a user who may not."""
        raise PermissionError(13, "Permission denied")
