"""The thread that has changes on disk: one after the other, in the order of asking.

Every change waits for it, so it is the shortest way to a thread and back: Twisted's pool takes three times as long, and
its threads wait for each other's turns where a dump is being written.  ``storing`` gives it to the store; what
is done in it is ``persist``'s.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, execute
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

T = TypeVar("T")

#: Seconds without a call after which the thread ends; the next call starts another.
IDLE = 10.0


class DiskThread:
    """Runs calls that block in a thread of its own (:class:`~dyups.persist.files.Runner`).

    The thread begins with the first call, since a daemon's process is not there before, and ends by itself.
    """

    def __init__(self, reactor: IReactorFromThreads, idle: float = IDLE) -> None:
        self._reactor = reactor
        self._idle = idle
        self._calls: SimpleQueue[tuple[Callable[[], Any], Deferred[Any]]] = SimpleQueue()
        self._lock = Lock()
        self._running = False

    def __call__(self, call: Callable[[], T], /) -> Deferred[T]:
        """Fires, in the reactor's thread, with the result of ``call``, or fails with what it raised."""
        done: Deferred[T] = Deferred()
        with self._lock:
            if not self._running:
                try:
                    Thread(target=self._run, name="dyups-disk", daemon=True).start()
                except RuntimeError:  # the system has no more of them: then the reactor waits
                    return execute(call)
                self._running = True
            self._calls.put((call, done))
        return done

    def _run(self) -> None:
        while (item := self._next()) is not None:
            call, done = item
            try:
                result = call()
            except BaseException:
                result = Failure()
            self._reactor.callFromThread(done.callback, result)

    def _next(self) -> tuple[Callable[[], Any], Deferred[Any]] | None:
        """What to do; None where nothing came for long enough."""
        with suppress(Empty):
            return self._calls.get(timeout=self._idle)
        with self._lock:
            with suppress(Empty):  # it came between the two
                return self._calls.get_nowait()
            self._running = False
        return None
