"""Smooth weighted round robin, nginx's default method (``ngx_http_upstream_round_robin.c``).

Each choice adds every open peer's effective weight to its current weight, takes the peer with the highest and
subtracts the sum from it; so 5:1:1 comes out as a a b a c a a and not as a a a a a b c.  A fresh group starts
with its first server.

While nothing has failed and all weights are equal, the same sequence is plain rotation: that is the path taken for
nearly every request, and it touches one integer.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Generic

from dyups.balancing.base import C, forgive, is_open, is_out


class RoundRobin(Generic[C]):
    """The choice among ``peers``; weights are read from the peers, the turn is kept here."""

    __slots__ = ("_bounded", "_current", "_even", "_peers", "_turn")

    def __init__(self, peers: Sequence[C]) -> None:
        self._peers = peers
        first = peers[0].weight if peers else 1
        self._even = all(peer.weight == first and not peer.down for peer in peers)
        self._bounded = any(peer.max_conns for peer in peers)
        self._turn = 0
        # Made when the first uneven choice is due: most groups never need it, and 100,000 groups add up.
        self._current: list[int] | None = None

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> C | None:
        """The next peer in turn; see :class:`~dyups.balancing.base.Balancer`."""
        peers = self._peers
        if self._even and not tried and not self._bounded and self._current is None:
            count = len(peers)
            if count == 1:
                return peers[0]
            turn = self._turn
            if count:
                peer = peers[turn]
                if not peer.fails and peer.effective_weight == peer.weight:
                    self._turn = turn + 1 if turn + 1 < count else 0
                    return peer
        return self._weigh(tried, now)

    def _weigh(self, tried: Container[Any], now: float) -> C | None:
        peers = self._peers
        if len(peers) == 1:
            return self._only(tried)
        best = self._best(tried, now)
        if best is None and not tried and any(not p.down and is_out(p, now) for p in peers):
            forgive(peers)
            best = self._best(tried, now)
        return best

    def _only(self, tried: Container[Any]) -> C | None:
        """A single server is never taken out by failures."""
        peer = self._peers[0]
        if peer in tried or peer.down or (peer.max_conns and peer.active >= peer.max_conns):
            return None
        return peer

    def _best(self, tried: Container[Any], now: float) -> C | None:
        current = self._weights()
        best = -1
        total = 0
        for index, peer in enumerate(self._peers):
            if peer in tried or not is_open(peer, now):
                continue
            current[index] += peer.effective_weight
            total += peer.effective_weight
            if peer.effective_weight < peer.weight:
                peer.effective_weight += 1
            if best < 0 or current[index] > current[best]:
                best = index
        if best < 0:
            return None
        current[best] -= total
        peer = self._peers[best]
        if now - peer.checked > peer.fail_timeout:
            peer.checked = now
        self._settle(current)
        return peer

    def _weights(self) -> list[int]:
        """The current weights; after plain rotation, those that the same choices would have left."""
        if self._current is None:
            count, turn = len(self._peers), self._turn
            weight = self._peers[0].weight if self._peers else 1
            self._current = [
                (turn - count if index < turn else turn) * weight if self._even else 0
                for index in range(count)
            ]
        return self._current

    def _settle(self, current: list[int]) -> None:
        """Back to plain rotation once every peer is well and the weights are those of a turn."""
        if (
            not self._even
            or self._bounded
            or any(p.fails or p.effective_weight != p.weight for p in self._peers)
        ):
            return
        unit = self._peers[0].weight
        high = max(current)
        turn = high // unit if unit else 0
        count = len(current)
        if 0 <= turn < count and current == [
            (turn - count if index < turn else turn) * unit for index in range(count)
        ]:
            self._turn = turn
            self._current = None
