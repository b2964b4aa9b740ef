"""The list of a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.routing import FileSettings
from dyups.proxy.files.autoindex import BadCallback, listing
from tests.proxy.conversation import World, get, head


class ListTests(SynchronousTestCase):
    """:func:`listing`."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        (self.folder / "zsub").mkdir(parents=True)
        (self.folder / "a&b <c>").write_text("12345")
        (self.folder / ("n" * 60)).write_text("x" * 20000)
        (self.folder / ".hidden").write_text("x")
        (self.folder / "broken").symlink_to("nowhere")
        for path in self.folder.iterdir():
            if not path.is_symlink():
                os.utime(path, (1_000_000_000, 1_000_000_000))

    def text(self, settings: FileSettings) -> str:
        """The list as text."""
        return listing(bytes(self.folder), b"/x/", b"", settings)[1].decode()

    def test_html(self) -> None:
        """Folders first, then files, with date and size; names are escaped and cut."""
        lines = self.text(FileSettings()).split("\r\n")
        self.assertEqual(lines[3], '<h1>Index of /x/</h1><hr><pre><a href="../">../</a>')
        date = "09-Sep-2001 01:46"
        self.assertEqual(
            lines[4:7],
            [
                f'<a href="zsub/">zsub/</a>{" " * 46}{date} {"-":>19}',
                f'<a href="a&b%20%3Cc%3E">a&amp;b &lt;c&gt;</a>{" " * 44}{date} {5:>19}',
                f'<a href="{"n" * 60}">{"n" * 47}..&gt;</a> {date} {20000:>19}',
            ],
        )

    def test_sizes(self) -> None:
        """Sizes may be rounded."""
        self.assertIn("    20K\r\n", self.text(FileSettings(autoindex_exact_size=False)))

    def test_xml(self) -> None:
        """The same as XML, where what is neither folder nor file says so."""
        os.mkfifo(self.folder / "pipe")
        os.utime(self.folder / "pipe", (1_000_000_000, 1_000_000_000))
        kind, text = listing(bytes(self.folder), b"/", b"", FileSettings(autoindex_format="xml"))
        date = "2001-09-09T01:46:40Z"
        self.assertEqual(kind, b"text/xml; charset=utf-8")
        self.assertEqual(
            text.decode().split("\r\n"),
            [
                '<?xml version="1.0"?>',
                "<list>",
                f'<directory mtime="{date}">zsub</directory>',
                f'<file mtime="{date}" size="5">a&amp;b &lt;c&gt;</file>',
                f'<file mtime="{date}" size="20000">{"n" * 60}</file>',
                f'<other mtime="{date}">pipe</other>',
                "</list>",
                "",
            ],
        )

    def test_jsonp(self) -> None:
        """JSON that calls a function, if there is one that may be called so."""
        settings = FileSettings(autoindex_format="jsonp")
        plain = listing(bytes(self.folder), b"/", b"", FileSettings(autoindex_format="json"))
        for args in (b"", b"callback=", b"a=b&x"):
            self.assertEqual(listing(bytes(self.folder), b"/", args, settings), plain)
        kind, text = listing(bytes(self.folder), b"/", b"a&CALLBACK=f._9", settings)
        self.assertEqual(kind, b"application/javascript")
        self.assertEqual(text, b"/* callback */\r\nf._9(" + plain[1] + b");")
        for name in (b"f()", b"$f", b"%66", b"a" * 129, b"a-b"):
            with self.assertRaises(BadCallback):
                listing(bytes(self.folder), b"/", b"callback=" + name, settings)

    def test_json(self) -> None:
        """The same as JSON."""
        kind, text = listing(bytes(self.folder), b"/", b"", FileSettings(autoindex_format="json"))
        found = json.loads(text)
        self.assertEqual(kind, b"application/json")
        self.assertEqual([entry["name"] for entry in found], ["zsub", "a&b <c>", "n" * 60])
        self.assertEqual(
            found[1], {"name": "a&b <c>", "type": "file", "mtime": "Sun, 09 Sep 2001 01:46:40 GMT", "size": 5}
        )

    def test_served(self) -> None:
        """A folder without an index is listed where that is wanted, else it is forbidden."""
        for flag, status in (("on", 200), ("off", 403)):
            world = World(f"server {{ listen 8080; root {self.folder}; autoindex {flag}; }}")
            self.assertEqual(head(world.ask(get("/")))[0], status)
