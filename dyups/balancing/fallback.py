"""Round robin as the way out: what nginx's other methods do for a request that their own rule gives no server.

Base of the methods that go by a key or by chance.  None of them has backup servers (nginx refuses ``backup`` there).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Generic

from dyups.balancing.base import C, Tally
from dyups.balancing.round_robin import RoundRobin

#: A request whose rule named this many servers that may not be asked, and one more, takes the next in turn.
MOST_TRIES = 20


class WithFallback(Generic[C]):
    """Some peers, and round robin over them once it is needed."""

    __slots__ = ("_peers", "_tally", "_turns")

    def __init__(self, peers: Sequence[C], tally: Tally) -> None:
        self._peers = peers
        self._tally = tally
        self._turns: RoundRobin[C] | None = None

    def in_turn(self, exchange: Any, tried: Container[Any], now: float) -> C | None:
        """The choice of round robin, whose turns go on where they stood."""
        turns = self._turns
        if turns is None:
            turns = self._turns = RoundRobin(self._peers, self._tally)
        return turns.pick(exchange, tried, now)
