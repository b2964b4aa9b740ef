"""Content types by extension."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, get, head

TYPES = "types { text/html html; text/plain TXT log; application/x-tar tar.gz; }"


class TypeTests(SynchronousTestCase):
    """The type of what ``return`` and ``echo`` answer, as of a file of that name."""

    def kind(self, path: str, words: str, types: str = TYPES) -> str:
        """The type of the answer."""
        world = World(f"{types} default_type a/b; server {{ listen 8080; location / {{ {words} }} }}")
        return head(world.ask(get(path)))[1]["content-type"]

    def test_extensions(self) -> None:
        """The last extension counts, in any case; a name without one, or with nothing before it, has the default."""
        for words in ("return 200 x;", "echo x;"):
            for path, expected in (
                ("/a.html", "text/html"),
                ("/a.b.Txt?c.html", "text/plain"),
                ("/a.LOG", "text/plain"),
                ("/a.tar.gz", "a/b"),
                ("/a.none", "a/b"),
                ("/a", "a/b"),
                ("/.html", "a/b"),
                ("/a.html/", "a/b"),
                ("/a.html/b", "a/b"),
                ("/a.", "a/b"),
            ):
                self.assertEqual(self.kind(path, words), expected, (words, path))

    def test_rewritten(self) -> None:
        """What the request was sent on to counts."""
        self.assertEqual(self.kind("/a.html", "rewrite ^ /b.txt; return 200 x;"), "text/plain")

    def test_usual(self) -> None:
        """Without ``types`` there are three, and an empty block leaves none."""
        for path, expected in (("/a.html", "text/html"), ("/a.GIF", "image/gif"), ("/a.txt", "a/b")):
            self.assertEqual(self.kind(path, "return 200 x;", ""), expected)
        self.assertEqual(self.kind("/a.html", "return 200 x; types { }"), "a/b")
