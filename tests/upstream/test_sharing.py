"""Tests of dyups.upstream.sharing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import ServerSpec, UpstreamSpec
from dyups.config.specs import BalancingSpec
from dyups.shared.ledger import Column, Ledger
from dyups.upstream.group import Group
from dyups.upstream.map import UpstreamMap
from dyups.upstream.peer import Peer
from dyups.upstream.sharing import Allotting, Counting, goes_by_load
from tests.upstream.links import RESOLVED, server, upstream

NONE: frozenset[Peer] = frozenset()


class Names:
    """Variables of requests that are dictionaries."""

    def lookup(self, name: str) -> Any:
        return lambda exchange: exchange.get(name, b"")


def zoned(*servers: ServerSpec | int, method: str = "round_robin", **more: Any) -> UpstreamSpec:
    """An upstream with a zone."""
    method, *args = method.split()
    balancing = BalancingSpec(method, tuple(args))
    return replace(upstream(*servers), zone="app", balancing=balancing, **more)


class Process:
    """A worker: a map that follows the master's, and a column."""

    def __init__(self, ledger: Ledger, master: UpstreamMap) -> None:
        self.number = ledger.admit()
        self.column = Column(ledger.fd, ledger.locks, self.number)
        self.map = UpstreamMap(Names())  # type: ignore[arg-type]
        for spec in master.specs():
            self.map.replace(spec, RESOLVED)
        self.map.share(Counting(self.column))

    @property
    def group(self) -> Group:
        found = self.map.find("app")
        assert found is not None
        return found

    def pick(self, now: float = 0.0, tried: frozenset[Peer] = NONE) -> Peer | None:
        """Whom a request asks that begins now."""
        peer = self.group.pick({}, tried, now)
        if peer is not None:
            peer.active += 1
        return peer

    def ports(self, count: int, now: float = 0.0) -> list[int | None]:
        """The ports of the next requests, none of which ends."""
        found = [self.pick(now) for _ in range(count)]
        return [None if peer is None else peer.spec.port for peer in found]


class SharingCase(SynchronousTestCase):
    """A master and workers, all in this process."""

    def setUp(self) -> None:
        self.now = 1000.0
        self.ledger = Ledger(4, lambda: self.now, 64)
        self.addCleanup(self.ledger.close)
        self.master = UpstreamMap(Names())  # type: ignore[arg-type]
        self.master.share(Allotting(self.ledger))
        self.processes: list[Process] = []

    def process(self) -> Process:
        """A worker that begins with what the master has."""
        made = Process(self.ledger, self.master)
        self.addCleanup(made.column.close)
        self.processes.append(made)
        return made

    def say(self, spec: UpstreamSpec) -> None:
        """A change: the master makes it first, then each worker."""
        for upstreams in (self.master, *(process.map for process in self.processes)):
            upstreams.replace(spec, RESOLVED)

    def two(self, spec: UpstreamSpec) -> tuple[Process, Process]:
        self.say(spec)
        return self.process(), self.process()


class LimitTests(SharingCase):
    """``max_conns``, and methods that go by requests under way."""

    def test_max_conns(self) -> None:
        """A server gets as many requests as it may have from all together; one that ends makes room for anybody."""
        one, two = self.two(zoned(server(1, max_conns=2)))
        held = [one.pick(), two.pick()]
        self.assertEqual([one.pick(), two.pick()], [None, None])
        assert held[0] is not None
        held[0].ended()
        self.assertEqual((two.ports(2), one.ports(1)), ([1, None], [None]))

    def test_apart(self) -> None:
        """Without a zone each counts its own, as in nginx."""
        one, two = self.two(upstream(server(1, max_conns=2)))
        self.assertEqual((one.ports(3), two.ports(3)), ([1, 1, None], [1, 1, None]))
        self.assertIsNone(one.group.shared)
        self.assertIsNone(one.group.peers[0].row)

    def test_backups(self) -> None:
        """Backups are asked when all primaries are full, and have limits of their own."""
        one, two = self.two(zoned(server(1, max_conns=1), server(2, backup=True, max_conns=1)))
        self.assertEqual((one.ports(1), two.ports(2)), ([1], [2, None]))

    def test_least_conn(self) -> None:
        """The least busy server is the one with the fewest requests of all workers."""
        one, two = self.two(zoned(1, 2, 3, method="least_conn"))
        self.assertEqual(sorted(map(str, one.ports(3))), ["1", "2", "3"])
        self.assertEqual(sorted(map(str, two.ports(3))), ["1", "2", "3"])
        for peer in one.group.peers[:2]:
            peer.ended()
        self.assertEqual(sorted(map(str, two.ports(2))), ["1", "2"])

    def test_which(self) -> None:
        """The methods for which the number of requests matters."""
        for method, expected in {
            "round_robin": False,
            "random": False,
            "random two": True,
            "least_conn": True,
            "least_time header": True,
        }.items():
            self.assertIs(goes_by_load(Group(zoned(1, 2, method=method), RESOLVED)), expected, method)
        self.assertTrue(goes_by_load(Group(zoned(server(1, max_conns=1)), RESOLVED)))

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("++-x")), max_size=50))
    def test_never_more(self, steps: list[tuple[int, str]]) -> None:
        """Whatever workers do, and however they die: never more requests than allowed, and no room is ever lost."""
        ledger, master = Ledger(4, lambda: 0.0, 64), UpstreamMap()
        master.share(Allotting(ledger))
        master.replace(zoned(server(1, max_conns=2), server(2, max_conns=1)), RESOLVED)
        workers = [Process(ledger, master) for _ in range(3)]
        held: list[list[Peer]] = [[], [], []]
        for who, step in steps:
            if step == "+":
                peer = workers[who].pick()
                self.assertIs(peer is None, sum(map(len, held)) == 3)
                if peer is not None:
                    held[who].append(peer)
            elif step == "x":
                ledger.dismiss(workers[who].number)
                workers[who].column.close()
                workers[who], held[who] = Process(ledger, master), []
            elif held[who]:
                held[who].pop().ended()
            ports = [peer.spec.port for peers in held for peer in peers]
            self.assertLessEqual((ports.count(1), ports.count(2)), (2, 1))
        for worker in workers:
            worker.column.close()
        ledger.close()


