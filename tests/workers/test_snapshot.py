"""Tests of dyups.workers.snapshot."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.parser import Tree, parse_text
from dyups.config.upstreams import parse_commands
from dyups.upstream.map import UpstreamMap
from dyups.workers.snapshot import (
    Snapshot,
    filled,
    read_snapshot,
    write_snapshot,
)

RESOLVED = {"app.example": ("127.0.0.3", "::1"), "127.0.0.9": ("127.0.0.9",)}
BODY = "keepalive 3; server app.example:81 weight=2; server 127.0.0.9 backup; server unix:/run/a; server gone.example;"


def snapshot(upstreams: UpstreamMap) -> Snapshot:
    tree = Tree(parse_text("events { } http { server { listen 80; } }", "nginx.conf"), ("nginx.conf",))
    return Snapshot(
        tree, "/srv", "e.log", "reactor", upstreams.sequence, tuple(upstreams.addressed()), {"a": ("b",)}
    )


class SnapshotTests(SynchronousTestCase):
    """The master's state, handed over."""

    def setUp(self) -> None:
        self.upstreams = UpstreamMap()
        self.upstreams.replace(parse_commands("One", BODY), RESOLVED)
        self.upstreams.replace(parse_commands("two", "server 127.0.0.9;"), RESOLVED)
        self.upstreams.sequence = 17

    def test_round_trip(self) -> None:
        """A worker's map and configuration are the master's."""
        handle = write_snapshot(snapshot(self.upstreams))
        self.addCleanup(os.close, handle)
        found = read_snapshot(handle)
        self.assertEqual(found, snapshot(self.upstreams))
        other = filled(found)
        self.assertEqual((other.sequence, other.digest), (17, self.upstreams.digest))
        peers = [[peer.name for peer in group.all_peers()] for group in self.upstreams.groups()]
        self.assertEqual([[peer.name for peer in group.all_peers()] for group in other.groups()], peers)
        self.assertEqual([spec.name for spec in other.specs()], ["One", "two"])
