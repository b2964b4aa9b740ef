"""Smooth weighted round robin, nginx's default method (``ngx_http_upstream_round_robin.c``).

Each choice adds every open peer's effective weight to its current weight, takes the peer with the highest and
subtracts the sum from it; so 5:1:1 comes out as a a b a c a a and not as a a a a a b c.  A fresh group starts
with its first server.

While every peer is well and all weights are equal, the same sequence is plain rotation: that is the path taken for
nearly every request, and it touches one integer.  A failure, or a request that tries another server, leaves it; the
current weights are then those that the choices so far would have left.  The way back is taken as soon as the choices
to come are a rotation again, in whatever order the current weights have by then.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Generic

from dyups.balancing.base import C, Tally, begin_trial, has_room, is_open


class RoundRobin(Generic[C]):
    """The choice among ``peers``; weights are read from the peers, the turn is kept here.

    ``tally`` counts the failures of these peers (and maybe of others).  ``alone`` tells that there are no backup
    servers: then a single server is never taken out by its failures.
    """

    __slots__ = (
        "_all",
        "_current",
        "_even",
        "_order",
        "_peers",
        "_seen",
        "_single",
        "_tally",
        "_turn",
        "_verdicts",
    )

    def __init__(self, peers: Sequence[C], tally: Tally, *, alone: bool = True) -> None:
        self._single = alone and len(peers) == 1
        self._all = peers
        self._tally = tally
        self._seen = 0
        self._take_stock()

    def _take_stock(self) -> None:
        """Begin with those that are not down: at first, and when health checks have found a server up or down."""
        self._verdicts = self._tally.verdicts
        peers = self._all
        if any(peer.down for peer in peers):
            peers = [peer for peer in peers if not peer.down]
        self._peers = peers
        self._even = all(peer.weight == peers[0].weight and not peer.max_conns for peer in peers)
        # Made when the first uneven choice is due: most groups never need it, and 100,000 groups add up.
        self._current: list[int] | None = None
        self._order: Sequence[C] | None = None
        """The rotation, where there is one; ``_turn`` is the next peer's place in it."""
        self._turn = 0
        if self._well():
            self._rotate(peers)

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> C | None:
        """The next peer in turn; see :class:`~dyups.balancing.base.Balancer`."""
        order = self._order
        if order is not None and not tried and self._seen == self._tally.failures:
            turn = self._turn
            peer = order[turn]
            turn += 1
            self._turn = turn if turn < len(order) else 0
            return peer
        if self._verdicts != self._tally.verdicts:
            self._take_stock()
        return self._only(tried, now) if self._single else self._weigh(tried, now)

    def _only(self, tried: Container[Any], now: float) -> C | None:
        for peer in self._peers:
            if peer not in tried and has_room(peer):
                begin_trial(peer, now)
                if not peer.fails:
                    self._seen = self._tally.failures
                return peer
        return None

    def _weigh(self, tried: Container[Any], now: float) -> C | None:
        current = self._weights()
        best = -1
        total = 0
        for index, peer in enumerate(self._peers):
            if peer in tried or not is_open(peer, now):
                continue
            weight = peer.effective_weight
            current[index] += weight
            total += weight
            if weight < peer.weight:
                peer.effective_weight = weight + 1
            if best < 0 or current[index] > current[best]:
                best = index
        if best < 0:
            return None
        current[best] -= total
        peer = self._peers[best]
        begin_trial(peer, now)
        if self._even and self._well():
            self._settle(current)
        return peer

    # -- into the rotation and out of it -------------------------------------------------------------------------

    def _well(self) -> bool:
        """Would nginx's algorithm give a rotation: equal weights, all whole, and no failure that has to be minded."""
        return self._even and not any(
            peer.fails or peer.effective_weight != peer.weight for peer in self._peers
        )

    def _settle(self, current: list[int]) -> None:
        """Rotate from now on, unless some peer is more than one round ahead of another.

        With equal weights ``w`` each choice raises all ``n`` by ``w`` and lowers the highest by ``n * w``, so that
        within such a span nobody's turn comes twice before everybody's has come once.
        """
        if max(current) - min(current) < len(current) * self._peers[0].weight:
            places = sorted(
                range(len(current)), key=lambda place: -current[place]
            )  # stable: the first wins a tie
            self._rotate([self._peers[place] for place in places])

    def _rotate(self, order: Sequence[C]) -> None:
        if order:
            self._order = order
            self._turn = 0
            self._seen = self._tally.failures

    def _weights(self) -> list[int]:
        """The current weights; after a rotation, those that the same choices one by one would have left."""
        current = self._current
        if current is None:
            current = self._current = [0] * len(self._peers)
        order, self._order = self._order, None
        if order is not None and self._turn:
            weight = self._peers[0].weight
            gone = {id(peer) for peer in order[: self._turn]}
            for index, peer in enumerate(self._peers):
                current[index] += self._turn * weight - (len(order) * weight if id(peer) in gone else 0)
        return current
