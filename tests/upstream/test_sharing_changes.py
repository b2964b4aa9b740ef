"""Tests of dyups.upstream.sharing: what changes, reloads and ends of workers leave; sessions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dyups.balancing.sticky import Sessions, name_of
from dyups.config.specs import QueueSpec
from dyups.config.sticky import StickyLearn
from dyups.shared.ledger import QUARANTINE, Ledger
from dyups.shared.sessions import SharedSessions
from dyups.upstream import sharing as module
from dyups.upstream.map import UpstreamMap
from dyups.upstream.sharing import Allotting, keys_of, server_keys
from tests.upstream.links import RESOLVED, server, upstream
from tests.upstream.test_sharing import NONE, Process, SharingCase, zoned


class ChangeTests(SharingCase):
    """Changes of the upstream, reloads, ends of workers."""

    def test_kept(self) -> None:
        """A change keeps what is counted of the servers that stay, requests under way included."""
        one, two = self.two(zoned(server(1, max_conns=1), 2))
        held = one.pick()
        assert held is not None
        self.say(zoned(server(1, max_conns=1)))
        self.assertEqual(two.ports(1), [None])
        held.ended()
        self.assertEqual(two.ports(2), [1, None])

    def test_zone_comes(self) -> None:
        """Requests that were under way when the zone came count from then on, and end as others do."""
        one, two = self.two(upstream(server(1, max_conns=2)))
        held = [one.pick(), one.pick()]
        self.say(zoned(server(1, max_conns=2)))
        self.assertEqual((two.ports(1), one.ports(1)), ([None], [None]))
        for peer in held:
            assert peer is not None
            peer.ended()
        self.assertEqual(two.ports(3), [1, 1, None])

    def test_zone_goes(self) -> None:
        """Without the zone each has its own from then on; nothing of it is left behind."""
        one, two = self.two(zoned(server(1, max_conns=2)))
        held = [one.pick(), two.pick()]
        self.say(upstream(server(1, max_conns=2)))
        self.assertEqual((one.ports(2), two.ports(2)), ([1, None], [1, None]))
        for peer in held:
            assert peer is not None
            peer.ended()
        row = self.ledger.find(server_keys(one.group)[0])
        self.assertEqual(self.ledger.total(row), 0)
        self.assertEqual([process.group.peers[0].active for process in (one, two)], [1, 1])

    def test_replaced_meanwhile(self) -> None:
        """A request that began before the zone went may still choose, and disturbs nobody."""
        one, two = self.two(zoned(server(1, max_conns=2)))
        old = one.group
        two.pick()
        self.say(upstream(server(1, max_conns=2)))
        self.assertEqual(one.ports(1), [1])
        peer = old.pick({}, NONE, 0.0)
        assert peer is not None
        peer.active += 1
        self.assertEqual((peer, peer.active), (one.group.peers[0], 2))
        peer.ended()
        peer.ended()
        self.assertEqual(peer.active, 0)

    def test_chosen_before_the_zone_came(self) -> None:
        """A request that began before there was a zone, and chooses after that, counts as others do."""
        one, two = self.two(upstream(server(1, max_conns=2), server(2, max_conns=2, backup=True)))
        old = one.group
        self.say(zoned(server(1, max_conns=2), server(2, max_conns=2, backup=True)))
        for expected in (1, 1, 2, 2):
            peer = old.pick({}, NONE, 0.0)
            assert peer is not None
            peer.active += 1
            self.assertEqual(peer.spec.port, expected)
        self.assertEqual(two.ports(1), [None])
        for peer in one.group.all_peers():
            peer.ended()
            peer.ended()
        rows = [self.ledger.find(key) for key in server_keys(one.group)]
        self.assertEqual([self.ledger.total(row) for row in rows], [0, 0])

    def test_removed(self) -> None:
        """A server that is removed keeps its row while requests are under way; then the row is free."""
        one, _ = self.two(zoned(1, 2))
        held = one.group.peers[1]
        self.assertEqual(one.ports(2), [1, 2])
        key = server_keys(one.group)[1]
        self.say(zoned(1))
        self.now += QUARANTINE
        self.say(zoned(1, 3))
        self.assertGreaterEqual(self.ledger.find(key), 0)
        held.ended()
        self.now += QUARANTINE
        self.say(zoned(1, 4))
        self.assertEqual(self.ledger.find(key), -1)

    def test_deleted(self) -> None:
        """What belongs to an upstream that is deleted is free after a while."""
        one, _ = self.two(zoned(1))
        keys = keys_of(one.group)
        self.master.delete("app")
        self.now += QUARANTINE
        self.ledger.row(b"another")
        self.assertEqual([self.ledger.find(key) for key in keys], [-1, -1])

    def test_other_configuration(self) -> None:
        """A reload keeps what both configurations have; the rest is free once the old workers have ended."""
        one, _ = self.two(zoned(server(1, max_conns=1), 2))
        one.ports(1)
        reloaded = UpstreamMap()
        reloaded.replace(zoned(server(1, max_conns=1)), RESOLVED)
        allotting = Allotting(self.ledger)
        reloaded.share(allotting)
        gone = server_keys(one.group)[1]
        self.master = reloaded
        new = self.process()
        self.assertEqual(new.ports(1), [None])
        allotting.keep_only(reloaded.made())
        self.now += QUARANTINE
        self.ledger.row(b"another")
        self.assertEqual(self.ledger.find(gone), -1)
        self.assertEqual(new.ports(1), [None])

    def test_death(self) -> None:
        """What a worker had under way when it died makes room for the others."""
        one, two = self.two(zoned(server(1, max_conns=1)))
        one.pick()
        self.assertEqual(two.ports(1), [None])
        self.ledger.dismiss(one.number)
        self.assertEqual(two.ports(1), [1])

    def test_twice(self) -> None:
        """A server that is written twice is two, with a limit each."""
        one, two = self.two(zoned(server(1, max_conns=1), server(1, max_conns=1)))
        self.assertEqual(one.ports(1) + two.ports(2), [1, 1, None])

    def test_without_rows(self) -> None:
        """Where the ledger is full, workers count by themselves, and the log says so."""
        said: list[str] = []
        self.patch(module._log, "error", lambda text, **fields: said.append(fields["reason"]))
        self.ledger = Ledger(4, lambda: 0.0, 2)
        self.addCleanup(self.ledger.close)
        self.master = UpstreamMap()
        self.master.share(Allotting(self.ledger))
        one, two = self.two(zoned(server(1, max_conns=1), server(2, max_conns=1)))
        self.assertEqual((one.ports(3), two.ports(2)), ([1, 2, None], [2, None]))
        self.assertEqual(said, ["the ledger is full"])

    def test_queue(self) -> None:
        """Who waits for a server looks from time to time, for others do not say when they let go of one."""
        one, _ = self.two(zoned(1, queue=QueueSpec(5)))
        queue = one.group.pool.queue
        assert queue is not None
        self.assertTrue(queue.everywhere)

    def test_again(self) -> None:
        """A request that is sent once more keeps its place meanwhile."""
        one, two = self.two(zoned(server(1, max_conns=1)))
        peer = one.pick()
        assert peer is not None
        peer.stay()
        peer.ended()
        self.assertEqual(two.ports(1), [None])
        peer.leave()
        self.assertEqual(two.ports(1), [1])


class LearnTests(SharingCase):
    """``sticky learn``."""

    SPEC = StickyLearn(("$created",), ("$wanted",), "s", 32768, 60.0)

    def learned(self, process: Process) -> Any:
        return process.group.sticky

    def test_known_to_all(self) -> None:
        """A session that one worker saw created has its server in every worker, with or without a zone."""
        one, two = self.two(replace(upstream(1, 2), sticky=self.SPEC))
        self.learned(one).answer({"created": b"x"}, one.group.peers[1], 200, b"")
        for process in (two, one, two):
            peer = process.group.pick({"wanted": b"x"}, NONE, 0.0)
            assert peer is not None
            self.assertEqual(peer.spec.port, 2)
        self.assertIsNone(one.group.shared)

    def test_kept(self) -> None:
        """A change keeps the sessions, in new workers too; another zone begins with none."""
        one, two = self.two(replace(upstream(1, 2), sticky=self.SPEC))
        self.learned(one).answer({"created": b"x"}, one.group.peers[1], 200, b"")
        self.say(replace(upstream(1, 2, 3), sticky=self.SPEC))
        for process in (one, two, self.process()):
            expected = self.learned(process).sessions.called(name_of(one.group.peers[1]))  # type: ignore[arg-type]
            self.assertEqual(self.learned(process).id_of({"wanted": b"x"}), expected)
        self.say(replace(upstream(1, 2), sticky=replace(self.SPEC, zone="t")))
        self.assertEqual(self.learned(two).id_of({"wanted": b"x"}), b"")

    def test_deleted(self) -> None:
        """An upstream that is deleted takes its sessions with it."""
        one, _ = self.two(replace(upstream(1), sticky=self.SPEC))
        (key,) = keys_of(one.group)
        for upstreams in (self.master, one.map):
            upstreams.delete("app")
        self.now += QUARANTINE
        self.ledger.row(b"another")
        self.assertEqual(self.ledger.find(key), -1)

    def test_no_memory(self) -> None:
        """Where there is no memory for a zone a worker remembers by itself, and the log says so."""
        said: list[str] = []
        self.patch(module._log, "error", lambda text, **fields: said.append(fields["name"]))
        big = replace(upstream(1, 2), sticky=replace(self.SPEC, size=1 << 63))
        one, _ = self.two(big)
        self.assertIsInstance(self.learned(one).sessions, Sessions)
        self.assertEqual(said, ["app"])

    def test_cannot_be_mapped(self) -> None:
        """The same where the memory is there, but not for this worker."""

        def refused(*_: object) -> SharedSessions:
            raise OSError(12, "Cannot allocate memory")

        said: list[str] = []
        self.patch(module._log, "error", lambda text, **fields: said.append(str(fields["error"])))
        self.patch(module, "SharedSessions", refused)
        one, _ = self.two(replace(upstream(1, 2), sticky=self.SPEC))
        self.assertIsInstance(self.learned(one).sessions, Sessions)
        self.assertEqual(said, ["[Errno 12] Cannot allocate memory"] * 2)
