"""Tests of ``dyups.net.children``."""

from __future__ import annotations

import signal
from typing import Any

from twisted.internet import process
from twisted.trial.unittest import SynchronousTestCase

from dyups.net.children import Signals
from tests.net.support import Loop


class Stopping:
    """Twisted's part; keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def install(self) -> None:
        self.told.append("install")

    def uninstall(self) -> None:
        self.told.append("uninstall")


class SignalsTests(SynchronousTestCase):
    """SIGCHLD on a loop in memory."""

    def setUp(self) -> None:
        self.addCleanup(signal.signal, signal.SIGCHLD, signal.getsignal(signal.SIGCHLD))
        self.before: Any = lambda number, frame: None
        signal.signal(signal.SIGCHLD, self.before)
        self.reaped: list[bool] = []
        self.patch(process, "reapAllProcesses", lambda: self.reaped.append(True))
        self.stopping, self.loop = Stopping(), Loop()
        self.signals = Signals(self.stopping, self.loop)  # type: ignore[arg-type]

    def test_children_that_ended_before(self) -> None:
        """They are reaped when the handlers are installed."""
        self.signals.install()
        self.assertEqual((self.reaped, self.stopping.told), ([True], ["install"]))

    def test_children_are_reaped_by_the_loop(self) -> None:
        """The handler itself does nothing but ask the loop, since it may run in the middle of anything."""
        self.signals.install()
        del self.reaped[:]
        signal.raise_signal(signal.SIGCHLD)
        self.assertEqual(self.reaped, [])
        self.loop.turn()
        self.assertEqual(self.reaped, [True])

    def test_uninstall_puts_back(self) -> None:
        """The handler from before is back; uninstalling again, or without installing, changes nothing."""
        self.signals.uninstall()
        self.signals.install()
        self.signals.uninstall()
        self.signals.uninstall()
        self.assertIs(signal.getsignal(signal.SIGCHLD), self.before)
        self.assertEqual(self.stopping.told, ["install", "uninstall"])
