"""Changes made by another process: a worker's door to the master's change path.

:class:`RemoteChanges` is what ``admin`` calls in a worker, with the same words as
:class:`~dyups.control.change.ChangePath`; :class:`Served` is the other end, in the master.  How the words travel is
``workers.link``'s.  An error crosses as a status and a reason and is the same class on the other side.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import NamedTuple, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from dyups.control.condition import ALWAYS, Condition
from dyups.control.publish import Asker
from dyups.errors import ChangeError, ChangeFailed, CommandRefused, LockHeld, LostRace, UnknownUpstream

MASTER_GONE = "the master process is gone; whether the change was made is not known"
_CLASSES: tuple[type[ChangeError], ...] = (CommandRefused, UnknownUpstream, LostRace, LockHeld)

_log = Logger()


class Outcome(NamedTuple):
    """What became of a change: ``status`` 0 and no reason where it was made."""

    status: int = 0
    reason: str = ""


MADE = Outcome()


class Door(Protocol):
    """The way to the master: ``workers.link``.  ``number`` tells one call of this worker from another."""

    def update(self, number: int, name: str, body: str, condition: Condition) -> Deferred[Outcome]:
        """Fires with what became of it; fails where the master is gone."""
        ...

    def patch(self, number: int, name: str, commands: str, condition: Condition) -> Deferred[Outcome]:
        """Fires with what became of it; fails where the master is gone."""
        ...

    def delete(self, number: int, name: str, condition: Condition) -> Deferred[Outcome]:
        """Fires with what became of it; fails where the master is gone."""
        ...

    def forget(self, number: int) -> None:
        """Nobody waits for that call any more."""
        ...


class ChangesFor(Protocol):
    """As :class:`~dyups.control.change.Changes`, where it is known who asked: a ``ChangePath``."""

    def update(self, name: str, body: str, condition: Condition, asker: Asker) -> Deferred[None]:
        """See :meth:`~dyups.control.change.Changes.update`."""
        ...

    def patch(self, name: str, commands: str, condition: Condition, asker: Asker) -> Deferred[None]:
        """See :meth:`~dyups.control.change.Changes.patch`."""
        ...

    def delete(self, name: str, condition: Condition, asker: Asker) -> Deferred[None]:
        """See :meth:`~dyups.control.change.Changes.delete`."""
        ...


class RemoteChanges:
    """Has the master make changes."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._numbers = count(1)

    def update(self, name: str, body: str, condition: Condition = ALWAYS) -> Deferred[None]:
        """See :meth:`ChangePath.update <dyups.control.change.ChangePath.update>`."""
        return self._call(lambda number: self._door.update(number, name, body, condition))

    def patch(self, name: str, commands: str, condition: Condition = ALWAYS) -> Deferred[None]:
        """See :meth:`ChangePath.patch <dyups.control.change.ChangePath.patch>`."""
        return self._call(lambda number: self._door.patch(number, name, commands, condition))

    def delete(self, name: str, condition: Condition = ALWAYS) -> Deferred[None]:
        """See :meth:`ChangePath.delete <dyups.control.change.ChangePath.delete>`."""
        return self._call(lambda number: self._door.delete(number, name, condition))

    def _call(self, ask: Callable[[int], Deferred[Outcome]]) -> Deferred[None]:
        number = next(self._numbers)

        def forget(waiting: Deferred[None]) -> None:
            waiting.errback(CancelledError())
            self._door.forget(number)

        result: Deferred[None] = Deferred(forget)

        def report(outcome: Outcome | Failure) -> None:
            if result.called:
                return  # the client has left
            if isinstance(outcome, Failure):
                result.errback(ChangeFailed(MASTER_GONE))
            elif outcome.status:
                result.errback(error_of(outcome))
            else:
                result.callback(None)

        ask(number).addBoth(report)
        return result


class Served:
    """The calls of one worker, in the master; ``asker`` is that worker for the publisher."""

    def __init__(self, changes: ChangesFor, asker: Asker) -> None:
        self._changes = changes
        self._asker = asker
        self._waiting: dict[int, Deferred[None]] = {}

    def update(self, number: int, name: str, body: str, condition: Condition) -> Deferred[Outcome]:
        """Make the change; fires with what became of it."""
        return self._serve(number, self._changes.update(name, body, condition, self._asker))

    def patch(self, number: int, name: str, commands: str, condition: Condition) -> Deferred[Outcome]:
        """Make the change; fires with what became of it."""
        return self._serve(number, self._changes.patch(name, commands, condition, self._asker))

    def delete(self, number: int, name: str, condition: Condition) -> Deferred[Outcome]:
        """Make the change; fires with what became of it."""
        return self._serve(number, self._changes.delete(name, condition, self._asker))

    def forget(self, number: int) -> None:
        """Nobody waits for that call any more: a change that has not begun is not made."""
        waiting = self._waiting.get(number)
        if waiting is not None:
            waiting.cancel()

    def forget_all(self) -> None:
        """The worker is gone, and its clients with it."""
        for number in [*self._waiting]:
            self.forget(number)

    def _serve(self, number: int, change: Deferred[None]) -> Deferred[Outcome]:
        self._waiting[number] = change

        def report(result: Failure | None) -> Outcome:
            self._waiting.pop(number, None)
            return MADE if result is None else outcome_of(result)

        return change.addBoth(report)


def outcome_of(failure: Failure) -> Outcome:
    """How an error crosses."""
    error = failure.value
    if isinstance(error, ChangeError):
        return Outcome(error.status, error.reason)
    if not isinstance(error, CancelledError):
        _log.failure("a change failed", failure)
    return Outcome(ChangeFailed.status, "internal error")


def error_of(outcome: Outcome) -> ChangeError:
    """The error that crossed."""
    for kind in _CLASSES:
        if kind.status == outcome.status:
            return kind(outcome.reason)
    return ChangeFailed(outcome.reason)
