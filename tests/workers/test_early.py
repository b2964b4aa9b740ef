"""Tests of dyups.workers.early."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.trial.unittest import SynchronousTestCase

from dyups.workers import early
from dyups.workers.early import EarlyEnd


class Handlers:
    """The table of handlers, on paper."""

    SIGTERM, SIGINT, SIGQUIT = signal.SIGTERM, signal.SIGINT, signal.SIGQUIT
    Signals = signal.Signals
    SIG_DFL, SIG_IGN, default_int_handler = signal.SIG_DFL, signal.SIG_IGN, signal.default_int_handler

    def __init__(self) -> None:
        self.table: dict[int, Any] = {15: self.SIG_DFL, 2: self.default_int_handler, 3: self.SIG_DFL}

    def getsignal(self, number: int) -> Any:
        return self.table[number]

    def signal(self, number: int, handler: Any) -> None:
        self.table[number] = handler


class Reactor:
    """A reactor that runs when the test says so; as Twisted's, it puts a handler for TERM."""

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers
        self.calls: list[str] = []
        self.when: list[Callable[[], None]] = []
        self._exitSignal: int | None = None

    def callWhenRunning(self, call: Callable[[], None]) -> None:
        self.when.append(call)

    def run(self) -> None:
        self.handlers.signal(15, self.sigTerm)
        for call in self.when:
            call()

    def callFromThread(self, call: Callable[..., None], *arguments: object) -> None:
        call(*arguments)

    def stop(self) -> None:
        self.calls.append("stop")
        if len(self.calls) > 1:
            raise ReactorNotRunning

    def sigTerm(self, number: int, frame: object) -> None:
        raise AssertionError("Twisted's own stops a reactor that has stopped")


class EarlyEndTests(SynchronousTestCase):
    """From the first moment to the last."""

    def setUp(self) -> None:
        self.handlers = Handlers()
        self.patch(early, "signal", self.handlers)
        self.ends: list[int] = []
        self.early = EarlyEnd(self.ends.append)
        self.early.install()
        self.reactor = Reactor(self.handlers)

    def send(self, number: int) -> None:
        self.handlers.table[number](number, None)

    def test_nothing_open(self) -> None:
        """The process ends where it stands, with status 0, and without an exception that somebody might catch."""
        for number in (15, 2, 3):
            self.ends.clear()
            self.early = EarlyEnd(self.ends.append)
            self.early.install()
            self.send(number)
            self.assertEqual(self.ends, [0])

    def test_sockets_open(self) -> None:
        """The signal waits until the reactor runs, and then stops it; once."""
        self.early.hold(self.reactor)
        self.send(15)
        self.send(2)
        self.assertEqual(self.reactor.calls, [])
        self.reactor.run()
        self.send(15)
        self.assertEqual(self.reactor.calls, ["stop"])

    def test_running(self) -> None:
        """The first signal that comes stops the reactor, which knows its number, and no other does."""
        for number in (15, 2):
            self.early = EarlyEnd()
            self.early.install()
            self.reactor = Reactor(self.handlers)
            self.early.hold(self.reactor)
            self.reactor.run()
            self.assertEqual(self.reactor.calls, [])
            self.send(number)
            self.send(15)
            self.send(2)
            self.assertEqual(self.reactor.calls, ["stop"])
            self.assertEqual(self.reactor._exitSignal, number)
            self.handlers.table[15] = self.handlers.SIG_DFL

    def test_as_the_reactor_starts(self) -> None:
        """Its handlers are there, and it has not told so yet: both signals count for one all the same."""
        self.early.hold(self.reactor)
        self.reactor.when.insert(0, lambda: self.send(2))
        self.reactor.when.insert(1, lambda: self.send(15))
        self.reactor.run()
        self.assertEqual(self.reactor.calls, ["stop"])

    def test_stopped_already(self) -> None:
        """A signal that comes while the process ends for another reason is no mistake."""
        self.early.hold(self.reactor)
        self.reactor.run()
        self.reactor.stop()
        self.send(2)
        self.assertEqual(self.reactor.calls, ["stop", "stop"])

    def test_over(self) -> None:
        """When all is done, Python may take its time to end; what others arranged is theirs."""
        self.handlers.table[2] = self.handlers.SIG_IGN
        self.early.over()
        self.assertIs(self.handlers.table[15], self.handlers.SIG_IGN)
        self.handlers.table[15] = self.handlers.SIG_DFL
        self.early.over()
        self.assertIs(self.handlers.table[15], self.handlers.SIG_DFL)

    def test_arranged_by_others(self) -> None:
        """What is ignored stays ignored, and a debugger keeps its handler; an earlier one of ours gives way."""

        def debugger(number: int, frame: object) -> None:
            raise AssertionError("nobody interrupts")

        self.handlers.table |= {2: debugger, 3: self.handlers.SIG_IGN}
        later = EarlyEnd()
        later.install()
        later.hold(self.reactor)
        self.assertIs(self.handlers.table[2], debugger)
        self.assertIs(self.handlers.table[3], self.handlers.SIG_IGN)
        self.reactor.run()
        self.assertEqual(self.handlers.table[15], self.reactor.sigTerm)
