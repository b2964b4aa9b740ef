"""Tests of dyups.balancing.by_chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random as Generator

from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.base import Tally
from dyups.balancing.by_chance import Random, RandomTwo, draw_below
from tests.balancing.servers import Server

NONE: frozenset[Server] = frozenset()


def drawn(*numbers: int) -> Callable[[int], int]:
    """These numbers, one after the other; the last one without end."""
    left = [*numbers]
    return lambda limit: left.pop(0) if len(left) > 1 else left[0]


class DrawTests(SynchronousTestCase):
    """Numbers by chance."""

    def test_all(self) -> None:
        """Every number below the limit comes, about equally often, and no other."""
        counts = Counter(draw_below(5) for _ in range(5000))
        self.assertEqual(sorted(counts), [0, 1, 2, 3, 4])
        self.assertGreater(min(counts.values()), 800)


class RandomTests(SynchronousTestCase):
    """One server by chance."""

    def test_by_weight(self) -> None:
        """Chance goes by weight: each number on the line is a server's."""
        servers = [Server("a", 2), Server("b"), Server("c", 3)]
        found = [Random(servers, Tally(), drawn(number)).pick(None, NONE, 0.0) for number in range(6)]
        self.assertEqual("".join(server.name for server in found if server), "aabccc")

    def test_again(self) -> None:
        """A server that may not be asked, or was, is passed over; after 20 vain draws the next in turn is taken."""
        servers = [Server("a"), Server("b", down=True), Server("c"), Server("d")]
        balancer = Random(servers, Tally(), drawn(1, 0, 2))
        self.assertIs(balancer.pick(None, frozenset(servers[:1]), 0.0), servers[2])
        stuck = Random(servers, Tally(), drawn(1))
        found = [stuck.pick(None, NONE, 0.0) for _ in range(4)]
        self.assertEqual("".join(server.name for server in found if server), "acda")

    def test_draws(self) -> None:
        """21 draws are made, no more, where nobody may be asked."""
        draws: list[int] = []

        def draw(limit: int) -> int:
            draws.append(limit)
            return 0

        nobody = [Server("a", down=True), Server("b", weight=2, down=True)]
        self.assertIsNone(Random(nobody, Tally(), draw).pick(None, NONE, 0.0))
        self.assertIsNone(RandomTwo(nobody, Tally(), draw).pick(None, NONE, 0.0))
        self.assertEqual(draws, [3] * 42)


class RandomTwoTests(SynchronousTestCase):
    """The less busy one of two."""

    def test_less_busy(self) -> None:
        """Of two different servers the one with fewer requests for its weight; the second where they are equal."""
        for first, second, expected in (
            ((1, 1), (0, 1), "b"),
            ((0, 1), (1, 1), "a"),
            ((1, 1), (1, 1), "b"),
            ((2, 3), (1, 1), "a"),
            ((2, 2), (1, 1), "b"),
        ):
            a, b = Server("a", first[1], active=first[0]), Server("b", second[1], active=second[0])
            balancer = RandomTwo([a, b], Tally(), drawn(0, 0, first[1]))
            found = balancer.pick(None, NONE, 0.0)
            assert found is not None
            self.assertEqual(found.name, expected, (first, second))

    def test_only_one(self) -> None:
        """Where only one server may be asked, it is."""
        servers = [Server("a", down=True), Server("b"), Server("c", max_conns=1, active=1)]
        self.assertIs(RandomTwo(servers, Tally()).pick(None, NONE, 0.0), servers[1])

    def test_even(self) -> None:
        """Requests that stay are spread more evenly than by chance alone."""
        chance = Generator(5)
        spread = {}
        for kind in (Random, RandomTwo):
            servers = [Server(str(number)) for number in range(10)]
            balancer = kind(servers, Tally(), chance.randrange)
            for _ in range(1000):
                found = balancer.pick(None, NONE, 0.0)
                assert found is not None
                found.active += 1
            loads = [server.active for server in servers]
            spread[kind] = max(loads) - min(loads)
        self.assertLess(spread[RandomTwo], 8)
        self.assertGreater(spread[Random], 12)