class FailureTests(SharingCase):
    """Failures, counted together."""

    def test_out_for_all(self) -> None:
        """A server that one worker takes out is asked by no other, until ``fail_timeout`` is over."""
        one, two = self.two(zoned(1, 2))
        one.ports(2)
        two.ports(2)
        one.group.peers[0].note_failure(100.0)
        self.assertEqual((two.ports(3, 101.0), one.ports(3, 110.0)), ([2, 2, 2], [2, 2, 2]))

    def test_added_up(self) -> None:
        """Failures that different workers saw add up to ``max_fails``."""
        one, two = self.two(zoned(server(1, max_fails=2), 2))
        one.group.peers[0].note_failure(100.0)
        self.assertIn(1, two.ports(4, 101.0))
        two.group.peers[0].note_failure(101.0)
        self.assertEqual((one.ports(3, 102.0), two.ports(3, 102.0)), ([2, 2, 2], [2, 2, 2]))

    def test_one_trial(self) -> None:
        """After ``fail_timeout`` one request of all workers tries the server; when it succeeds, all ask it again."""
        one, two = self.two(zoned(1, 2))
        one.group.peers[0].note_failure(100.0)
        found = one.ports(3, 111.0) + two.ports(3, 111.0)
        self.assertEqual((found.count(1), found.count(2)), (1, 5))
        trying = one.group.peers[0]
        trying.ended()
        trying.note_success()
        self.assertEqual({*two.ports(4, 112.0)}, {1, 2})
        self.assertEqual({*one.ports(4, 112.0)}, {1, 2})
        self.assertEqual([process.group.peers[0].fails for process in (one, two)], [0, 0])

    def test_failed_trial(self) -> None:
        """When it fails, nobody asks the server for another ``fail_timeout``."""
        one, two = self.two(zoned(1, 2))
        one.group.peers[0].note_failure(100.0)
        self.assertIn(1, two.ports(2, 111.0))
        two.group.peers[0].note_failure(112.0)
        self.assertEqual((one.ports(2, 121.0), two.ports(2, 121.0)), ([2, 2], [2, 2]))
        self.assertIn(1, one.ports(2, 123.0))

    def test_all_out(self) -> None:
        """Where nobody may be asked at all, all are forgiven, for everybody."""
        one, two = self.two(zoned(1, 2))
        for peer in one.group.peers:
            peer.note_failure(100.0)
        self.assertIsNotNone(two.pick(101.0))
        self.assertEqual({*one.ports(4, 101.0)}, {1, 2})

    def test_single(self) -> None:
        """A single server is never taken out."""
        one, two = self.two(zoned(1))
        one.group.peers[0].note_failure(100.0)
        self.assertEqual(two.ports(2, 101.0), [1, 1])

    def test_recovery(self) -> None:
        """A server with ``slow_start`` gets its weight back little by little from every worker."""
        one, two = self.two(zoned(server(1, slow_start=100.0), server(2, slow_start=100.0)))
        one.group.peers[0].note_failure(100.0)
        self.assertIn(2, two.ports(1, 101.0))
        self.assertIn(1, one.ports(3, 111.0))
        one.group.peers[0].note_success()
        self.assertEqual(two.ports(3, 112.0), [2, 2, 2])
        self.assertEqual(two.group.peers[0].rising, 112.0)

    def test_new_worker(self) -> None:
        """A worker that begins knows what the others have seen, and what they have under way."""
        one, _ = self.two(zoned(server(1, max_conns=1), server(2, max_conns=4)))
        one.group.peers[0].note_failure(100.0)
        one.ports(2, 101.0)
        new = self.process()
        self.assertEqual(new.ports(2, 101.0), [2, 2])
        new.group.look()
        self.assertEqual([peer.active for peer in new.group.peers], [0, 4])

    def test_order_without_failures(self) -> None:
        """Without failures and limits the turns are those of round robin, in each worker."""
        one, two = self.two(zoned(1, 2, 3))
        self.assertEqual((one.ports(4), two.ports(4)), ([1, 2, 3, 1], [1, 2, 3, 1]))


class ShownTests(SharingCase):
    """What status pages read."""

    def test_look(self) -> None:
        """Whoever shows a group sees what all have counted; a worker's own requests are told apart."""
        one, two = self.two(zoned(1, 2))
        one.ports(2)
        two.ports(1)
        two.group.peers[1].note_failure(100.0)
        one.group.look()
        peers = one.group.peers
        self.assertEqual([(peer.active, peer.ours, peer.fails) for peer in peers], [(2, 1, 0), (1, 1, 1)])
        self.assertEqual([peer.up(101.0) for peer in peers], [True, False])
