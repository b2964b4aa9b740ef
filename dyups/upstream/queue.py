"""``queue N [timeout=TIME]``: requests that wait, in order, until a server of their upstream has room for one more.

Owns the order.  ``proxy.waiting`` has the requests; ``proxy.relay`` says when a server has let go of one.  Those that
come while others wait go behind them (:class:`BehindQueue`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container
from functools import partial
from typing import Any, Protocol

from dyups.balancing.base import Balancer

#: How often to look whether other processes have let go of a server, in seconds.
LOOK = 0.02
#: A timer: seconds, and what is called then.
CallLater = Callable[[float, Callable[[], object]], object]


class Waiter(Protocol):
    """A request that waits."""

    exchange: Any

    def offer(self) -> bool:
        """Ask a server if one may be asked; False where none may."""
        ...

    def moved(self) -> None:
        """The upstream was replaced or deleted: begin anew."""
        ...


class Queue:
    """The requests that wait for one upstream, ``limit`` at most, each ``timeout`` seconds at most."""

    __slots__ = ("_looking", "_waiting", "called", "everywhere", "limit", "offering", "timeout")

    def __init__(self, limit: int, timeout: float) -> None:
        self.limit = limit
        self.timeout = timeout
        self._waiting: deque[Waiter] = deque()
        self.called: Any = None
        """The exchange whose turn it is."""
        self.offering = False
        self.everywhere = False
        """Servers are asked by other processes too, which do not say when they let go of one."""
        self._looking = False

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, waiter: Waiter) -> bool:
        """Wait behind all others; False where the queue is full."""
        if len(self._waiting) >= self.limit:
            return False
        self._waiting.append(waiter)
        return True

    def leave(self, waiter: Waiter) -> None:
        """Wait no more."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)

    def released(self) -> None:
        """A server has room: let those go on who can, the first first."""
        if self.offering or not self._waiting:
            return
        self.offering = True
        try:
            while self._waiting:
                waiter = self._waiting[0]
                self.called = waiter.exchange
                if not waiter.offer():
                    break
        finally:
            self.called = None
            self.offering = False

    def keep_looking(self, call_later: CallLater) -> None:
        """Where servers are shared with other processes: look from time to time, for as long as somebody waits."""
        if self.everywhere and self._waiting and not self._looking:
            self._looking = True
            call_later(LOOK, partial(self._look, call_later))

    def _look(self, call_later: CallLater) -> None:
        self._looking = False
        self.released()
        self.keep_looking(call_later)

    def moved(self) -> None:
        """The upstream was replaced or deleted: all begin anew, in their order."""
        waiting, self._waiting = self._waiting, deque()
        for waiter in waiting:
            waiter.moved()


class BehindQueue:
    """A balancer that gives nobody to those who come while others wait."""

    __slots__ = ("_balancer", "_queue")

    def __init__(self, balancer: Balancer, queue: Queue) -> None:
        self._balancer = balancer
        self._queue = queue

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> Any | None:
        """See :class:`~dyups.balancing.base.Balancer`."""
        if len(self._queue) and self._queue.called is not exchange:
            return None
        return self._balancer.pick(exchange, tried, now)
