"""``least_time``: the server whose answers take the least time, for its weight and what it has to do already.

nginx has it in its commercial product alone and does not say how it reckons.  Here the average time, as measured by
this worker, is multiplied by the requests that the server would have under way and divided by its weight; with
``inflight`` requests that are not answered yet count for the average too, once they have taken longer.  A server that
has not answered yet comes first, as long as it has nothing to answer.  Among equals the choice is smooth weighted round
robin.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from time import monotonic
from typing import Any, Protocol, TypeVar

from dyups.balancing.base import Tally, begin_trial, is_open
from dyups.balancing.by_chance import Draw, RandomTwo, draw_below
from dyups.balancing.slow_start import PARTS, Rising, RisingRoundRobin, parts_of
from dyups.balancing.times import Times


class Timed(Rising, Protocol):
    """A peer whose times are kept."""

    times: Times | None


T = TypeVar("T", bound=Timed)
Clock = Callable[[], float]


class Score:
    """How long a peer takes, by ``header`` or ``last_byte``; the less, the better."""

    __slots__ = ("_clock", "_header", "_inflight")

    def __init__(self, args: Sequence[str], clock: Clock = monotonic) -> None:
        self._header = "header" in args
        self._inflight = "inflight" in args
        self._clock = clock

    def of(self, peer: Timed, now: float) -> float:
        """``now`` is the clock of failures."""
        times = peer.times
        if times is None:
            return 0.0
        clock = self._clock()
        average = (times.header if self._header else times.last_byte).read(clock)
        if self._inflight or average < 0:
            average = max(average, times.waiting(clock))
        return average * (peer.active + 1) * PARTS / parts_of(peer, peer.weight, now)


class LeastTime(RisingRoundRobin[T]):
    """The choice among ``peers`` by ``score``."""

    __slots__ = ("_score",)

    def __init__(self, peers: Sequence[T], score: Score) -> None:
        super().__init__(peers)
        self._score = score
        measure(peers)

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> T | None:
        """The quickest peer; see :class:`~dyups.balancing.base.Balancer`."""
        score = self._score.of
        found = [
            (score(peer, now), place)
            for place, peer in enumerate(self._peers)
            if peer not in tried and is_open(peer, now)
        ]
        least = min(found, default=(0.0, 0))[0]
        return self.next_of([place for much, place in found if much == least], now)


class RandomTwoLeastTime(RandomTwo[T]):
    """``random two least_time=header|last_byte``: the quicker one of two servers by chance."""

    __slots__ = ("_score",)

    def __init__(self, peers: Sequence[T], tally: Tally, score: Score, draw: Draw = draw_below) -> None:
        super().__init__(peers, tally, draw)
        self._score = score
        measure(peers)

    def better(self, one: T, other: T, now: float) -> T:
        """Which of the two is the quicker one; ``other`` where both are as quick."""
        peer = one if self._score.of(other, now) > self._score.of(one, now) else other
        begin_trial(peer, now)
        return peer


def measure(peers: Sequence[Timed]) -> None:
    """Have the times of ``peers`` kept from now on."""
    for peer in peers:
        if peer.times is None:
            peer.times = Times()
