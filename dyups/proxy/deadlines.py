"""Time limits without timers: each connection stores a deadline, and one loop looks for those that have passed.

A timer per request would cost more than the request.  ``now`` is the time of the last look, so setting a deadline is
one addition; limits are padded by one period (see :meth:`Deadlines.limit`) so that none ends early.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

NEVER: Final = float("inf")

_log = Logger()


class Timed(Protocol):
    """Something with a time limit."""

    deadline: float
    """Seconds on the reactor's clock; :data:`NEVER` for none."""

    def timed_out(self) -> None:
        """Called once ``deadline`` has passed, and again at every look until it is moved."""
        ...


def period_for(limits: Iterable[float]) -> float:
    """How often to look, in seconds: once a second, finer where a limit under four seconds is configured."""
    shortest = min((limit for limit in limits if limit > 0), default=4.0)
    return max(0.02, min(1.0, shortest / 4))


class Deadlines:
    """All time limits of a process."""

    __slots__ = ("_clock", "_loop", "_on_look", "_timed", "now", "period")

    def __init__(
        self, clock: IReactorTime, period: float = 1.0, on_look: Callable[[], None] | None = None
    ) -> None:
        self._clock = clock
        self.period = period
        self.now = clock.seconds()
        self._timed: set[Timed] = set()
        self._on_look = on_look
        self._loop = LoopingCall(self.look)
        self._loop.clock = clock

    def limit(self, seconds: float) -> float:
        """What to add to ``now`` for a limit of ``seconds``: ``now`` may be one period old."""
        return seconds + self.period

    def watch(self, timed: Timed) -> None:
        """Look at ``timed`` from now on."""
        self._timed.add(timed)

    def forget(self, timed: Timed) -> None:
        """Look at it no more."""
        self._timed.discard(timed)

    def watched(self) -> list[Timed]:
        """Everything that is looked at."""
        return [*self._timed]

    def seconds(self) -> float:
        """The reactor's clock, for what has to be finer than the sweep."""
        return self._clock.seconds()

    def call_later(self, seconds: float, call: Callable[[], object]) -> IDelayedCall:
        """A timer, for what few requests need: the reactor's own."""
        delayed: IDelayedCall = self._clock.callLater(seconds, call)
        return delayed

    def look(self) -> None:
        """Move ``now`` on and call all that are late."""
        now = self.now = self._clock.seconds()
        if self._on_look is not None:
            self._on_look_safely(self._on_look)
        late = [timed for timed in self._timed if timed.deadline <= now]
        for timed in late:
            if timed.deadline <= now and timed in self._timed:
                try:
                    timed.timed_out()
                except Exception:
                    _log.failure("a time limit could not be enforced")

    def _on_look_safely(self, on_look: Callable[[], None]) -> None:
        """An exception would end the loop, and with it every time limit of the process."""
        try:
            on_look()
        except Exception:
            _log.failure("what is done at every look failed")

    def start(self) -> Deferred[LoopingCall]:
        """Begin to look every period."""
        return self._loop.start(self.period, now=True)

    def stop(self) -> None:
        """Stop looking."""
        if self._loop.running:
            self._loop.stop()
