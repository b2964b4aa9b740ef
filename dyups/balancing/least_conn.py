"""``least_conn``: the server with the fewest requests under way for its weight.

As ``ngx_http_upstream_least_conn_module.c`` has it.  Among equals the choice is smooth weighted round robin.  Requests
under way are those of this worker, or of all (``upstream.sharing``).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Generic

from dyups.balancing.base import C, begin_trial, is_open


class LeastConn(Generic[C]):
    """The choice among ``peers``."""

    __slots__ = ("_current", "_peers")

    def __init__(self, peers: Sequence[C]) -> None:
        self._peers = peers
        self._current = [0] * len(peers)
        """The current weights of round robin."""

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> C | None:
        """The least busy peer; see :class:`~dyups.balancing.base.Balancer`."""
        best: C | None = None
        first = 0
        several = False
        for index, peer in enumerate(self._peers):
            if peer in tried or not is_open(peer, now):
                continue
            more = -1 if best is None else peer.active * best.weight - best.active * peer.weight
            if more < 0:
                best, first, several = peer, index, False
            elif not more:
                several = True
        if best is not None:
            if several:
                best = self._in_turn(best, first, tried, now)
            begin_trial(best, now)
        return best

    def _in_turn(self, best: C, first: int, tried: Container[Any], now: float) -> C:
        """Round robin among those as busy as ``best``, the first of them."""
        current = self._current
        chosen = first
        total = 0
        for index in range(first, len(self._peers)):
            peer = self._peers[index]
            if peer.active * best.weight != best.active * peer.weight:
                continue
            if peer in tried or not is_open(peer, now):
                continue
            weight = peer.effective_weight
            current[index] += weight
            total += weight
            if weight < peer.weight:
                peer.effective_weight = weight + 1
            if current[index] > current[chosen]:
                chosen = index
        current[chosen] -= total
        return self._peers[chosen]
