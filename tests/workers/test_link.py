"""Tests of dyups.workers.link."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport, connect
from twisted.trial.unittest import SynchronousTestCase

from dyups.control.condition import ALWAYS, Condition
from dyups.control.remote import Outcome
from dyups.workers.frames import CALL, RING, frame
from dyups.workers.link import MasterEnd, Once, State, WorkerEnd

BIG = "é" * 200_000


class Seen:
    """Both sides' listener: what was said."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.outcome = Outcome(409, "wait")

    def linked(self, link: Any) -> None:
        self.said.append("linked")

    def unlinked(self) -> None:
        self.said.append("unlinked")

    def ready(self, state: State) -> None:
        self.said.append(("ready", state))

    def update(self, number: int, name: str, body: str, condition: Condition) -> Deferred[Outcome]:
        self.said.append(("update", number, name, body, condition))
        return succeed(self.outcome)

    def patch(self, number: int, name: str, commands: str, condition: Condition) -> Deferred[Outcome]:
        self.said.append(("patch", number, name, commands, condition))
        return succeed(self.outcome)

    def delete(self, number: int, name: str, condition: Condition) -> Deferred[Outcome]:
        self.said.append(("delete", number, name, condition))
        return succeed(self.outcome)

    def forget(self, number: int) -> None:
        self.said.append(("forget", number))

    def roster(self) -> list[dict[str, Any]]:
        return [{"pid": 1, "text": BIG}]

    def totals(self) -> Deferred[list[dict[str, Any]]]:
        return succeed([{"requests": 1, "text": BIG}])

    def count(self) -> dict[str, Any]:
        return {"requests": 7, "text": BIG}

    def apply(self, sequence: int) -> State:
        self.said.append(("apply", sequence))
        return State(sequence, 1 << 127)

    def checks(self) -> dict[str, Any]:
        return {"generation": 1, "servers": [{"upstream": BIG}]}

    def judge(self, sequence: int, verdicts: list[Any]) -> None:
        self.said.append(("judge", sequence, verdicts))

    def accept(self) -> None:
        self.said.append("accept")

    def quit(self, graceful: bool, idle: float) -> None:
        self.said.append(("quit", graceful, idle))

    def reopen(self) -> None:
        self.said.append("reopen")


