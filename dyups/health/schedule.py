"""What is due when: any number of times on one timer of the reactor.

A timer of the reactor's for every check and every time limit would cost more than the checks.  Here they stand in one
heap, and what is due within a few milliseconds is done together.  Nothing is taken out before its time: whoever asked
looks whether it is still wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count
from typing import Any

from twisted.internet.interfaces import IReactorTime

#: Seconds by which something may be late so that it is done together with other things.
GRAIN = 0.005
#: Later than this, and the process was busy with something else: answers may wait to be read, so they come first.
STALLED = 0.25

#: Called with the time for which it was asked.
Due = Callable[[float], None]


class Schedule:
    """Calls what is due; times are those of ``clock.seconds()``."""

    __slots__ = ("_clock", "_heap", "_number", "_running", "_stalled", "_timer", "_timer_at")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Due]] = []
        self._number = count()
        self._timer: Any = None
        self._timer_at = 0.0
        self._stalled = False
        self._running = False

    def __len__(self) -> int:
        return len(self._heap)

    def at(self, when: float, due: Due) -> None:
        """Call ``due`` then, or a few milliseconds later."""
        heappush(self._heap, (when, next(self._number), due))
        if self._running:
            return  # what is next is settled when all that is due was called
        if self._timer is None:
            self._set(when)
        elif when < self._timer_at:
            self._timer.cancel()
            self._set(when)

    def _set(self, when: float) -> None:
        now = self._clock.seconds()
        self._timer_at = max(when, now + GRAIN)
        self._timer = self._clock.callLater(self._timer_at - now, self._run)

    def _run(self) -> None:
        self._timer = None
        now = self._clock.seconds()
        if now - self._timer_at > STALLED and not self._stalled:
            self._stalled = True
            self._set(now)
            return
        self._stalled = False
        heap = self._heap
        self._running = True
        try:
            while heap and heap[0][0] <= now:
                when, _, due = heappop(heap)
                due(when)
        finally:
            self._running = False
            if heap:
                self._set(heap[0][0])

    def stop(self) -> None:
        """Forget everything."""
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
