"""The table of plain files."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.helpers import Exchange, location_of, message_of

BAD = {
    "index /a b;": (
        'only the last index in "index" directive should be absolute (not "/a") in conf/nginx.conf:5'
    ),
    "root a; root b;": '"root" directive is duplicate in conf/nginx.conf:5',
    "autoindex_format yaml;": 'invalid value "yaml" in conf/nginx.conf:5',
    "if_modified_since after;": 'invalid value "after" in conf/nginx.conf:5',
    "max_ranges x;": '"max_ranges" directive invalid number in conf/nginx.conf:5',
}


class Files(SynchronousTestCase):
    """What the table reads itself."""

    def test_root(self) -> None:
        """A folder is relative to the prefix, whether it has variables or not, and needs no slash at its end."""
        for text, expected in (
            ("/a/", b"/a"),
            ("a", b"/srv/dyups/a"),
            ("/", b""),
            ("/a/$host", b"/a/<host>"),
            ("b/$host", b"/srv/dyups/b/<host>"),
        ):
            root = location_of(f"root {text};").settings.files.root
            assert root is not None
            self.assertEqual(root.render(Exchange()), expected)

    def test_index(self) -> None:
        """Names in order."""
        index = location_of("index a $host.html /c;").settings.files.index
        self.assertEqual([name.source for name in index], ["a", "$host.html", "/c"])

    def test_without_effect(self) -> None:
        """How files are read is ours to choose."""
        location_of(
            "sendfile on; aio threads; directio 4m; open_file_cache max=10 inactive=20s; output_buffers 2 32k;"
        )

    def test_mistakes(self) -> None:
        """Mistakes are told in nginx's words."""
        self.assertEqual({text: message_of(self, location_of, text) for text in BAD}, BAD)
