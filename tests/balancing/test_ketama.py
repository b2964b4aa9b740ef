"""Tests of dyups.balancing.ketama."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.base import Tally
from dyups.balancing.ketama import Ketama, host_and_port, points_of
from tests.balancing.reference import (
    ConsistentRequest,
    Named,
    all_tries,
    keys,
    ring_of,
    servers_of,
    states,
    twins_of,
)
from tests.balancing.servers import Reference, Server

NONE: frozenset[Server] = frozenset()
NAMES = ("10.0.0.1:80", "app.example", "unix:/run/a", "[::1]:8080", "10.0.0.1:81", "10.0.0.1:80")

#: What nginx 1.22.1 chose for $arg_k from key-0 to key-47.
RECORDED = "332223222412212221242223442223412232134324433222"


def whole(key: bytes) -> bytes:
    """The request is its key."""
    return key


def ring(*servers: Named) -> Ketama[Any]:
    """A balancer over these."""
    return Ketama(servers, Tally(), whole)


def mapping(balancer: Ketama[Any], count: int = 2000) -> list[str]:
    """The names of the servers of many keys."""
    return [balancer.pick(b"/page/%d" % number, NONE, 0.0).name for number in range(count)]


class KetamaTests(SynchronousTestCase):
    """The same key, the same server as nginx."""

    def test_recorded(self) -> None:
        """Keys go where nginx sent them."""
        servers = [
            Named("127.0.0.1:1"),
            Named("127.0.0.1:2", 3),
            Named("127.0.0.1:3"),
            Named("unix:/nowhere/4"),
        ]
        balancer = ring(*servers)
        found = [balancer.pick(b"key-%d" % number, NONE, 0.0).name[-1] for number in range(48)]
        self.assertEqual("".join(found), RECORDED)

    @settings(deadline=None, max_examples=50)
    @given(states, keys.map(lambda texts: texts[:3]), st.integers(1, 6))
    def test_as_nginx(self, state: Any, texts: list[bytes], names: int) -> None:
        """Whatever the servers' state and names, a first request goes to the server of nginx."""
        for key in texts:
            servers = servers_of(state, NAMES[-names:])
            twins = twins_of(servers)
            request = ConsistentRequest(twins, Reference(twins), ring_of(twins), key)
            found = Ketama(servers, servers[0].tally, whole).pick(key, NONE, 105.0)
            expected = request.get(NONE, 105.0)
            self.assertEqual(found and servers.index(found), expected and twins.index(expected), key)

    @settings(deadline=None, max_examples=50)
    @given(states, keys)
    def test_tries(self, state: Any, texts: list[bytes]) -> None:
        """With a name for each server, further tries go nginx's way too."""
        servers = servers_of(state)
        twins = twins_of(servers)
        balancer = Ketama(servers, servers[0].tally, whole)
        turns = Reference(twins)
        points = ring_of(twins)
        for key in texts:
            ours = all_tries(lambda tried, now, key=key: balancer.pick(key, tried, now), servers)
            theirs = all_tries(ConsistentRequest(twins, turns, points, key).get, twins)
            self.assertEqual(ours, theirs, key)

    def test_addresses_of_a_name(self) -> None:
        """The addresses of one name take turns for its keys."""
        servers = [Named("app"), Named("app"), Named("other")]
        balancer = ring(*servers)
        key = next(
            b"%d" % number for number in range(99) if balancer.pick(b"%d" % number, NONE, 0.0).name == "app"
        )
        found = [id(balancer.pick(key, NONE, 0.0)) for _ in range(6)]
        self.assertEqual({found.count(id(server)) for server in servers[:2]}, {3})

    def test_one_server_more(self) -> None:
        """A new server takes its share of the keys, and no key moves between the others."""
        old = [Named(f"10.0.0.{number}:80") for number in range(9)]
        before, after = mapping(ring(*old)), mapping(ring(*old, Named("10.0.0.9:80")))
        moved = [new for was, new in zip(before, after, strict=True) if was != new]
        self.assertEqual(set(moved), {"10.0.0.9:80"})
        self.assertLess(abs(len(moved) - 200), 60)

    def test_a_server_down(self) -> None:
        """The keys of a server that is down go to the others; all other keys stay."""
        servers = [Named(f"10.0.0.{number}:80") for number in range(5)]
        before = mapping(ring(*servers))
        servers[2].down = True
        after = mapping(ring(*servers))
        self.assertEqual({was for was, new in zip(before, after, strict=True) if was != new}, {"10.0.0.2:80"})
        self.assertNotIn("10.0.0.2:80", after)

    def test_shares(self) -> None:
        """Many keys divide by weight, as far as a ring divides evenly."""
        counts = Counter(mapping(ring(Named("10.0.0.1:80", 2), Named("10.0.0.2:80"), Named("10.0.0.3:80"))))
        self.assertLess(abs(counts["10.0.0.1:80"] - 1000), 200)

    def test_empty_key(self) -> None:
        """Requests without a key take turns, and no ring is made for them."""
        balancer = ring(Named("a"), Named("b"))
        found = [balancer.pick(b"", NONE, 0.0).name for _ in range(4)]
        self.assertEqual(("".join(found), len(balancer._hashes)), ("abab", 0))
        balancer.pick(b"x", NONE, 0.0)
        self.assertEqual(len(balancer._hashes), 320)


class PointsTests(SynchronousTestCase):
    """The points of a server."""

    def test_names(self) -> None:
        """Host and port are taken from the name as nginx takes them."""
        for name, found in (
            (b"127.0.0.1:80", (b"127.0.0.1", b"80")),
            (b"127.0.0.1", (b"127.0.0.1", b"")),
            (b"[::1]", (b"[::1]", b"")),
            (b"[::1]:80", (b"[::1]", b"80")),
            (b"app.example:", (b"app.example", b"")),
            (b"app.example:x", (b"app.example:x", b"")),
            (b"8080", (b"8080", b"")),
            (b"unix:/run/a:80", (b"/run/a:80", b"")),
            (b"UNIX:/run/a", (b"/run/a", b"")),
        ):
            self.assertEqual(host_and_port(name), found, name)

    def test_as_nginx(self) -> None:
        """160 for each unit of weight, those of nginx; a lighter server's are the first of a heavier one's."""
        for name in NAMES:
            points = [*points_of(name, 2)]
            self.assertEqual(sorted(points), [point for point, _ in ring_of([Server(name, 2)])])
            self.assertEqual([*points_of(name, 1)], points[:160])
