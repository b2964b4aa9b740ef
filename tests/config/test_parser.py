"""The tree of a configuration, its files and their includes."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.parser import MAX_DEPTH, Directive, decode, each_directive, encode, parse_file, parse_text
from dyups.errors import ConfigError
from tests.config.helpers import message_of


class Texts(SynchronousTestCase):
    """Trees of texts."""

    def test_tree(self) -> None:
        """Blocks hold their directives; each directive knows where it was said."""
        self.assertEqual(
            parse_text("a b;\nc {\n d;\n e f { }\n}\n", "x.conf"),
            (
                Directive("a", ("b",), "x.conf", 1),
                Directive(
                    "c",
                    (),
                    "x.conf",
                    2,
                    (Directive("d", (), "x.conf", 3), Directive("e", ("f",), "x.conf", 4, ())),
                ),
            ),
        )

    def test_one_at_a_time(self) -> None:
        """A long text can be read directive by directive; a later mistake does not hide earlier ones."""
        found = each_directive("a {b;} c; d")
        self.assertEqual([next(found).name, next(found).name], ["a", "c"])
        self.assertRaises(ConfigError, next, found)

    def test_include_is_not_followed(self) -> None:
        """A text that came from no file includes nothing."""
        self.assertEqual(parse_text("include /etc/passwd;"), (Directive("include", ("/etc/passwd",), "", 1),))

    def test_balance(self) -> None:
        """Blocks must balance."""
        for text, error in {
            "a {\n b;\n": 'unexpected end of file, expecting "}" in f:3',
            "a;\n}": 'unexpected "}" in f:2',
            "a {} }": 'unexpected "}" in f:1',
            "a {" * (MAX_DEPTH + 1): "blocks are nested more than 100 deep in f:1",
        }.items():
            self.assertEqual(message_of(self, parse_text, text, "f"), error)

    def test_bytes_survive(self) -> None:
        """Bytes that are no UTF-8 pass through unchanged."""
        raw = bytes(range(256))
        self.assertEqual(encode(decode(raw)), raw)


class Files(SynchronousTestCase):
    """Trees of files."""

    def setUp(self) -> None:
        self.prefix = self.mktemp()
        self.write("conf/nginx.conf", "")

    def write(self, name: str, text: str) -> str:
        path = Path(self.prefix, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return str(path)

    def names(self, text: str) -> list[str]:
        path = self.write("conf/nginx.conf", text)
        return [directive.name for directive in parse_file(path, prefix=self.prefix).directives]

    def failure(self, text: str) -> str:
        path = self.write("conf/nginx.conf", text)
        return message_of(self, parse_file, path, prefix=self.prefix).replace(self.prefix, "P")

    def test_include(self) -> None:
        """The directives of an included file stand in its place, with their own file and line."""
        inner = self.write("conf/sub/a.conf", "\nb;")
        path = self.write("conf/nginx.conf", "a;\ninclude sub/a.conf;\nc;")
        tree = parse_file(path, prefix=self.prefix)
        self.assertEqual(
            tree.directives,
            (Directive("a", (), path, 1), Directive("b", (), inner, 2), Directive("c", (), path, 3)),
        )
        self.assertEqual(tree.files, (path, inner))

    def test_include_in_block(self) -> None:
        """Includes work in blocks, and in included files, always from the main configuration's folder."""
        self.write("conf/sub/a.conf", "include sub/b.conf;")
        self.write("conf/sub/b.conf", "deep;")
        path = self.write("conf/nginx.conf", "a { include sub/a.conf; }")
        block = parse_file(path, prefix=self.prefix).directives[0].block
        assert block is not None
        self.assertEqual([directive.name for directive in block], ["deep"])

    def test_prefix_is_second(self) -> None:
        """What is not in the configuration's folder is looked for under the prefix, as the seed needs it."""
        self.write("conf/upstream.conf", "under_prefix;")
        self.assertEqual(self.names("include conf/upstream.conf;"), ["under_prefix"])
        self.write("conf/conf/upstream.conf", "in_folder;")
        self.assertEqual(self.names("include conf/upstream.conf;"), ["in_folder"])

    def test_globs(self) -> None:
        """Matches of a pattern are read in sorted order; none at all is fine."""
        for name in ("b", "a", "c"):
            self.write(f"conf/d/{name}.conf", f"{name};")
        self.write("conf/d/x.txt", "x;")
        self.assertEqual(self.names("include d/*.conf; include d/*.none;"), ["a", "b", "c"])
        self.assertEqual(self.names("include conf/d/[ab].conf;"), ["a", "b"])

    def test_missing_include(self) -> None:
        """A file that is named and not there is an error where it is named."""
        self.assertEqual(
            self.failure("a;\ninclude x.conf;"),
            'open() "P/conf/x.conf" failed (2: No such file or directory) in P/conf/nginx.conf:2',
        )

    def test_missing_dump(self) -> None:
        """The dump file is written later: while it is not there it counts as empty."""
        seed = "http { dyups_upstream_conf conf/up.conf; include conf/up.conf; }"
        self.assertEqual(self.names(seed), ["http"])
        self.assertEqual(
            self.names("include up.conf; dyups_upstream_conf conf/up.conf;"), ["dyups_upstream_conf"]
        )
        self.assertIn("No such file", self.failure("include up.conf; dyups_upstream_conf conf/other.conf;"))

    def test_missing_main_file(self) -> None:
        """The configuration itself has no place to blame, and is shown as it was given."""
        missing = os.path.join(self.prefix, "no.conf")
        self.assertEqual(
            message_of(self, parse_file, missing), f'open() "{missing}" failed (2: No such file or directory)'
        )
        self.assertEqual(message_of(self, parse_file, "a\0b"), 'open() "a\0b" failed (22: Invalid argument)')

    def test_folder(self) -> None:
        """A folder cannot be included."""
        os.mkdir(os.path.join(self.prefix, "conf", "d"))
        self.assertEqual(
            self.failure("include d;"), 'open() "P/conf/d" failed (21: Is a directory) in P/conf/nginx.conf:1'
        )

    def test_endless_include(self) -> None:
        """A file that includes itself ends in an error."""
        self.assertIn("Too many open files", self.failure("include nginx.conf;"))

    def test_arguments_of_include(self) -> None:
        """An include names one file."""
        self.assertEqual(
            self.failure("include a b;"),
            'invalid number of arguments in "include" directive in P/conf/nginx.conf:1',
        )

    def test_each_file_balances(self) -> None:
        """A block that is opened in one file cannot end in another."""
        self.write("conf/a.conf", "}")
        self.assertEqual(self.failure("b { include a.conf;"), 'unexpected "}" in P/conf/a.conf:1')
