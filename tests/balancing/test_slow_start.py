"""Tests of dyups.balancing.slow_start."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.base import JUST_NOW
from dyups.balancing.least_conn import LeastConn
from dyups.balancing.slow_start import PARTS, RisingLeastConn, RisingRoundRobin, parts_of
from tests.balancing.servers import Reference, Server

NONE: frozenset[Server] = frozenset()


def names(balancer: RisingRoundRobin[Server], count: int, now: float = 0.0) -> str:
    """The next choices."""
    return "".join(server.name for _ in range(count) if (server := balancer.pick(None, NONE, now)))


class PartsTests(SynchronousTestCase):
    """What a weight counts while it grows."""

    def test_grows(self) -> None:
        """From next to nothing at the first choice after the recovery to the whole weight at the end of the time."""
        server = Server("a", 4, slow_start=10.0, rising=JUST_NOW)
        self.assertEqual([parts_of(server, 4, now) for now in (50.0, 52.5, 55.0, 60.0)], [1, 100, 200, 400])
        self.assertEqual((server.rising, parts_of(server, 4, 50.0)), (0.0, 4 * PARTS))


class RoundRobinTests(SynchronousTestCase):
    """Round robin."""

    def test_share_grows(self) -> None:
        """A server that has recovered gets little at first, half its share at half time, and all of it then."""
        well, new = Server("w"), Server("n", slow_start=30.0, rising=JUST_NOW)
        balancer = RisingRoundRobin([well, new])
        shares = [Counter(names(balancer, 300, now))["n"] for now in (100.0, 107.5, 115.0, 130.0)]
        self.assertEqual((shares[3], well.rising), (150, 0.0))
        self.assertLess(shares[0], 10)
        self.assertTrue(55 <= shares[1] <= 65 and 95 <= shares[2] <= 105, shares)

    def test_alone(self) -> None:
        """When nobody else may be asked, it is, however new it is; when nobody at all may, nobody is."""
        down, new = Server("d", down=True), Server("n", slow_start=30.0, rising=JUST_NOW)
        self.assertEqual(names(RisingRoundRobin([down, new]), 3), "nnn")
        self.assertIsNone(RisingRoundRobin([down]).pick(None, NONE, 0.0))

    @settings(deadline=None)
    @given(st.lists(st.integers(1, 9), min_size=2, max_size=5), st.integers(1, 40))
    def test_whole_weights(self, weights: list[int], count: int) -> None:
        """While nobody has recovered a moment ago, the choices are those of plain round robin."""
        servers = [Server(str(number), weight) for number, weight in enumerate(weights)]
        twins = [Server(str(number), weight) for number, weight in enumerate(weights)]
        reference = Reference(twins)
        expected = "".join(server.name for _ in range(count) if (server := reference.pick(NONE, 0.0)))
        self.assertEqual(names(RisingRoundRobin(servers), count), expected)


class LeastConnTests(SynchronousTestCase):
    """``least_conn``."""

    def test_new_server_is_not_flooded(self) -> None:
        """An idle server that is new still gets what its weight of the moment bears, and no more."""
        well, new = Server("w", active=10), Server("n", slow_start=30.0, rising=JUST_NOW)
        balancer = RisingLeastConn([well, new])
        self.assertEqual(names(balancer, 1, 10.0), "n")
        new.active = 1
        self.assertEqual(names(balancer, 2, 10.1), "ww")
        self.assertEqual(names(balancer, 1, 25.0), "n")

    def test_nobody(self) -> None:
        """Where nobody may be asked, nobody is."""
        self.assertIsNone(RisingLeastConn([Server("d", down=True)]).pick(None, NONE, 0.0))

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 9)), min_size=2, max_size=5))
    def test_whole_weights(self, facts: list[tuple[int, int]]) -> None:
        """While nobody has recovered a moment ago, the choices are those of plain ``least_conn``."""
        servers = [Server(str(n), weight, active=active) for n, (weight, active) in enumerate(facts)]
        twins = [Server(str(n), weight, active=active) for n, (weight, active) in enumerate(facts)]
        plain, rising = LeastConn(twins), RisingLeastConn(servers)
        for _ in range(12):
            one, other = plain.pick(None, NONE, 0.0), rising.pick(None, NONE, 0.0)
            assert one is not None and other is not None
            self.assertEqual(one.name, other.name)
            one.active += 1
            other.active += 1
