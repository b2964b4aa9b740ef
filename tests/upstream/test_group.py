"""Tests of dyups.upstream.group."""

from __future__ import annotations

import gc
import sys
from dataclasses import replace
from types import FunctionType, ModuleType

from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.base import Balancer
from dyups.config.model import BalancingSpec, ServerSpec, fold
from dyups.errors import ConfigError
from dyups.interfaces import Getter
from dyups.upstream.group import Group
from dyups.upstream.map import UpstreamMap
from dyups.upstream.peer import Peer
from tests.upstream.links import RESOLVED, Link, server, upstream

NONE: frozenset[Peer] = frozenset()


def group(*servers: ServerSpec | int, before: Group | None = None, keepalive: int = 32) -> Group:
    """A group of these servers."""
    return Group(upstream(*servers, keepalive=keepalive), RESOLVED, before)


def sequence(of: Group, count: int, now: float = 0.0) -> list[int | None]:
    """The ports of the next choices."""
    picked = [of.pick(None, NONE, now) for _ in range(count)]
    return [None if peer is None else peer.spec.port for peer in picked]


class AddressTests(SynchronousTestCase):
    """One ``server`` command to the addresses it stands for."""

    def test_names_in_a_group(self) -> None:
        """Each address of a name is a peer of its own, in the order of the commands."""
        found = Group(upstream(server(1), server(2, "two.example"), server(3)), RESOLVED)
        names = [peer.name for peer in found.peers]
        self.assertEqual(names, [b"127.0.0.1:1", b"192.0.2.1:2", b"192.0.2.2:2", b"127.0.0.1:3"])
        self.assertEqual(sequence(found, 4), [1, 2, 2, 3])

    def test_nobody(self) -> None:
        """A group whose names have no addresses exists, and nobody is chosen."""
        self.assertEqual(sequence(group(server(80, "gone.example")), 1), [None])

    def test_keys(self) -> None:
        """Names compare without case; bytes that are no UTF-8 pass through as they came."""
        self.assertEqual([fold("App.Example"), fold("a\udcffB")], [b"app.example", b"a\xffb"])
        self.assertEqual(repr(group(1)), "<Group app [<Peer 127.0.0.1:1 active=0 fails=0 idle=0>]>")


class BackupTests(SynchronousTestCase):
    """Backup servers serve only when no primary is available."""

    def test_only_then(self) -> None:
        """A backup is chosen while the primary is out, from its first failure on, and no longer."""
        one = group(1, server(2, backup=True))
        self.assertEqual(
            ([peer.spec.port for peer in one.all_peers()], sequence(one, 3)), ([1, 2], [1, 1, 1])
        )
        one.peers[0].note_failure(100.0)
        self.assertEqual(sequence(one, 3, 101.0), [2, 2, 2])
        self.assertEqual(sequence(one, 2, 111.0), [1, 2])
        one.peers[0].note_success()
        self.assertEqual(sequence(one, 3, 112.0), [1, 1, 1])

    def test_for_one_request(self) -> None:
        """A request that has tried all primaries goes on to the backups, then ends."""
        one = group(1, 2, server(3, backup=True))
        primaries = frozenset(one.peers)
        self.assertIs(one.pick(None, primaries, 0.0), one.backups[0])
        self.assertIsNone(one.pick(None, primaries | {one.backups[0]}, 0.0))

    def test_several(self) -> None:
        """Backups take turns by their weights."""
        one = group(server(1, down=True), server(2, backup=True, weight=2), server(3, backup=True))
        self.assertEqual(sequence(one, 6), [2, 3, 2] * 2)

    def test_backups_alone(self) -> None:
        """A group of nothing but a backup serves."""
        self.assertEqual(sequence(group(server(1, backup=True)), 2), [1, 1])


class Variables:
    """A request is the value of the one variable."""

    def lookup(self, name: str) -> Getter | None:
        """See :class:`~dyups.interfaces.VariableTable`."""
        return (lambda exchange: exchange) if name == "x" else None


