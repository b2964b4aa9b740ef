"""Tests of dyups.upstream.names."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import ResolverSpec
from dyups.config.values import HostPort
from dyups.errors import NameUnresolved
from dyups.upstream.dns import Answer, unresolved
from dyups.upstream.names import NameCache, Resolvers


class Cached(SynchronousTestCase):
    """A cache whose questions the test answers."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[tuple[str, Deferred[Answer]]] = []

    def ask(self, name: str) -> Deferred[Answer]:
        """A question."""
        self.asked.append((name, Deferred()))
        return self.asked[-1][1]

    def cache(self, valid: float = 0.0, limit: int = 9) -> NameCache:
        """An empty cache."""
        return NameCache(self.ask, self.clock, valid, limit)

    def test_shared_question(self) -> None:
        """All who want to know share one question, and its answer."""
        cache = self.cache()
        waiting = [cache.get("a") for _ in range(3)]
        self.assertIsNone(cache.fresh("a"))
        self.asked[0][1].callback(Answer(("10.0.0.1",), 30.0))
        self.assertEqual([self.successResultOf(one) for one in waiting], [("10.0.0.1",)] * 3)
        self.assertEqual(len(self.asked), 1)

    def test_holds(self) -> None:
        """An answer holds for its TTL, without asking, and no longer."""
        cache = self.cache()
        cache.get("a")
        self.asked[0][1].callback(Answer(("10.0.0.1",), 30.0))
        self.clock.advance(29.9)
        self.assertEqual(cache.fresh("a"), ("10.0.0.1",))
        self.assertEqual(self.successResultOf(cache.get("a")), ("10.0.0.1",))
        self.clock.advance(0.2)
        self.assertIsNone(cache.fresh("a"))
        self.assertNoResult(cache.get("a"))
        self.assertEqual(len(self.asked), 2)

    def test_valid(self) -> None:
        """``valid`` goes before the TTL; no answer holds less than a second."""
        for valid, ttl, holds in ((5.0, 30.0, 5.0), (0.0, 0.0, 1.0)):
            self.asked.clear()
            cache = self.cache(valid)
            cache.get("a")
            self.asked[0][1].callback(Answer(("10.0.0.1",), ttl))
            self.clock.advance(holds - 0.01)
            self.assertIsNotNone(cache.fresh("a"))
            self.clock.advance(0.02)
            self.assertIsNone(cache.fresh("a"))

    def test_failure(self) -> None:
        """A failure reaches all who wait, keeps the last good answer aside, and is not repeated at once."""
        cache = self.cache()
        cache.get("a")
        self.asked[0][1].callback(Answer(("10.0.0.1",), 1.0))
        self.clock.advance(2)
        waiting = [cache.get("a"), cache.get("a")]
        self.asked[1][1].errback(unresolved("a", 110))
        for one in (*waiting, cache.get("a")):
            self.failureResultOf(one, NameUnresolved)
        entry = cache.entry("a")
        assert entry is not None
        self.assertEqual((entry.found, len(self.asked)), (("10.0.0.1",), 2))
        self.assertIsNone(cache.fresh("a"))

    def test_failures_in_a_row(self) -> None:
        """The more questions have failed, the longer nobody asks again; a good answer ends that."""
        cache = self.cache()
        waits = []
        for _ in range(4):
            cache.renew("a")
            begun = self.clock.seconds()
            self.asked[-1][1].errback(unresolved("a", 2))
            entry = cache.entry("a")
            assert entry is not None
            waits.append(entry.expires - begun)
            self.clock.advance(waits[-1])
        self.assertEqual(waits, [1.0, 2.0, 4.0, 4.0])
        cache.renew("a")
        self.asked[-1][1].callback(Answer(("10.0.0.1",), 1.0))
        self.assertEqual(cache.fresh("a"), ("10.0.0.1",))

    def test_bounded(self) -> None:
        """The oldest name makes room, but none that is being asked for."""
        cache = self.cache(limit=2)
        cache.get("busy")
        cache.get("old")
        self.asked[1][1].callback(Answer((), 9.0))
        cache.get("new")
        self.assertEqual([name for name in ("busy", "old", "new") if cache.entry(name)], ["busy", "new"])


class ResolverTests(SynchronousTestCase):
    """The caches of a process."""

    def test_one_pair_each(self) -> None:
        """The same servers with the same parameters have the same caches, others have others."""
        made = Resolvers(Clock(), lambda query, name: succeed(()))
        spec = ResolverSpec((HostPort("127.0.0.1", 53),))
        self.assertIs(made(spec, 30.0), made(ResolverSpec((HostPort("127.0.0.1", 53),)), 30.0))
        self.assertIsNot(made(spec, 30.0), made(spec, 5.0))
        self.assertIsNot(made(spec, 30.0).addresses, made(spec, 30.0).services)
