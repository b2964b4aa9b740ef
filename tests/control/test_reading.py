"""Tests of dyups.control.reading."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.upstreams import parse_commands
from dyups.control.reading import known, read_patch, read_update
from dyups.errors import CommandRefused, UnknownUpstream
from dyups.upstream.map import UpstreamMap
from tests.config.helpers import Table


class ReadingTests(SynchronousTestCase):
    """Texts to upstreams."""

    def setUp(self) -> None:
        self.upstreams = UpstreamMap(Table())
        self.spec = parse_commands("u", "server 127.0.0.1:1;")
        self.upstreams.replace(self.spec, {})

    def test_read(self) -> None:
        """A body and a patch become the upstream that they say, with the variables of the map."""
        made = read_update(self.upstreams, "v", "hash $arg_x; server a; server b;")
        self.assertEqual((made.name, len(made.servers), made.balancing.method), ("v", 2, "hash"))
        self.assertEqual(len(read_patch(self.upstreams, made, "remove server a;").servers), 1)

    def test_refused(self) -> None:
        """Each is refused in its own words, with the line."""
        refused = self.assertRaises(CommandRefused, read_update, self.upstreams, "v", "server a;\nserver\0;")
        self.assertEqual(refused.reason, "add server failed: null character in line 2")
        refused = self.assertRaises(CommandRefused, read_update, self.upstreams, "v w", "server a;")
        self.assertEqual(refused.reason, "add server failed: invalid upstream name 'v w'")
        refused = self.assertRaises(
            CommandRefused, read_patch, self.upstreams, self.spec, "add server b;\n\0"
        )
        self.assertEqual(refused.reason, "patch failed: null character in line 2")

    def test_known(self) -> None:
        """An upstream is found in any case; an unknown name is 404, one that none can have 400."""
        self.assertIs(known(self.upstreams, "U").spec, self.spec)
        self.assertRaises(UnknownUpstream, known, self.upstreams, "v")
        self.assertRaises(CommandRefused, known, self.upstreams, "a b")