class MethodTests(SynchronousTestCase):
    """The balancing method of a group."""

    def of(self, method: str, *args: str, servers: tuple[ServerSpec | int, ...] = (1, 2, 3)) -> Group:
        spec = replace(upstream(*servers), balancing=BalancingSpec(method, args))
        return Group(spec, RESOLVED, None, Variables())

    def test_by_key(self) -> None:
        """The same key has the same server, until that is out; then its keys go elsewhere and come back."""
        one = self.of("hash", "$x", "consistent")
        first = one.pick(b"key", NONE, 0.0)
        assert first is not None
        self.assertEqual({one.pick(b"key", NONE, 0.0) for _ in range(9)}, {first})
        first.note_failure(100.0)
        self.assertNotIn(first, {one.pick(b"key", NONE, 101.0) for _ in range(9)})
        self.assertIs(one.pick(b"key", NONE, 111.0), first)

    def test_replaced(self) -> None:
        """A group that is replaced by one of the same servers sends every key where it went."""
        one = self.of("hash", "$x")
        spec = replace(one.spec, keepalive=1)
        other = Group(spec, RESOLVED, one, Variables())
        keys = [b"%d" % number for number in range(50)]
        self.assertEqual(
            [one.pick(key, NONE, 0.0) for key in keys], [other.pick(key, NONE, 0.0) for key in keys]
        )

    def test_backups(self) -> None:
        """least_conn chooses among the backups too, when no primary is left."""
        one = self.of("least_conn", servers=(1, server(2, backup=True), server(3, backup=True)))
        one.backups[0].active = 1
        self.assertIs(one.pick(None, frozenset(one.peers), 0.0), one.backups[1])

    def test_all_out(self) -> None:
        """Where all are out all are tried again, whatever the method."""
        for method, args in (
            ("hash", ("$x",)),
            ("hash", ("$x", "consistent")),
            ("random", ()),
            ("least_conn", ()),
        ):
            one = self.of(method, *args)
            for peer in one.peers:
                peer.note_failure(100.0)
            self.assertIn(one.pick(b"key", NONE, 101.0), one.peers)
            self.assertIsNone(one.pick(b"key", frozenset(one.peers), 101.0))

    def test_other_variables(self) -> None:
        """A key that does not compile changes nothing of the group before."""
        old = group(1)
        old.peers[0].keep_idle(Link())
        spec = replace(upstream(1), balancing=BalancingSpec("hash", ("$y",)))
        self.assertRaises(ConfigError, Group, spec, RESOLVED, old, Variables())
        self.assertIs(old.peers[0].pool, old.pool)
        self.assertEqual(old.pool.idle, 1)


class RecoveryTests(SynchronousTestCase):
    """When all are out, all are tried again."""

    def test_all_out(self) -> None:
        """The first request that finds everybody out is served, and after it both servers are."""
        one = group(1, 2)
        for peer in one.peers:
            peer.note_failure(100.0)
        self.assertEqual(sequence(one, 3, 101.0), [1, 1, 2])  # their weights grow back from 0
        self.assertEqual([peer.fails for peer in one.peers], [0, 0])

    def test_backups_too(self) -> None:
        """Backups are asked before failures are forgotten; when they are out as well, primaries come first again."""
        one = group(1, server(2, backup=True))
        one.peers[0].note_failure(100.0)
        one.backups[0].note_failure(101.0)
        self.assertEqual(sequence(one, 2, 102.0), [1, 1])

    def test_not_within_a_request(self) -> None:
        """A request that has tried somebody does not go round again."""
        one = group(1, 2)
        for peer in one.peers:
            peer.note_failure(100.0)
        self.assertIsNone(one.pick(None, frozenset({one.peers[0]}), 101.0))

    def test_down_and_full(self) -> None:
        """Servers that are down or full are not brought back by it."""
        self.assertEqual(sequence(group(server(1, down=True), server(2, down=True)), 1), [None])
        one = group(server(1, max_conns=1), server(2, down=True))
        one.peers[0].active = 1
        one.peers[0].note_failure(100.0)
        self.assertEqual(sequence(one, 2, 101.0), [None, None])


