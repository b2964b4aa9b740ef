"""Signals to calls on the reactor's thread.

Python runs a handler between any two instructions, so a handler does nothing but ask the reactor to call.  TERM and INT
are the reactor's own.  ``master`` and ``worker`` say what a signal means.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from typing import Any

from dyups.proxy.plane import complain


class Signals:
    """Has ``calls`` made when signals come, from :meth:`install` to :meth:`uninstall`."""

    def __init__(self, reactor: Any, calls: Mapping[signal.Signals, Callable[[], object]]) -> None:
        self._reactor = reactor
        self._calls = calls
        self._before: dict[signal.Signals, Any] = {}

    def install(self) -> None:
        """From now on."""
        for number in self._calls:
            self._before[number] = signal.signal(number, self._came)

    def uninstall(self) -> None:
        """Put back what was there."""
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before.clear()

    def _came(self, number: int, frame: object) -> None:
        self._reactor.callFromThread(self._calls[signal.Signals(number)])


class NoSignals(Signals):
    """The process is somebody else's, and so are its signals."""

    def install(self) -> None:
        """They stay as they are."""


def refuse_upgrade() -> None:
    """USR2: nginx's change of the binary needs two masters for a while, and each would make changes of its own."""
    complain(
        "error", "signal 12 (SIGUSR2) received: a running program cannot be exchanged, nothing has changed"
    )


def has_terminal() -> bool:
    """Does the process belong to a terminal?  Then WINCH says that its window has another size."""
    try:
        with open("/dev/tty", "rb"):
            return True
    except OSError:
        return False
