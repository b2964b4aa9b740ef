"""Tests of dyups.control.remote."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectionLost
from twisted.trial.unittest import SynchronousTestCase

from dyups.control.condition import ALWAYS, Condition
from dyups.control.remote import MADE, MASTER_GONE, Outcome, RemoteChanges, Served, error_of
from dyups.errors import ChangeError, ChangeFailed, CommandRefused, LockHeld, LostRace, UnknownUpstream


class FakeAsker:
    """A worker."""

    def told(self, sequence: int, at_once: bool) -> Deferred[None] | None:
        raise AssertionError("that is the publisher's business")


class FakeChanges:
    """A change path whose answers the test gives."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.askers: list[object] = []
        self.answers: list[Deferred[None]] = []

    def update(self, name: str, body: str, condition: Condition, asker: object) -> Deferred[None]:
        return self._note(asker, "update", name, body, condition)

    def patch(self, name: str, commands: str, condition: Condition, asker: object) -> Deferred[None]:
        return self._note(asker, "patch", name, commands, condition)

    def delete(self, name: str, condition: Condition, asker: object) -> Deferred[None]:
        return self._note(asker, "delete", name, condition)

    def _note(self, asker: object, *call: object) -> Deferred[None]:
        self.askers.append(asker)
        self.calls.append(call)
        self.answers.append(Deferred())
        return self.answers[-1]


class BothEnds(SynchronousTestCase):
    """A worker's calls, served by the master, with nothing between the two."""

    def setUp(self) -> None:
        self.changes = FakeChanges()
        self.asker = FakeAsker()
        self.served = Served(self.changes, self.asker)
        self.remote = RemoteChanges(self.served)

    def test_made(self) -> None:
        """A change is made once, in the same words, and its success comes back."""
        condition = Condition('"x"', "*")
        calls = [
            self.remote.update("a", "server b;"),
            self.remote.patch("b", "drain server c;", condition),
            self.remote.delete("c", condition),
        ]
        self.assertEqual(
            self.changes.calls,
            [
                ("update", "a", "server b;", ALWAYS),
                ("patch", "b", "drain server c;", condition),
                ("delete", "c", condition),
            ],
        )
        self.assertEqual(self.changes.askers, [self.asker] * 3)
        for call, answer in zip(calls, self.changes.answers, strict=True):
            self.assertNoResult(call)
            answer.callback(None)
            self.assertIsNone(self.successResultOf(call))

    def test_refused(self) -> None:
        """Each error of the family is the same class, with the same reason, at the other end."""
        errors: list[ChangeError] = [
            CommandRefused("why"),
            UnknownUpstream("not found"),
            LockHeld(),
            LostRace("If-Match"),
            ChangeFailed("no room"),
        ]
        for error in errors:
            change = self.remote.update("a", "b")
            self.changes.answers[-1].errback(error)
            crossed = self.failureResultOf(change, type(error)).value
            self.assertEqual((crossed.status, crossed.reason), (error.status, error.reason))

    def test_our_mistake(self) -> None:
        """Any other exception is logged where it happened and is an internal error elsewhere."""
        change = self.remote.update("a", "b")
        self.changes.answers[0].errback(ZeroDivisionError())
        self.assertEqual(self.failureResultOf(change, ChangeFailed).value.reason, "internal error")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_forgotten(self) -> None:
        """A client that leaves has its change cancelled in the master; its outcome is of no interest."""
        change = self.remote.update("a", "b")
        change.cancel()
        self.failureResultOf(change, CancelledError)
        self.assertTrue(self.changes.answers[0].called)

    def test_worker_gone(self) -> None:
        """With the worker all of its clients are gone."""
        changes = [self.remote.update("a", "b"), self.remote.delete("c")]
        self.served.forget_all()
        for change in changes:
            self.failureResultOf(change, ChangeFailed)
        self.assertTrue(all(answer.called for answer in self.changes.answers))
        self.served.forget(1)


class DeadMaster:
    """A door that nobody answers."""

    def update(self, number: int, name: str, body: str, condition: Condition) -> Deferred[Outcome]:
        return fail(ConnectionLost())

    def patch(self, number: int, name: str, commands: str, condition: Condition) -> Deferred[Outcome]:
        return fail(ConnectionLost())

    def delete(self, number: int, name: str, condition: Condition) -> Deferred[Outcome]:
        return fail(ConnectionLost())

    def forget(self, number: int) -> None:
        raise AssertionError("there is nothing to forget")


class AloneTests(SynchronousTestCase):
    """One end only."""

    def test_master_gone(self) -> None:
        """A change that meets no master fails, and says that its outcome is not known."""
        remote = RemoteChanges(DeadMaster())
        for change in (remote.update("a", "b"), remote.patch("a", "b"), remote.delete("a")):
            self.assertEqual(self.failureResultOf(change, ChangeFailed).value.reason, MASTER_GONE)

    def test_unknown_status(self) -> None:
        """A status of no class is a failure with its reason."""
        self.assertEqual(MADE, Outcome(0, ""))
        error = error_of(Outcome(599, "what"))
        self.assertEqual((type(error), error.reason), (ChangeFailed, "what"))
