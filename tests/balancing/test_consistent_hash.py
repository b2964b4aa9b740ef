"""Tests of dyups.balancing.consistent_hash."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing import consistent_hash
from dyups.balancing.consistent_hash import MOST_POINTS, ConsistentHash, points_of
from tests.balancing.reference import all_tries, is_skipped, keys, murmur2, servers_of, states
from tests.balancing.servers import Server

NONE: frozenset[Server] = frozenset()


def whole(key: bytes) -> bytes:
    """The request is its key."""
    return key


def addressed(state: Any) -> list[Any]:
    """Servers whose names are addresses as bytes."""
    servers: list[Any] = [*servers_of(state)]
    for server in servers:
        server.name = server.name.encode()
    return servers


def ring_of(servers: list[Any]) -> list[tuple[int, int]]:
    """``ngx_http_upstream_init_chash`` of Tengine: points with the places of their servers."""
    points = []
    for place, server in enumerate(servers):
        sid = murmur2(server.name)
        for j in range(min(server.weight * 160, 1 << 14)):
            identity = (sid * 256 * 16 + j) % 2**64
            points.append((murmur2(struct.pack("<Q", identity)[:4]), place))
    return sorted(points)


def reference(
    servers: list[Any], points: list[tuple[int, int]], key: bytes, tried: Any, now: float
) -> int | None:
    """``ngx_http_upstream_get_chash_peer`` of Tengine, its search of the tree as a look at every point."""
    value = murmur2(key)
    index = next((at for at, (point, _) in enumerate(points) if point >= value), 0)
    if not is_skipped(servers[points[index][1]], tried, now):
        return points[index][1]
    open_ = [at for at, (_, place) in enumerate(points) if not is_skipped(servers[place], tried, now)]
    left = [at for at in open_ if at < index]
    right = [at for at in open_ if at > index]
    if not left or not right:
        return points[(left or right)[-1 if left else 0]][1] if open_ else None
    index1, index2 = left[-1], right[0]
    return points[index2 if abs(value - points[index1][0]) > abs(value - points[index2][0]) else index1][1]


class ConsistentHashTests(SynchronousTestCase):
    """The same key, the same server as Tengine."""

    @settings(deadline=None, max_examples=40)
    @given(states, keys)
    def test_as_tengine(self, state: Any, texts: list[bytes]) -> None:
        """Whatever the servers' state, a request is tried on the servers nearest to its key."""
        servers = addressed(state)
        points = ring_of(servers)
        balancer = ConsistentHash(servers, whole)
        for key in texts:
            tried: frozenset[Any] = frozenset()
            for place in all_tries(lambda tried, now, key=key: balancer.pick(key, tried, now), servers):
                self.assertEqual(place, reference(servers, points, key, tried, 105.0))
                tried = tried | {servers[place]}
            self.assertIsNone(reference(servers, points, key, tried, 105.0))

    def test_one_server_more(self) -> None:
        """A new server takes its share of the keys, and no key moves between the others."""
        state = [(1, False, 0, 1, 0, 0)] * 6
        old, new = addressed(state[:5]), addressed(state)
        texts = [b"/page/%d" % number for number in range(1200)]
        before, after = (
            [balancer.pick(key, NONE, 0.0).name for key in texts]
            for balancer in (ConsistentHash(old, whole), ConsistentHash(new, whole))
        )
        moved = [now for was, now in zip(before, after, strict=True) if was != now]
        self.assertEqual(set(moved), {new[5].name})
        self.assertLess(abs(len(moved) - 200), 80)

    def test_ring(self) -> None:
        """The ring is made by the first request, and no server has more than 16384 points."""
        servers = addressed([(1, False, 0, 1, 0, 0)] * 2)
        balancer = ConsistentHash(servers, whole)
        self.assertEqual(len(balancer._hashes), 0)
        balancer.pick(b"", NONE, 0.0)
        self.assertEqual(len(balancer._hashes), 320)
        self.assertEqual(sum(1 for _ in points_of(b"a", 10**6)), MOST_POINTS)


class MurmurTests(SynchronousTestCase):
    """The hash by itself."""

    @settings(deadline=None)
    @given(st.binary(max_size=40))
    def test_as_nginx(self, data: bytes) -> None:
        """It is nginx's for every length."""
        self.assertEqual(consistent_hash.murmur2(data), murmur2(data))