class ReplacementTests(SynchronousTestCase):
    """A group is replaced whole; servers that stay the same keep their live state."""

    def test_same_servers(self) -> None:
        """The same address with the same parameters stays the same peer, wherever it stands now."""
        old = group(1, 2, 3)
        link = Link()
        old.peers[1].keep_idle(link)
        old.peers[1].note_failure(5.0)
        new = group(4, 2, before=old)
        self.assertIs(new.peers[1], old.peers[1])
        self.assertIs(new.peers[1].pool, new.pool)
        self.assertEqual((new.pool.idle, old.pool.idle, link.discarded), (1, 0, 0))
        self.assertEqual(sequence(new, 2, 6.0), [4, 4])
        self.assertEqual([peer.retired for peer in old.peers], [True, False, True])

    def test_other_parameters(self) -> None:
        """The same address with other parameters is another server: its connections close, its history ends."""
        old = group(1)
        link = Link()
        old.peers[0].keep_idle(link)
        new = group(server(1, weight=2), before=old)
        self.assertIsNot(new.peers[0], old.peers[0])
        self.assertEqual((link.discarded, old.peers[0].retired, new.peers[0].weight), (1, True, 2))

    def test_address_of_a_name(self) -> None:
        """A name that has another address now keeps the peers of the addresses that stayed."""
        spec = upstream(server(80, "two.example"))
        old = Group(spec, RESOLVED)
        new = Group(spec, {"two.example": ("192.0.2.2", "192.0.2.3")}, old)
        self.assertIs(new.peers[0], old.peers[1])
        self.assertEqual([peer.retired for peer in old.peers], [True, False])

    def test_a_server_twice(self) -> None:
        """A server that is written twice is two peers; both stay, and both go."""
        old = group(1, 1)
        links = [Link(), Link()]
        for peer, link in zip(old.peers, links, strict=True):
            peer.keep_idle(link)
        both = group(1, 1, before=old)
        self.assertEqual([*map(id, both.peers)], [*map(id, old.peers)])
        one = group(1, before=both)
        self.assertEqual(([link.discarded for link in links], one.pool.idle), ([0, 1], 1))
        group(2, before=one)
        self.assertEqual([link.discarded for link in links], [1, 1])

    def test_smaller_pool(self) -> None:
        """A pool that is smaller now keeps what it has room for, an absent one nothing."""
        old = group(1, 2)
        links = [Link() for _ in range(4)]
        for place, link in enumerate(links):
            old.peers[place % 2].keep_idle(link)
        new = group(1, 2, before=old, keepalive=3)
        self.assertEqual((new.pool.idle, sum(link.discarded for link in links)), (3, 1))
        self.assertEqual(group(1, 2, before=new, keepalive=0).pool.idle, 0)
        self.assertEqual([link.discarded for link in links], [1, 1, 1, 1])

    def test_requests_under_way(self) -> None:
        """A request that began with the old group ends with it: it may still choose, and what it used is closed."""
        old = group(1, 2)
        group(3, before=old)
        self.assertEqual(sequence(old, 2), [1, 2])
        self.assertFalse(old.peers[0].keep_idle(Link()))

    def test_retire(self) -> None:
        """A deleted group closes the idle connections of all its servers, backups too."""
        one = group(1, server(2, backup=True))
        links = [Link(), Link()]
        for peer, link in zip(one.all_peers(), links, strict=True):
            peer.keep_idle(link)
        one.retire()
        self.assertEqual(([link.discarded for link in links], one.pool.idle), ([1, 1], 0))


class SharedTests(SynchronousTestCase):
    """Groups whose servers other processes count too."""

    def test_around(self) -> None:
        """Primaries and backups are chosen by what all count; who shows the group has that read."""
        done: list[str] = []

        class Everywhere:
            def around(self, balancer: Balancer) -> Balancer:
                done.append(type(balancer).__name__)
                return balancer

            def look(self) -> None:
                done.append("look")

            def forgive(self) -> None:
                done.append("forgive")

        one = group(1, 3, server(2, backup=True))
        one.look()
        one.share(Everywhere())
        one.look()
        self.assertEqual(done, ["RoundRobin", "RoundRobin", "look"])
        for peer in one.all_peers():
            peer.note_failure(100.0)
        self.assertIsNotNone(one.pick(None, NONE, 101.0))
        self.assertEqual(done[3:], ["forgive"])


def footprint(root: object) -> int:
    """The bytes of everything that ``root`` holds and that is not shared by the program as a whole."""
    shared = (type, FunctionType, ModuleType)
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, shared) or item is None:
            continue
        seen[id(item)] = item
        waiting.extend(gc.get_referents(item))
    return sum(map(sys.getsizeof, seen.values()))


class MemoryTests(SynchronousTestCase):
    """A hundred thousand upstreams must fit into a worker."""

    def test_two_servers(self) -> None:
        """An upstream of two servers in the map takes 2.5 KiB at most, all objects of its own counted."""
        upstreams = UpstreamMap()

        def add(number: int) -> None:
            address = f"10.1.{number // 250}.{number % 250}"
            servers = [server(1000 + number, address), server(2000 + number, address)]
            upstreams.replace(upstream(*servers, name=f"upstream-{number}"), {address: (address,)})

        for number in range(100):
            add(number)
        before = footprint(upstreams._groups)
        for number in range(100, 300):
            add(number)
        each = (footprint(upstreams._groups) - before) / 200
        self.assertLessEqual(each, 2560)
        self.assertGreater(each, 500)  # else nothing was counted
