"""Tests of dyups.control.lock."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from dyups.control.lock import ChangeLock
from dyups.errors import LockHeld


class WaitingTests(SynchronousTestCase):
    """``dyups_trylock off``: one after the other."""

    def setUp(self) -> None:
        self.lock = ChangeLock()
        self.order: list[str] = []

    def join(self, name: str) -> Deferred[None]:
        return self.lock.acquire().addCallback(lambda _: self.order.append(name))

    def test_free(self) -> None:
        """A free lock is had at once, and is free again after its release."""
        self.assertFalse(self.lock.held)
        self.successResultOf(self.lock.acquire())
        self.assertTrue(self.lock.held)
        self.lock.release()
        self.assertFalse(self.lock.held)

    def test_order_of_arrival(self) -> None:
        """Who waits gets the lock in order of arrival."""
        for name in "abc":
            self.join(name)
        self.assertEqual((self.order, self.lock.waiting), (["a"], 2))
        self.lock.release()
        self.lock.release()
        self.assertEqual(self.order, ["a", "b", "c"])

    def test_waiter_that_leaves(self) -> None:
        """A waiter that is cancelled is forgotten; those behind it move up."""
        self.join("a")
        leaver = self.join("b")
        self.join("c")
        leaver.cancel()
        self.failureResultOf(leaver, CancelledError)
        self.assertEqual(self.lock.waiting, 1)
        self.lock.release()
        self.assertEqual(self.order, ["a", "c"])
        self.lock.release()
        self.assertFalse(self.lock.held)

    def test_many_waiters(self) -> None:
        """Thousands that wait and are done at once take turns without piling up on the stack."""
        self.join("holder")
        for number in range(5000):
            self.join(str(number)).addCallback(lambda _: self.lock.release())
        self.lock.release()
        self.assertEqual(self.order[1:], [str(number) for number in range(5000)])
        self.assertFalse(self.lock.held)


class TryingTests(SynchronousTestCase):
    """``dyups_trylock on``: now or not at all."""

    def setUp(self) -> None:
        self.lock = ChangeLock(trylock=True)

    def test_held(self) -> None:
        """A held lock is refused at once and nothing waits; a free one is had."""
        self.successResultOf(self.lock.acquire())
        self.failureResultOf(self.lock.acquire(), LockHeld)
        self.assertEqual(self.lock.waiting, 0)
        self.lock.release()
        self.successResultOf(self.lock.acquire())

    def test_some_must_wait(self) -> None:
        """A change that nobody would repeat waits all the same."""
        self.successResultOf(self.lock.acquire())
        waiting = self.lock.wait()
        self.assertNoResult(waiting)
        self.lock.release()
        self.successResultOf(waiting)
