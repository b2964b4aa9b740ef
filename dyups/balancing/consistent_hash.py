"""``consistent_hash KEY`` of Tengine (``ngx_http_upstream_consistent_hash_module.c``): another ring than nginx's.

Each server has 160 points per weight, MurmurHash2 of its address and the point's number; a key belongs to the next
point.  Where its server may not be asked, the nearest point on either side whose server may be has it.  When a server
may be asked is nginx's rule (``max_fails``, ``fail_timeout``), not the module's own, which never tries a second one.

The ring is made when the first request needs it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Container, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar

from dyups.balancing.base import Candidate, begin_trial, is_open
from dyups.config.murmur import murmur2 as murmur2
from dyups.interfaces import Getter

POINTS_PER_WEIGHT = 160
#: A server has no more points than this, whatever its weight.
MOST_POINTS = 1 << 14
_MASK = 0xFFFFFFFF


class AddressedCandidate(Candidate, Protocol):
    """A peer that knows its address as text."""

    name: bytes


A = TypeVar("A", bound=AddressedCandidate)


class ConsistentHash(Generic[A]):
    """The choice by what ``key`` reads from the request."""

    __slots__ = ("_hashes", "_key", "_owners", "_peers")

    def __init__(self, peers: Sequence[A], key: Getter) -> None:
        self._peers = peers
        self._key = key
        self._hashes: array[int] = array("I")
        """The points in order; empty until they are needed."""
        self._owners: array[int] = array("I")
        """The place in ``_peers`` of each point's owner."""

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> A | None:
        """The peer of the key's point; see :class:`~dyups.balancing.base.Balancer`."""
        if not self._hashes:
            self._make_ring()
        value = murmur2(self._key(exchange))
        point = bisect_left(self._hashes, value)
        if point == len(self._hashes):
            point = 0
        peer = self._peers[self._owners[point]]
        if peer in tried or not is_open(peer, now):
            nearest = self._nearest(point, value, tried, now)
            if nearest is None:
                return None
            peer = nearest
        begin_trial(peer, now)
        return peer

    def _nearest(self, point: int, value: int, tried: Container[Any], now: float) -> A | None:
        """The peer of the nearest point, to the left or to the right, that may be asked; the left one wins a tie."""
        may = [peer not in tried and is_open(peer, now) for peer in self._peers]
        if not any(may):
            return None
        hashes, owners = self._hashes, self._owners
        left = next((at for at in range(point - 1, -1, -1) if may[owners[at]]), -1)
        right = next((at for at in range(point + 1, len(hashes)) if may[owners[at]]), -1)
        if left < 0 or (right >= 0 and abs(value - hashes[left]) > abs(hashes[right] - value)):
            left = right
        return self._peers[owners[left]]

    def _make_ring(self) -> None:
        ring = [
            (point, owner)
            for owner, peer in enumerate(self._peers)
            for point in points_of(peer.name, peer.weight)
        ]
        ring.sort()
        self._hashes.extend(point for point, _ in ring)
        self._owners.extend(owner for _, owner in ring)


def points_of(address: bytes, weight: int) -> Iterator[int]:
    """The points of a server, whose address is written as ``$upstream_addr`` shows it."""
    first = murmur2(address) * 4096
    for number in range(min(weight * POINTS_PER_WEIGHT, MOST_POINTS)):
        yield murmur2(((first + number) & _MASK).to_bytes(4, "little"))
