"""``hash KEY consistent``: the same key, the same server, and few keys move when servers come or go.

The ketama ring of ``ngx_http_upstream_hash_module.c``, as Cache::Memcached::Fast has it: each server has 160 points per
weight, hashed from its name as written; a key belongs to the next point.  Where its server may not be asked, the
points after it are tried.

The ring is made when the first request needs it, in the time it takes to sort its points.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Container, Iterator, Sequence
from typing import Any, Protocol, TypeVar
from zlib import crc32

from dyups.balancing.base import Candidate, Tally
from dyups.balancing.fallback import MOST_TRIES, WithFallback
from dyups.balancing.round_robin import RoundRobin
from dyups.config.model import ServerSpec
from dyups.interfaces import Getter

POINTS_PER_WEIGHT = 160


class NamedCandidate(Candidate, Protocol):
    """A peer that knows what the configuration calls it: the peers of one name share the points of that name."""

    spec: ServerSpec


N = TypeVar("N", bound=NamedCandidate)


class Ketama(WithFallback[N]):
    """The choice by what ``key`` reads from the request; an empty key takes turns."""

    __slots__ = ("_hashes", "_key", "_owners", "_servers")

    def __init__(self, peers: Sequence[N], tally: Tally, key: Getter) -> None:
        super().__init__(peers, tally)
        self._key = key
        self._hashes: array[int] = array("I")
        """The points in order; empty until they are needed."""
        self._owners: array[int] = array("I")
        """The place in ``_servers`` of each point's owner."""
        self._servers: list[RoundRobin[N]] = []
        """By name as written.  The addresses of a name take turns, which nginx counts together with those of requests
        that the ring gives nobody, and we apart."""

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> N | None:
        """A peer of the key's server; see :class:`~dyups.balancing.base.Balancer`."""
        key = self._key(exchange)
        if not key:
            return self.in_turn(exchange, tried, now)
        if not self._hashes:
            self._make_ring()
        count = len(self._hashes)
        first = bisect_left(self._hashes, crc32(key))
        for point in range(first, first + MOST_TRIES + 1):
            peer = self._servers[self._owners[point % count]].pick(exchange, tried, now)
            if peer is not None:
                return peer
        return self.in_turn(exchange, tried, now)

    def _make_ring(self) -> None:
        by_name: dict[str, list[N]] = {}
        for peer in self._peers:
            by_name.setdefault(peer.spec.address, []).append(peer)
        self._servers = [RoundRobin(peers, self._tally, alone=False) for peers in by_name.values()]
        ring: dict[int, int] = {}
        for owner, (name, peers) in reversed([*enumerate(by_name.items())]):
            # In reverse, since nginx keeps the first of equal points.
            ring.update(dict.fromkeys(points_of(name, max(peer.weight for peer in peers)), owner))
        self._hashes.extend(sorted(ring))
        self._owners.extend(map(ring.__getitem__, self._hashes))


def points_of(name: str, weight: int) -> Iterator[int]:
    """The points of the server that is written ``name``: chained CRC-32 of host, zero byte, port, last point."""
    base = crc32(b"%b\0%b" % host_and_port(name.encode("utf-8", "surrogateescape")))
    point = 0
    for _ in range(weight * POINTS_PER_WEIGHT):
        point = crc32(point.to_bytes(4, "little"), base)
        yield point


def host_and_port(name: bytes) -> tuple[bytes, bytes]:
    """What nginx takes for host and port in a server's name as written; the port is empty where none is."""
    if name[:5].lower() == b"unix:":
        return name[5:], b""
    host, colon, port = name.rpartition(b":")
    return (host, port) if colon and (not port or port.isdigit()) else (name, b"")
