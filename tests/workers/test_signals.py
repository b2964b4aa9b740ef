"""Tests of dyups.workers.signals."""

from __future__ import annotations

import builtins
import signal
from collections.abc import Callable
from io import BytesIO
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.workers import signals as module
from dyups.workers.signals import NoSignals, Signals, has_terminal


class FakeReactor:
    """Remembers what it is to call."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []

    def callFromThread(self, call: Callable[[], object]) -> None:
        self.calls.append(call)


class SignalsTests(SynchronousTestCase):
    """Signals to calls."""

    def test_calls(self) -> None:
        """A signal asks the reactor for its call, between install and uninstall."""
        reactor, came = FakeReactor(), []
        calls = {signal.SIGUSR1: lambda: came.append(1), signal.SIGUSR2: lambda: came.append(2)}
        before = [signal.getsignal(number) for number in calls]
        signals = Signals(reactor, calls)
        signals.install()
        self.addCleanup(signals.uninstall)
        signal.raise_signal(signal.SIGUSR2)
        self.assertEqual(came, [])
        reactor.calls.pop()()
        signal.raise_signal(signal.SIGUSR1)
        reactor.calls.pop()()
        self.assertEqual(came, [2, 1])
        signals.uninstall()
        self.assertEqual([signal.getsignal(number) for number in calls], before)

    def test_somebody_elses_process(self) -> None:
        """A guest leaves the signals of the process as they are."""
        before = signal.getsignal(signal.SIGUSR1)
        signals = NoSignals(FakeReactor(), {signal.SIGUSR1: lambda: None})
        signals.install()
        self.assertIs(signal.getsignal(signal.SIGUSR1), before)
        signals.uninstall()
        self.assertIs(signal.getsignal(signal.SIGUSR1), before)

    def test_another_program(self) -> None:
        """USR2 changes nothing, and the log says so."""
        said: list[tuple[str, str]] = []
        self.patch(module, "complain", lambda level, text: said.append((level, text)))
        module.refuse_upgrade()
        ((level, text),) = said
        self.assertEqual(level, "error")
        self.assertIn("nothing has changed", text)

    def test_terminal(self) -> None:
        """A process that can open /dev/tty belongs to a terminal."""

        def refused(path: str, mode: str) -> Any:
            raise OSError

        self.patch(builtins, "open", refused)
        self.assertFalse(has_terminal())
        self.patch(builtins, "open", lambda path, mode: BytesIO())
        self.assertTrue(has_terminal())
