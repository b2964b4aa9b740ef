"""One change at a time.

``control.change`` holds the lock from the first look at a command until it is applied.  Who comes meanwhile waits in
order of arrival, or is sent away at once where ``dyups_trylock`` is on.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, DeferredLock, fail

from dyups.errors import LockHeld


class ChangeLock:
    """The change lock.  ``trylock`` is the directive: on, nothing ever waits."""

    def __init__(self, trylock: bool = False) -> None:
        self._lock = DeferredLock()
        self.trylock = trylock
        """Whether nothing may wait; a reload may change it."""
        self._due = 0
        self._releasing = False

    @property
    def held(self) -> bool:
        """Is a change under way?"""
        return bool(self._lock.locked)

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._lock.waiting)

    def acquire(self) -> Deferred[None]:
        """Fires when the lock is the caller's; fails with :class:`LockHeld` at once where nothing may wait."""
        if self.trylock and self._lock.locked:
            return fail(LockHeld())
        return self.wait()

    def wait(self) -> Deferred[None]:
        """Fires when the lock is the caller's, whatever ``dyups_trylock`` says; for changes nobody can repeat.

        Cancelling it before it fired takes the waiter out of the queue.
        """
        return self._lock.acquire().addCallback(_nothing)

    def release(self) -> None:
        """Give the lock to the next in order.

        A waiter may run to its own release before this returns; taking turns here instead of nesting keeps the stack
        flat however many wait.
        """
        self._due += 1
        if self._releasing:
            return
        self._releasing = True
        try:
            while self._due:
                self._due -= 1
                self._lock.release()
        finally:
            self._releasing = False


def _nothing(_lock: DeferredLock) -> None:
    """The lock itself is not handed out: it is released by :meth:`ChangeLock.release` alone."""
