"""Tests of dyups.balancing.least_time."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.base import Tally
from dyups.balancing.least_time import LeastTime, RandomTwoLeastTime, Score
from tests.balancing.servers import Server

NONE: frozenset[Server] = frozenset()


class Case(SynchronousTestCase):
    """Servers whose answers took some time."""

    now = 100.0

    def score(self, *args: str) -> Score:
        """A score on the test's clock."""
        return Score(args, lambda: self.now)

    def answered(self, server: Server, header: float, last_byte: float = 0.0) -> Server:
        """It has answered once."""
        assert server.times is not None
        server.times.begin(0.0)
        server.times.header.add(header, self.now)
        server.times.end(0.0, 0.0, False)
        server.times.last_byte.add(last_byte or header, self.now)
        return server

    def picks(self, balancer: Any, count: int) -> str:
        """The next choices, all answered at once."""
        return "".join(balancer.pick(None, NONE, 0.0).name for _ in range(count))


class LeastTimeTests(Case):
    """``least_time``."""

    def test_quickest(self) -> None:
        """The one with the least average is asked, by head or by last byte, for its weight."""
        for args, chosen in ((("header",), "b"), (("last_byte",), "a")):
            a, b = Server("a"), Server("b")
            balancer = LeastTime([a, b], self.score(*args))
            self.answered(a, 0.2, 0.3)
            self.answered(b, 0.1, 0.9)
            self.assertEqual(self.picks(balancer, 2), chosen * 2)
        heavy, light = Server("h", 3), Server("l")
        balancer = LeastTime([heavy, light], self.score("header"))
        self.answered(heavy, 0.2)
        self.answered(light, 0.1)
        self.assertEqual(self.picks(balancer, 1), "h")

    def test_under_way(self) -> None:
        """What it has to do already counts: a quick server is not flooded."""
        quick, slow = Server("q"), Server("s")
        balancer = LeastTime([quick, slow], self.score("header"))
        self.answered(quick, 0.1)
        self.answered(slow, 0.3)
        found = Counter()
        for _ in range(40):
            server = balancer.pick(None, NONE, 0.0)
            assert server is not None
            server.active += 1
            found[server.name] += 1
        self.assertEqual(found, {"q": 30, "s": 10})

    def test_unknown_first(self) -> None:
        """One nobody has measured is asked, but not again and again while it does not answer."""
        known, new = Server("k"), Server("n")
        balancer = LeastTime([known, new], self.score("header"))
        self.answered(known, 0.1)
        self.assertEqual(self.picks(balancer, 1), "n")
        assert new.times is not None
        new.times.begin(self.now)
        new.active = 1
        self.now += 0.2
        self.assertEqual(self.picks(balancer, 1), "k")

    def test_inflight(self) -> None:
        """With ``inflight`` a server that has begun to hang is left at once."""
        for args, chosen in ((("header", "inflight"), "b"), (("header",), "a")):
            a, b = Server("a"), Server("b")
            balancer = LeastTime([a, b], self.score(*args))
            self.answered(a, 0.1)
            self.answered(b, 0.3)
            assert a.times is not None
            a.times.begin(self.now - 1.0)
            self.assertEqual(self.picks(balancer, 1), chosen)

    def test_slow_once(self) -> None:
        """A server that was slow once is tried again later."""
        a, b = Server("a"), Server("b")
        balancer = LeastTime([a, b], self.score("header"))
        self.answered(a, 5.0)
        self.answered(b, 0.1)
        self.now += 120.0
        self.answered(b, 0.1)
        self.assertEqual(self.picks(balancer, 1), "a")

    def test_not_asked(self) -> None:
        """One that is down, or was tried, is not asked; where nobody may be, nobody is."""
        a, b = Server("a", down=True), Server("b")
        balancer = LeastTime([a, b], self.score("header"))
        self.assertEqual(self.picks(balancer, 2), "bb")
        self.assertIsNone(balancer.pick(None, {b}, 0.0))


class RandomTests(Case):
    """``random two least_time=``."""

    def test_quicker_of_two(self) -> None:
        """Of two by chance the quicker one is asked."""
        a, b = Server("a"), Server("b")
        draws = iter([0, 1, 1, 0] * 9)
        balancer = RandomTwoLeastTime([a, b], Tally(), self.score("header"), lambda limit: next(draws))
        self.answered(a, 0.2)
        self.answered(b, 0.1)
        self.assertEqual(self.picks(balancer, 4), "bbbb")
