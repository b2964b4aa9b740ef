"""Signals that end the process, from its first moments on.

Until sockets are open there is nothing to clean up: the process ends where it stands.  From then on the signal waits
until the reactor runs, which closes what is open.  A terminal sends Ctrl-C to everybody and people press it again: the
second signal of a process that ends already is one too many, and nothing but that.  ``tap`` and
``command`` install it, and ``entry`` in a worker.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any

from twisted.internet.error import ReactorNotRunning

from dyups.proxy.plane import complain

ENDS = (signal.SIGTERM, signal.SIGINT)
#: QUIT too, for as long as nothing is served: then ``workers.signals`` takes it.
EARLY_ENDS = (*ENDS, signal.SIGQUIT)


class EarlyEnd:
    """See the module."""

    def __init__(self, leave: Callable[[int], object] = os._exit) -> None:
        self._leave = leave
        self._reactor: Any = None
        self._running = False
        self._asked = False

    def install(self) -> None:
        """From now on.  What somebody else has arranged stays: ``nohup``, a debugger."""
        for number in EARLY_ENDS:
            present = signal.getsignal(number)
            if present in (signal.SIG_DFL, signal.default_int_handler) or _is_ours(present):
                signal.signal(number, self._came)

    def hold(self, reactor: Any) -> None:
        """Something is open now: end when ``reactor`` runs.

        Twisted's own handler for TERM, which a reactor puts as it starts, takes a second signal for a mistake of ours.
        """
        self._reactor = reactor
        if _is_ours(signal.getsignal(signal.SIGINT)):
            reactor.sigTerm = self._came
        reactor.callWhenRunning(self._begin)

    def over(self) -> None:
        """The reactor has stopped, and nothing is left to be ended but Python."""
        for number in ENDS:
            if _is_ours(signal.getsignal(number)):
                signal.signal(number, signal.SIG_IGN)

    def _begin(self) -> None:
        """The reactor runs, and its handlers are there."""
        self._running = True
        if self._asked:
            self._stop()

    def _came(self, number: int, frame: FrameType | None) -> None:
        asked, self._asked = self._asked, True
        if asked:
            return  # it would only hit what the first one has begun, down to Python's own end
        if self._reactor is None:
            # No exception: wherever the process stands just now, in a weak reference's callback for one, that may be
            # caught, or printed.
            self._leave(0)
        elif self._running:
            self._reactor.callFromThread(self._end, signal.Signals(number))

    def _end(self, number: signal.Signals) -> None:
        complain("notice", f"signal {int(number)} ({number.name}) received, exiting")
        self._reactor._exitSignal = number  # where Twisted's own handlers put it, for twistd
        self._stop()

    def _stop(self) -> None:
        with suppress(ReactorNotRunning):  # it has been told to stop already, by whomever
            self._reactor.stop()


def _is_ours(handler: Any) -> bool:
    return isinstance(getattr(handler, "__self__", None), EarlyEnd)
