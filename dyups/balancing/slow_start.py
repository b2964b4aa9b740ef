"""``slow_start``: a server that has recovered gets its share little by little, not all at once.

Owns how the weight grows, and round robin and ``least_conn`` over servers of which some have it: the plain ones know
nothing of it and stay as quick as they are.  As in nginx a single server has its whole weight at once, and so has every
server at the start.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Generic, Protocol, TypeVar

from dyups.balancing.base import JUST_NOW, Candidate, begin_trial, is_open

#: Parts of one unit of weight: a weight of 1 has to grow too.
PARTS = 100


class Rising(Candidate, Protocol):
    """A peer whose weight may be growing."""

    slow_start: float
    """Seconds that its weight takes to grow; 0 for none."""
    rising: float
    """When it began to grow; 0 where it is whole, and JUST_NOW until the next choice."""


R = TypeVar("R", bound=Rising)


def parts_of(peer: Rising, weight: int, now: float) -> int:
    """What ``weight`` of ``peer`` counts now, in parts; at least one."""
    if not peer.rising:
        return weight * PARTS
    if peer.rising == JUST_NOW:
        peer.rising = now
    grown = (now - peer.rising) / peer.slow_start
    if grown >= 1:
        peer.rising = 0.0
        return weight * PARTS
    return max(1, int(weight * PARTS * grown))


class RisingRoundRobin(Generic[R]):
    """Smooth weighted round robin by the weights of the moment."""

    __slots__ = ("_current", "_peers")

    def __init__(self, peers: Sequence[R]) -> None:
        self._peers = peers
        self._current = [0] * len(peers)

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> R | None:
        """The next peer in turn; see :class:`~dyups.balancing.base.Balancer`."""
        places = [place for place, peer in enumerate(self._peers) if peer not in tried and is_open(peer, now)]
        return self.next_of(places, now)

    def next_of(self, places: Sequence[int], now: float) -> R | None:
        """Whose turn it is among the peers at ``places``."""
        current = self._current
        best = -1
        total = 0
        for place in places:
            peer = self._peers[place]
            parts = parts_of(peer, peer.effective_weight, now)
            current[place] += parts
            total += parts
            if peer.effective_weight < peer.weight:
                peer.effective_weight += 1
            if best < 0 or current[place] > current[best]:
                best = place
        if best < 0:
            return None
        current[best] -= total
        peer = self._peers[best]
        begin_trial(peer, now)
        return peer


class RisingLeastConn(RisingRoundRobin[R]):
    """The fewest requests under way for the weight of the moment."""

    __slots__ = ()

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> R | None:
        """The least busy peer; see :class:`~dyups.balancing.base.Balancer`."""
        busy = [
            (peer.active / parts_of(peer, peer.weight, now), place)
            for place, peer in enumerate(self._peers)
            if peer not in tried and is_open(peer, now)
        ]
        least = min(busy, default=(0.0, 0))[0]
        return self.next_of([place for much, place in busy if much == least], now)
