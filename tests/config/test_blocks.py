"""Plain ``upstream`` blocks, read at a stroke: never another result than by the rules."""

from __future__ import annotations

import gc

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config import blocks
from dyups.config.model import UpstreamSpec
from dyups.config.parser import each_directive
from dyups.config.scope import Scope
from dyups.config.upstreams import parse_upstreams, upstream_of
from dyups.errors import ConfigError

PIECES = [
    "upstream", "a", "b.example", " ", "  ", "\n", "\t", "{", "}", ";", "server", "server 127.0.0.1:80;",
    "server 127.0.0.1:99999;", "server 1.2.3.4:0;", "server 300.1.1.1:80;", "server 1.2.3.4:80 weight=2 backup;",
    "keepalive 3;", "nonsense;", "#c\n", '"', "'", "\\", "$x", "${x}", "upstream a {", "upstream b{server c:1;}",
    "\x0b", "\u00a0", "upstream c { server 10.0.0.1:80; server 10.0.0.2:80 down; }\n",
]  # fmt: skip


def by_the_rules(text: str) -> list[UpstreamSpec]:
    return [upstream_of(directive, Scope()) for directive in each_directive(text, "f")]


def outcome(read: object, *args: str) -> object:
    try:
        found = read(*args)  # type: ignore[operator]
    except ConfigError as error:
        return str(error)
    return [(spec, spec.place) for spec in found]


class PlainTests(SynchronousTestCase):
    """:func:`parse_upstreams` with and without the short way."""

    @given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
    @settings(deadline=None)
    def test_same_as_by_the_rules(self, text: str) -> None:
        """Whatever the text, upstreams, places and errors are those of the reader that knows all the rules."""
        self.assertEqual(outcome(parse_upstreams, text, "f"), outcome(by_the_rules, text), text)

    def test_plain(self) -> None:
        """A plain block is read whole, each command with its line."""
        text = "\nupstream a {\n  server 1.2.3.4:5;\n  keepalive\n 3;\n}\nrest"
        found = blocks.plain_block(text, 1, "f", 2)
        assert found is not None
        directive, end = found
        self.assertEqual((directive.args, directive.line, text[end:]), (("a",), 2, "\nrest"))
        self.assertEqual([(c.name, c.line) for c in directive.block or ()], [("server", 3), ("keepalive", 4)])

    def test_not_plain(self) -> None:
        """Quotes, escapes, comments, nested blocks and unended commands are for the rules."""
        for body in ('server "a";', "server a\\;;", "# c\n", "x { y; }", "server a", ";"):
            self.assertIsNone(blocks.plain_block("upstream a {" + body + "}", 0, "f", 1), body)

    def test_plain_server(self) -> None:
        """Only an IPv4 address with a port, and nothing else, is a plain server."""
        server = blocks.plain_server(("10.1.2.3:8080",))
        assert server is not None
        self.assertEqual((server.address, server.host, server.port), ("10.1.2.3:8080", "10.1.2.3", 8080))
        for args in (
            (),
            ("10.1.2.3",),
            ("10.1.2.3:0",),
            ("10.1.2.3:65536",),
            ("10.1.2.256:1",),
            ("a:1",),
            ("1.2.3.4:1", "down"),
        ):
            self.assertIsNone(blocks.plain_server(args), args)


class CollectionTests(SynchronousTestCase):
    """:func:`no_collection`."""

    def test_on_again(self) -> None:
        """The collector is on again afterwards, whatever happened, and off if it was off."""
        with self.assertRaises(ValueError), blocks.no_collection():
            self.assertFalse(gc.isenabled())
            raise ValueError
        self.assertTrue(gc.isenabled())
        gc.disable()
        self.addCleanup(gc.enable)
        with blocks.no_collection():
            pass
        self.assertFalse(gc.isenabled())
