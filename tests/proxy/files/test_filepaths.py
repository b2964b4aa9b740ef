"""Where a file is."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, get, head


class FilePathTests(SynchronousTestCase):
    """``root`` and ``alias``, as ``$request_filename`` and ``$document_root`` show them."""

    def shown(self, text: str, path: str) -> str:
        """Both variables for ``path``."""
        world = World(f"server {{ listen 8080; root /r; {text} }}")
        return head(world.ask(get(path)))[2].decode()

    def test_root(self) -> None:
        """The whole path follows the root, which may have variables."""
        show = 'return 200 "$request_filename $document_root";'
        self.assertEqual(self.shown(f"location /a/ {{ {show} }}", "/a/b"), "/r/a/b /r")
        self.assertEqual(self.shown(f"location /a/ {{ root /x/$host; {show} }}", "/a/b"), "/x/one/a/b /x/one")

    def test_alias(self) -> None:
        """What follows the location's own part of the path follows the alias; in a regular expression nothing does."""
        show = 'echo -n "$request_filename";'
        self.assertEqual(self.shown(f"location /a/ {{ alias /x/; {show} }}", "/a/b/c"), "/x/b/c")
        self.assertEqual(
            self.shown(f"location ~ ^/a/(.*)/ {{ alias /x/$1.txt; {show} }}", "/a/b/c"), "/x/b.txt"
        )

    def test_rewritten(self) -> None:
        """Once the path was rewritten, an alias cannot tell."""
        show = 'echo -n "[$request_filename]";'
        text = f"location /a/ {{ alias /x/; rewrite ^ /c break; {show} }}"
        self.assertEqual(self.shown(text, "/a/b"), "[]")