class LinkTests(SynchronousTestCase):
    """Two ends with a wire in memory."""

    def setUp(self) -> None:
        self.at_master, self.at_worker = Seen(), Seen()
        self.master, self.worker = MasterEnd(self.at_master), WorkerEnd(self.at_worker)
        self.pump = connect(
            self.master,
            FakeTransport(self.master, isServer=True),
            self.worker,
            FakeTransport(self.worker, isServer=False),
        )
        self.at_master.said.clear()
        self.at_worker.said.clear()

    def test_linked(self) -> None:
        """Both sides hear when the channel is there, and when it has ended; who waits then hears it too."""
        self.setUp()
        waiting = self.master.apply(1)
        for end in (self.master, self.worker):
            end.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(waiting, ConnectionDone, ConnectionLost)
        self.assertEqual((self.at_master.said, self.at_worker.said), (["unlinked"], ["unlinked"]))

    def test_changes(self) -> None:
        """A client's change goes to the master with texts of any length; its outcome comes back."""
        condition = Condition('"é"', "*")
        changes = [
            self.worker.update(1, "name", BIG, ALWAYS),
            self.worker.patch(2, "name", BIG, condition),
            self.worker.delete(3, "", condition),
        ]
        self.worker.forget(1)
        self.pump.flush()
        self.assertEqual(
            self.at_master.said,
            [
                ("update", 1, "name", BIG, ALWAYS),
                ("patch", 2, "name", BIG, condition),
                ("delete", 3, "", condition),
                ("forget", 1),
            ],
        )
        for change in changes:
            self.assertEqual(self.successResultOf(change), Outcome(409, "wait"))

    def test_master_gone(self) -> None:
        """A change whose outcome the master never told has none, nor has one that finds no master any more."""
        waiting = self.worker.update(1, "a", "b", ALWAYS)
        self.worker.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(waiting, ConnectionDone)
        self.failureResultOf(self.worker.delete(2, "a", ALWAYS), ConnectionLost)
        self.failureResultOf(WorkerEnd(Seen()).delete(3, "a", ALWAYS), ConnectionLost)

    def test_worker_gone(self) -> None:
        """The doorbell of a worker that is gone is not answered."""
        self.master.connectionLost(Failure(ConnectionDone()))
        self.failureResultOf(self.master.apply(1), ConnectionDone)

    def test_outcome_for_nobody(self) -> None:
        """What became of a change whose worker is gone is told to nobody, and troubles nobody."""
        asked: Deferred[Outcome] = Deferred()
        self.patch(self.at_master, "update", lambda *_: asked)
        self.worker.update(1, "a", "b", ALWAYS)
        self.pump.flush()
        self.master.connectionLost(Failure(ConnectionDone()))
        asked.callback(Outcome())
        self.successResultOf(asked)

    def test_in_order(self) -> None:
        """Whatever is said, in frames or in boxes, arrives in the order in which it was said."""
        self.worker.update(1, "a", "b", ALWAYS)
        self.worker.forget(1)
        self.worker.delete(2, "a", ALWAYS)
        self.master.apply(3)
        self.master.reopen()
        self.master.apply(4)
        self.pump.flush()
        self.assertEqual([said[0] for said in self.at_master.said], ["update", "forget", "delete"])
        self.assertEqual(self.at_worker.said, [("apply", 3), "reopen", ("apply", 4)])

    def test_not_theirs(self) -> None:
        """A frame that is none of this end's words is our mistake."""
        for end, kind in ((self.master, RING), (self.worker, CALL)):
            self.assertRaises(ValueError, end.dataReceived, frame(kind, b""))

    def test_long_reason(self) -> None:
        """So does a reason of any length."""
        self.at_master.outcome = Outcome(500, BIG)
        update = self.worker.update(1, "a", "b", ALWAYS)
        self.pump.flush()
        self.assertEqual(self.successResultOf(update), Outcome(500, BIG))

    def test_doorbell(self) -> None:
        """The answer to the doorbell is what the worker routes by."""
        applied = self.master.apply(17)
        self.pump.flush()
        self.assertEqual(self.at_worker.said, [("apply", 17)])
        self.assertEqual(self.successResultOf(applied), State(17, 1 << 127))

    def test_checks(self) -> None:
        """What health checks found goes to the worker, what they know comes when it asks; names are any bytes."""
        found = [("Ä".encode(), "127.0.0.1:1", True), (b"b", "unix:/s", False)] * 3000
        self.master.judge(7, found)
        report = self.worker.checks()
        self.pump.flush()
        self.assertEqual(self.at_worker.said, [("judge", 7, found)])
        self.assertEqual(self.successResultOf(report)["servers"], [{"upstream": BIG}])

    def test_orders(self) -> None:
        """What the master says arrives, in order."""
        self.master.accept()
        self.master.reopen()
        self.master.quit(True, 2.0)
        self.master.quit(False, 0.0)
        self.pump.flush()
        self.assertEqual(self.at_worker.said, ["accept", "reopen", ("quit", True, 2.0), ("quit", False, 0.0)])

    def test_ready(self) -> None:
        """The worker tells what it routes by, digests of 128 bits included."""
        self.worker.ready(State(7, (1 << 128) - 1))
        self.pump.flush()
        self.assertEqual(self.at_master.said, [("ready", State(7, (1 << 128) - 1))])

    def test_roster(self) -> None:
        """The facts of all workers come as they are."""
        facts = self.worker.workers()
        self.pump.flush()
        self.assertEqual(self.successResultOf(facts), [{"pid": 1, "text": BIG}])

    def test_totals(self) -> None:
        """What was counted is asked from either end."""
        all_of_them, of_one = self.worker.totals(), self.master.count()
        self.pump.flush()
        self.assertEqual(self.successResultOf(all_of_them), [{"requests": 1, "text": BIG}])
        self.assertEqual(self.successResultOf(of_one), {"requests": 7, "text": BIG})

    def test_once(self) -> None:
        """The factory gives the end that it was made for."""
        self.assertIs(Once(self.master).buildProtocol(None), self.master)

    @settings(deadline=None, max_examples=20)
    @given(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30), st.sampled_from([0, 1, 65535, 65536])
    )
    def test_any_text(self, text: str, padding: int) -> None:
        """Any text crosses unchanged, wherever its bytes are cut."""
        self.setUp()
        whole = "x" * padding + text
        self.worker.update(1, text, whole, ALWAYS)
        self.pump.flush()
        self.assertEqual(self.at_master.said, [("update", 1, text, whole, ALWAYS)])
