"""Runs one of uvloop's coroutines without a task.

Owns the stepping.  ``connectors`` uses it to connect: the first step is taken at once, as Twisted's connectors open
their socket at once, and giving up closes the socket at once.  A task would do each a turn of the loop later.
"""

from __future__ import annotations

import socket
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Coroutine
from typing import Any


class Eager:
    """A coroutine on its way.  ``failed`` gets what it raises, never before the constructor has returned."""

    __slots__ = ("_cancelled", "_coroutine", "_failed", "_waiting")

    def __init__(
        self,
        coroutine: Coroutine[Any, Any, object],
        loop: AbstractEventLoop,
        failed: Callable[[Exception], None],
    ) -> None:
        self._coroutine = coroutine
        self._waiting: Any = None
        self._cancelled = False
        self._failed: Callable[[Exception], object] = lambda exc: loop.call_soon(failed, exc)
        self._step()
        self._failed = failed

    def _step(self, done: Future[Any] | None = None) -> None:
        if self._cancelled:
            return  # the future was done already, this call was on its way
        self._waiting = None
        try:
            waiting = self._coroutine.send(None)
        except StopIteration:
            return
        except Exception as exc:
            self._failed(exc)
            return
        waiting._asyncio_future_blocking = False  # says to the future that somebody waits, as a task would
        waiting.add_done_callback(self._step)
        self._waiting = waiting

    def cancel(self) -> None:
        """End it here and now, whatever it waits for; nobody is told."""
        self._cancelled = True
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
        self._coroutine.close()


def done(future: Future[None]) -> None:
    """Wake up who waits, if anybody does."""
    if not future.done():
        future.set_result(None)


def hand_over(
    loop: AbstractEventLoop,
    sock: socket.socket,
    make: Callable[[], Any],
    failed: Callable[[Exception], None],
) -> Eager:
    """Give a connected socket to uvloop, with the asyncio protocol that ``make`` makes.

    From here on the descriptor is uvloop's alone.  Left in the socket object too, it would be closed twice where a
    loop ends before uvloop has come to note the object, and the second close may hit somebody else's descriptor.
    """
    create: Any = loop.create_unix_connection if sock.family == socket.AF_UNIX else loop.create_connection
    eager = Eager(create(make, sock=sock), loop, failed)
    sock.detach()
    return eager
