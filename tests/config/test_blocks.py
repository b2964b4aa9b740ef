"""Plain ``upstream`` blocks, read at a stroke: never another result than by the rules."""

from __future__ import annotations

import gc
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config import blocks, upstreams
from dyups.config.model import ServerSpec, UpstreamSpec
from dyups.config.parser import each_directive
from dyups.config.scope import Scope
from dyups.config.upstreams import parse_commands, parse_upstreams, upstream_of
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


PARTS = [
    "server 127.0.0.1:80;", "server 127.0.0.1:80", "server\t10.0.0.1:8080\n weight=3 ;", "weight=2", ";",
    " ", "\n", "\r\n",
    "server 1.2.3.4:65535 weight=0;", "server 1.2.3.4:65536;", "server 1.2.3.4:99999 weight=1;", "server 01.2.3.4:80;",
    "server 1.2.3.4:80 max_fails=0;", "server 1.2.3.4:80 max_fails=3 fail_timeout=30s;", "server 1.2.3.4:080;",
    "server 1.2.3.4:80 fail_timeout=0s;", "server 1.2.3.4:80 weight=2 weight=3;", "server 1.2.3.4:80 fail_timeout=5;",
    "server 1.2.3.4:80 weight=007;", "server 1.2.3.4:80 weight=999999999;", "server 1.2.3.4:80 max_fails=007;",
    "server 1.2.3.4:80 down;", "server 1.2.3.4;", "server a:1;", "keepalive 3;", "#c\n", "}", "\x0b", "\u00a0",
    "Server 1.2.3.4:1;",
    "server 1.2.3.4:80 fail_timeout=000100s;", "server 1.2.3.4:80 weight=\u0663;", "server1.2.3.4:80;",
]  # fmt: skip


def without_the_short_way(name: str, body: str) -> list[UpstreamSpec]:
    """By the rules alone."""
    with patch.object(upstreams, "plain_servers", lambda body: ()):
        return [parse_commands(name, body)]


class PlainBodyTests(SynchronousTestCase):
    """:func:`parse_commands` with and without the short way."""

    @settings(deadline=None, max_examples=400)
    @given(st.lists(st.sampled_from(PARTS), max_size=6).map("".join))
    def test_never_another_result(self, body: str) -> None:
        """The same upstream, the same place, the same error."""
        short = outcome(lambda: [parse_commands("a", body)])
        self.assertEqual(short, outcome(lambda: without_the_short_way("a", body)))

    def test_taken(self) -> None:
        """Ordinary bodies go the short way."""
        body = "server 127.0.0.1:80 weight=2 max_fails=3 fail_timeout=30s;\nserver 10.0.0.1:81;\n"
        first, second = blocks.plain_servers(body)
        self.assertEqual((first.weight, first.max_fails, first.fail_timeout), (2, 3, 30.0))
        self.assertEqual(second, ServerSpec("10.0.0.1:81", "10.0.0.1", 81))

    def test_left_to_the_rules(self) -> None:
        """Anything else does not, nor does a body without servers."""
        for body in ("", " \n", "server a:1;", "server 127.0.0.1:80; keepalive 3;", "server 127.0.0.1:80; #"):
            self.assertEqual(blocks.plain_servers(body), (), body)
