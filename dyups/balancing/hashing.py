"""``hash KEY``: the same key, the same server (``ngx_http_upstream_hash_module.c``), as Cache::Memcached has it.

The servers lie on a line, each as long as its weight; the key's hash is a place on it.  Where that server may not be
asked, the key is hashed again with the number of the try before it and the result added.  One server more or less
moves nearly every key: ``ketama`` does not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterator, Sequence
from itertools import accumulate
from typing import Any
from zlib import crc32

from dyups.balancing.base import C, Tally, begin_trial, is_open
from dyups.balancing.fallback import MOST_TRIES, WithFallback
from dyups.interfaces import Getter


class OnALine(WithFallback[C]):
    """Peers on a line, each as long as its weight, those that are down too (else all others would move)."""

    __slots__ = ("_ends", "_length")

    def __init__(self, peers: Sequence[C], tally: Tally) -> None:
        super().__init__(peers, tally)
        self._ends = [*accumulate(peer.weight for peer in peers)]
        self._length = self._ends[-1]

    def at(self, place: int) -> C:
        """The peer at a place; the line begins again where it ends."""
        return self._peers[bisect_right(self._ends, place % self._length)]

    def first_open(self, places: Iterator[int], tried: Container[Any], now: float) -> C | None:
        """The peer at the first of the endless ``places`` that may be asked; by turns after ``MOST_TRIES``.

        A request that tries another server goes the same way again.  Where it first comes to one that it has tried,
        that one was chosen, which in nginx is no try in vain.
        """
        asked: list[C] = []
        tries = 0
        for place in places:
            peer = self.at(place)
            if peer not in tried:
                if is_open(peer, now):
                    begin_trial(peer, now)
                    return peer
            elif peer not in asked:
                asked.append(peer)
                continue
            tries += 1
            if tries > MOST_TRIES:
                break
        return self.in_turn(None, tried, now)


class Hash(OnALine[C]):
    """The choice by what ``key`` reads from the request; an empty key takes turns."""

    __slots__ = ("_key",)

    def __init__(self, peers: Sequence[C], tally: Tally, key: Getter) -> None:
        super().__init__(peers, tally)
        self._key = key

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> C | None:
        """The key's peer; see :class:`~dyups.balancing.base.Balancer`."""
        key = self._key(exchange)
        if not key:
            return self.in_turn(exchange, tried, now)
        return self.first_open(places_of(key), tried, now)


def places_of(key: bytes) -> Iterator[int]:
    """Where ``key`` points to, without end."""
    place = (crc32(key) >> 16) & 0x7FFF
    rehash = 0
    while True:
        yield place
        rehash += 1
        place += (crc32(b"%d%b" % (rehash, key)) >> 16) & 0x7FFF
