"""The conditions of ``if``."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.routing import Question
from dyups.proxy.rewrite.conditions import is_so
from tests.proxy.conversation import World, get, head


class ConditionTests(SynchronousTestCase):
    """What holds for which request."""

    def holds(self, condition: str, path: str = "/x") -> bool:
        """Does the condition hold for a request for ``path``?"""
        world = World(f"server {{ listen 8080; if ({condition}) {{ return 200 yes; }} return 200 no; }}")
        return head(world.ask(get(path)))[2] == b"yes"

    def test_variable(self) -> None:
        """A variable holds unless it is empty or ``0``."""
        for value, expected in (("a", True), ("0", False), ("00", True), ("", False)):
            self.assertIs(self.holds("$arg_a", f"/x?a={value}"), expected)

    def test_equal(self) -> None:
        """Equal and not equal, with a value that may have variables."""
        self.assertEqual(
            [self.holds("$arg_a = b$arg_c", path) for path in ("/?a=b", "/?a=bd&c=d", "/?a=B")],
            [True, True, False],
        )
        self.assertEqual([self.holds("$arg_a != b", path) for path in ("/?a=b", "/?a=c")], [False, True])

    def test_regex(self) -> None:
        """Regular expressions with and without case, and their negations."""
        found = {
            operator: [self.holds(f"$uri {operator} ^/A", path) for path in ("/Ab", "/ab", "/b")]
            for operator in ("~", "~*", "!~", "!~*")
        }
        self.assertEqual(
            found,
            {
                "~": [True, False, False],
                "~*": [True, True, False],
                "!~": [False, True, True],
                "!~*": [False, False, True],
            },
        )

    def test_captures(self) -> None:
        """What a regular expression finds is there for the steps inside; one that fails leaves nothing."""
        world = World(
            "server { listen 8080; if ($uri ~ ^/(?<who>[a-z]+)/(.)) { set $both $1$2$who; }"
            ' if ($uri ~ ^/x/(.)z) { return 200 z$1; } return 200 "$both.$1"; }'
        )
        self.assertEqual(head(world.ask(get("/ab/c")))[2], b"abcab.")

    def test_files(self) -> None:
        """Files, folders, what is there at all and what can be run, and their negations."""
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "file").write_text("x")
        (folder / "tool").write_text("x")
        (folder / "tool").chmod(0o755)
        base = folder.absolute()
        for flag, expected in (("f", "file tool"), ("d", "."), ("e", "file tool ."), ("x", "tool .")):
            found = [name for name in ("file", "tool", ".", "none") if self.holds(f"-{flag} {base}/{name}")]
            self.assertEqual(" ".join(found), expected)
            found = [name for name in ("file", "tool", ".") if self.holds(f"!-{flag} {base}/{name}")]
            self.assertEqual(set(found), {"file", "tool", "."} - set(expected.split()))

    def test_odd_path(self) -> None:
        """A path that no file can have is not there."""
        self.assertIs(is_so(Question.EXISTS, b"/a\0b"), False)
