"""Signals, SIGCHLD among them.

Owns how the reactor hears that a child process has ended.  Twisted's way is ``signal.set_wakeup_fd``, of which there is
one per process and which uvloop needs for itself; it wakes up for any signal and runs Python's handlers, so here a
handler does it.  ``reactor`` installs this when it starts.
"""

from __future__ import annotations

import signal
from asyncio import AbstractEventLoop
from typing import Any

from twisted.internet import process


class Signals:
    """Twisted's handlers for the signals that stop a reactor (``stopping``), and ours for SIGCHLD."""

    __slots__ = ("_before", "_installed", "_loop", "_stopping")

    def __init__(self, stopping: Any, loop: AbstractEventLoop) -> None:
        self._stopping = stopping
        self._loop = loop
        self._installed = False
        self._before: Any = signal.SIG_DFL

    def install(self) -> None:
        """Hear of children from now on, and of those that have ended unheard."""
        self._stopping.install()
        self._before = signal.signal(signal.SIGCHLD, self._child_ended)
        signal.siginterrupt(signal.SIGCHLD, False)
        self._installed = True
        process.reapAllProcesses()

    def uninstall(self) -> None:
        """Put back what was there; called by Twisted more often than ``install``."""
        if self._installed:
            self._installed = False
            signal.signal(signal.SIGCHLD, self._before)
            self._stopping.uninstall()

    def _child_ended(self, number: int, frame: object) -> None:
        # Not at once: a handler may run in the middle of anything.
        self._loop.call_soon_threadsafe(process.reapAllProcesses)
