"""``random`` and ``random two [least_conn]`` (``ngx_http_upstream_random_module.c``).

Chance goes by weight.  With ``two`` it names two servers, and the one with fewer requests under way for its weight is
asked: nearly as even as ``least_conn``, without looking at every server.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from random import random
from typing import Any

from dyups.balancing.base import C, Tally, begin_trial, is_open
from dyups.balancing.fallback import MOST_TRIES
from dyups.balancing.hashing import OnALine

#: A number from 0 up to, and without, the one given.
Draw = Callable[[int], int]


def draw_below(limit: int) -> int:
    """Any of the numbers below ``limit``, each as likely as the others."""
    return int(random() * limit)


class Random(OnALine[C]):
    """The choice of one server by chance."""

    __slots__ = ("_draw",)

    def __init__(self, peers: Sequence[C], tally: Tally, draw: Draw = draw_below) -> None:
        super().__init__(peers, tally)
        self._draw = draw

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> C | None:
        """Any peer; see :class:`~dyups.balancing.base.Balancer`."""
        return self.first_open(self._places(), tried, now)

    def _places(self) -> Iterator[int]:
        while True:
            yield self._draw(self._length)


class RandomTwo(Random[C]):
    """The choice of the less busy one of two servers by chance."""

    __slots__ = ()

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> C | None:
        """One of two; where chance does not name two in ``MOST_TRIES``, the next in turn."""
        one: C | None = None
        tries = 0
        for place in self._places():
            peer = self.at(place)
            if peer is not one and peer not in tried and is_open(peer, now):
                if one is not None:
                    return self.better(one, peer, now)
                one = peer
                continue
            tries += 1
            if tries > MOST_TRIES:
                break
        return self.in_turn(exchange, tried, now)

    def better(self, one: C, other: C, now: float) -> C:
        """Which of the two has fewer requests under way for its weight; ``other`` where both have as many."""
        peer = one if other.active * one.weight > one.active * other.weight else other
        begin_trial(peer, now)
        return peer
