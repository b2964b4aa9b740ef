"""Tests of dyups.control.follow."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.control.command import Command, Delete, Update
from dyups.control.follow import Follower
from dyups.control.publish import encode_notice
from dyups.errors import ZoneDamaged
from dyups.shared.zone import Zone, ZoneReader
from dyups.upstream.map import UpstreamMap
from tests.config.helpers import Table

NAMES = {"app.example": ("127.0.0.3", "127.0.0.4")}


class FollowerTests(SynchronousTestCase):
    """A worker's reader of the zone."""

    def setUp(self) -> None:
        self.zone = Zone(1, 2)
        self.addCleanup(self.zone.close)
        self.zone.admit(1, 0, 0.0)
        reader = ZoneReader(self.zone.fd, 1)
        self.addCleanup(reader.close)
        self.upstreams = UpstreamMap()
        self.follower = Follower(self.upstreams, reader, 4711, lambda: 12.5)

    def publish(self, sequence: int, command: Command) -> None:
        self.zone.write(sequence, encode_notice(command, NAMES))

    def addresses(self, name: str) -> list[str]:
        group = self.upstreams.find(name)
        return [] if group is None else [str(peer.address) for peer in group.peers]

    def test_follows(self) -> None:
        """Every change is applied in order; addresses are those that came along, nothing is looked up."""
        self.publish(1, Update("host", "server app.example:80;"))
        self.publish(2, Update("gone", "server 127.0.0.3;"))
        self.publish(5, Delete("gone"))
        self.follower.catch_up()
        self.assertEqual(self.addresses("host"), ["127.0.0.3:80", "127.0.0.4:80"])
        self.assertIsNone(self.upstreams.find("gone"))
        self.assertEqual(self.upstreams.sequence, 5)

    def test_variables(self) -> None:
        """A key is read with the variables of the map."""
        self.upstreams.variables = Table()
        self.publish(1, Update("host", "hash $uri consistent; server app.example;"))
        self.follower.catch_up()
        group = self.upstreams.find("host")
        assert group is not None
        self.assertIsNotNone(group.pick(None, frozenset(), 0.0))

    def test_says_so(self) -> None:
        """The slot tells process, place, sequence number, digest and the time, whatever was new."""
        for sequence in (1, 2):
            self.publish(sequence, Update("host", f"server 127.0.0.{sequence};"))
            self.follower.catch_up()
            self.follower.catch_up()
            facts = (4711, self.zone.place, sequence, 12.5, self.upstreams.digest)
            self.assertEqual(self.zone.reader(1), facts)

    def test_cannot_follow(self) -> None:
        """A notice that does not read is the end: what comes after it may depend on it."""
        for payload in (b"", b"nonsense", encode_notice(Update("host", "bogus;"), {})):
            self.zone.write(1, payload)
            self.assertRaises(ZoneDamaged, self.follower.catch_up)
