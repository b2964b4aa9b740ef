"""Tests of dyups.workers.diskthread: with a real thread, which is waited for by what comes back from it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dyups.workers.diskthread import DiskThread

BOUND = 60.0


class FakeReactor:
    """What comes back from the thread waits until the test takes it."""

    def __init__(self) -> None:
        self.calls: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]] = SimpleQueue()

    def callFromThread(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.calls.put((call, arguments))

    def turn(self) -> None:
        call, arguments = self.calls.get(timeout=BOUND)
        call(*arguments)


class DiskThreadTests(SynchronousTestCase):
    """Calls that block."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.before = {*threading.enumerate()}

    def thread(self, idle: float = BOUND) -> Any:
        made: Any = DiskThread(self.reactor, idle)  # type: ignore[arg-type]
        self.addCleanup(self.end, made)
        return made

    def end(self, made: Any) -> None:
        """It would wait for the next call otherwise."""
        made._idle = 0.0
        for thread in self.ours():
            made(int)
            thread.join(BOUND)
            self.assertFalse(thread.is_alive())

    def ours(self) -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread not in self.before]

    def test_no_thread_yet(self) -> None:
        """Before the first call there is no thread: one that was made before the process forks would be lost."""
        self.thread()
        self.assertEqual(self.ours(), [])

    def test_in_order(self) -> None:
        """Calls are made in another thread, one after the other; results come in the reactor's."""
        disk, seen = self.thread(), list[threading.Thread]()
        done: list[Deferred[None]] = [disk(lambda: seen.append(threading.current_thread())) for _ in range(5)]
        self.assertEqual([each.called for each in done], [False] * 5)
        for number, each in enumerate(done):
            self.reactor.turn()
            self.assertEqual([each.called for each in done].count(True), number + 1)
            self.assertIsNone(self.successResultOf(each))
        self.assertEqual(seen, self.ours() * 5)
        self.assertTrue(seen[0].daemon)

    def test_failure(self) -> None:
        """What a call raises comes back, and the next one is made."""
        disk = self.thread()
        failed, worked = disk(lambda: 1 // 0), disk(lambda: 7)
        self.reactor.turn()
        self.reactor.turn()
        self.failureResultOf(failed, ZeroDivisionError)
        self.assertEqual(self.successResultOf(worked), 7)

    def test_idle(self) -> None:
        """A thread with nothing to do ends; the next call starts another."""
        disk = self.thread(0.0)
        for number in range(20):
            done = disk(lambda: number)  # noqa: B023
            self.reactor.turn()
            self.assertEqual(self.successResultOf(done), number)
        for thread in self.ours():
            thread.join(BOUND)
        self.assertEqual(self.ours(), [])

    def test_no_thread_to_be_had(self) -> None:
        """Where the system has no thread for us the call is made here and now; the next one tries again."""
        disk = self.thread()

        def start(thread: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        patched = self.patch(threading.Thread, "start", start)
        self.assertEqual(self.successResultOf(disk(lambda: 7)), 7)
        self.failureResultOf(disk(lambda: 1 // 0), ZeroDivisionError)
        patched.restore()
        later = disk(lambda: 8)
        self.reactor.turn()
        self.assertEqual(self.successResultOf(later), 8)
