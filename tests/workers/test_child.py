"""Tests of dyups.workers.child."""

from __future__ import annotations

import signal

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.control.condition import ALWAYS
from dyups.shared.slots import Reader
from dyups.workers import child as module
from dyups.workers.child import Child, Stage, patience_for
from dyups.workers.link import State
from tests.workers.fakes import PATIENCE, FakeChanges, FakeHome, FakeLink, FakeProcess, complaints

OURS = State(7, 1000)
TERM, KILL = int(signal.SIGTERM), int(signal.SIGKILL)


class ChildCase(SynchronousTestCase):
    """A child whose process and channel are there."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(100)
        self.home = FakeHome(self.clock)
        self.changes = FakeChanges()
        self.said = complaints(self, module)
        self.child = Child(0, self.home, self.changes, PATIENCE, self.clock.seconds)
        self.process = FakeProcess(self.child, 4711)
        self.child.started(self.process)
        self.link = FakeLink()
        self.child.linked(self.link)

    def serve(self) -> None:
        """Come as far as accepting."""
        self.child.ready(OURS)
        self.link.said.clear()
        self.beat()

    def beat(self, state: State = OURS) -> None:
        """The worker writes its slot."""
        self.home.readers[0] = Reader(4711, 0, state.sequence, self.clock.seconds(), state.digest)

    def change(self, sequence: int = 8) -> Deferred[None]:
        """A change happens."""
        self.home.state = State(sequence, 1000 + sequence)
        heard = self.child.ring(sequence)
        assert heard is not None
        return heard


class BeforeServingTests(ChildCase):
    """A worker accepts nothing before its map equals ours."""

    def test_equal(self) -> None:
        """A map like ours: it may accept."""
        self.child.ready(OURS)
        self.assertEqual((self.link.said, self.child.stage), (["accept"], Stage.ACCEPTING))
        self.assertEqual(self.home.events, [("accepting", 0)])

    def test_told_before_it_accepts(self) -> None:
        """What health checks found is told before it may accept."""
        self.home.found = [(b"app", "127.0.0.1:1", True)]
        self.child.judge(7, [(b"app", "127.0.0.1:2", True)])
        self.child.ready(OURS)
        self.assertEqual(self.link.said, [("judge", 7, self.home.found), "accept"])
        self.child.judge(8, [])
        self.assertEqual(self.link.said[-1], ("judge", 8, []))
        self.child.unlinked()
        self.child.judge(9, [])
        self.assertEqual(self.link.said[-1], ("judge", 8, []))
        self.assertEqual(self.child.checks(), self.home.checks())

    def test_behind(self) -> None:
        """A map behind ours: it is told to catch up, as often as there are changes meanwhile."""
        self.child.ready(State(5, 3))
        self.assertEqual((self.link.said, self.child.stage), ([("apply", 7)], Stage.CATCHING_UP))
        self.home.state = State(8, 1008)
        self.link.asked[0].callback(OURS)
        self.assertEqual(self.link.said, [("apply", 7), ("apply", 8)])
        self.link.asked[1].callback(State(8, 1008))
        self.assertEqual((self.link.said[-1], self.child.stage), ("accept", Stage.ACCEPTING))

    def test_another_map(self) -> None:
        """A map that differs when all changes are in it: it is replaced, and never accepts."""
        self.child.ready(State(7, 999))
        self.link.asked[0].callback(State(7, 999))
        self.assertNotIn("accept", self.link.said)
        self.assertEqual(self.process.signals, [KILL])
        self.assertIn("another map", self.said[0][1])

    def test_reload_meanwhile(self) -> None:
        """A reload has made another map: one that began before it serves by its own, as the others of its crew do."""
        self.home.may_compare = False
        self.child.ready(State(6, 999))
        self.assertEqual(self.link.said, [("apply", 7)])
        self.home.state = State(8, 1008)
        self.link.asked[0].callback(State(6, 999))
        self.assertEqual(self.link.said, [("apply", 7), ("apply", 8)])
        self.link.asked[1].callback(State(8, 999))
        self.assertEqual((self.link.said[-1], self.process.signals), ("accept", []))

    def test_changes_do_not_wait(self) -> None:
        """A change does not wait for a worker that accepts nothing yet."""
        self.assertIsNone(self.child.ring(8))
        self.assertEqual(self.link.said, [])

    def test_asked_for_early(self) -> None:
        """A script that has a change made before its worker serves finds it made: the doorbell comes first, too."""
        self.child.ready(State(5, 3))
        self.assertIsNone(self.child.told(9, True))
        self.assertEqual(self.link.said, [("apply", 7), ("apply", 9)])
        self.link.lost()
        self.child.unlinked()
        self.assertIsNone(self.child.told(10, True))

    def test_not_ready(self) -> None:
        """A worker that is not ready within a minute is replaced."""
        self.clock.advance(59)
        self.child.check()
        self.assertEqual(self.process.signals, [])
        self.clock.advance(2)
        self.child.check()
        self.assertEqual(self.process.signals, [KILL])


class ChangeTests(ChildCase):
    """Every change is acknowledged, or the worker goes."""

    def setUp(self) -> None:
        super().setUp()
        self.serve()

    def test_acknowledged(self) -> None:
        """The doorbell rings; the answer acknowledges."""
        heard = self.change()
        self.assertEqual(self.link.said, [("apply", 8)])
        self.assertNoResult(heard)
        self.link.asked[0].callback(State(8, 1008))
        self.successResultOf(heard)

    def test_several_at_once(self) -> None:
        """Changes that come faster than answers are asked for together, and each is acknowledged by its number."""
        heard = [self.change(8), self.change(9), self.change(10)]
        self.link.asked[0].callback(State(9, 1009))
        self.assertEqual([one.called for one in heard], [True, True, False])
        self.assertEqual(self.link.said, [("apply", 8), ("apply", 10)])
        self.link.asked[1].callback(State(10, 1010))
        self.successResultOf(heard[2])

    def test_does_not_follow(self) -> None:
        """An answer from before the change is none."""
        heard = self.change()
        self.process.stubborn = True
        self.link.asked[0].callback(State(7, 1000))
        self.assertEqual(self.process.signals, [KILL])
        self.assertNoResult(heard)
        self.process.end(KILL)
        self.successResultOf(heard)

    def test_drifted(self) -> None:
        """The right number with the wrong digest: it is replaced, and the log says so."""
        self.change()
        self.link.asked[0].callback(State(8, 5))
        self.assertEqual(self.process.signals, [KILL])
        self.assertEqual(self.said[0][0], "error")
        self.assertIn("has drifted", self.said[0][1])

    def test_drifted_unheard(self) -> None:
        """Drift is seen in the slot too, without a change."""
        self.child.check()
        self.beat(State(7, 5))
        self.child.check()
        self.assertEqual(self.process.signals, [KILL])

    def test_other_map_after_a_reload(self) -> None:
        """After a reload an old worker's digest says nothing any more."""
        self.home.may_compare = False
        self.beat(State(7, 5))
        self.child.check()
        self.change()
        self.link.asked[0].callback(State(8, 5))
        self.assertEqual(self.process.signals, [])

    def test_silent(self) -> None:
        """No answer and no heartbeat for three seconds: it is killed; its end acknowledges."""
        self.process.stubborn = True
        heard = self.change()
        self.clock.advance(2.9)
        self.child.check()
        self.assertEqual(self.process.signals, [])
        self.clock.advance(0.2)
        self.child.check()
        self.child.check()
        self.assertEqual(self.process.signals, [KILL])
        self.assertNoResult(heard)
        self.process.end(KILL)
        self.successResultOf(heard)
        self.assertEqual(self.home.events[-1], ("ended", 0))

    def test_slow(self) -> None:
        """No answer, but a heartbeat: it has three times as long."""
        self.change()
        for _ in range(8):
            self.clock.advance(1)
            self.beat()
            self.child.check()
        self.assertEqual(self.process.signals, [])
        self.clock.advance(1.1)
        self.beat()
        self.child.check()
        self.assertEqual(self.process.signals, [KILL])

    def test_its_own(self) -> None:
        """A change that its own client wanted is not waited for: the outcome comes behind the doorbell."""
        self.home.state = State(8, 1008)
        self.assertIsNone(self.child.told(8, False))
        self.assertEqual(self.link.said, [("apply with the next", 8)])
        heard = self.change(9)
        self.link.asked[0].callback(State(8, 1008))
        self.assertNoResult(heard)
        self.assertEqual(self.link.said[1:], [("apply", 9)])
        self.link.asked[1].callback(State(9, 1009))
        self.successResultOf(heard)

    def test_its_own_with_others(self) -> None:
        """Where others have to be waited for it is rung with them."""
        self.assertIsNone(self.child.told(8, True))
        self.assertEqual(self.link.said, [("apply", 8)])

    def test_its_own_while_it_is_asked(self) -> None:
        """While it has not acknowledged another change, it is waited for as the others are."""
        first = self.change(8)
        own = self.child.told(9, False)
        assert own is not None
        self.link.asked[0].callback(State(8, 1008))
        self.successResultOf(first)
        self.assertNoResult(own)
        self.link.asked[1].callback(State(9, 1009))
        self.successResultOf(own)

    def test_its_own_and_silent(self) -> None:
        """It has to acknowledge that, too."""
        self.child.told(8, False)
        self.clock.advance(3.1)
        self.child.check()
        self.assertEqual(self.process.signals, [KILL])

    def test_its_own_and_gone(self) -> None:
        """One that has closed its channel is waited for until it has ended."""
        self.child.unlinked()
        own = self.child.told(8, False)
        assert own is not None
        self.process.end()
        self.successResultOf(own)

    def test_idle_and_stopped(self) -> None:
        """A worker that nobody waits for may be stopped and go on: a debugger does that."""
        self.clock.advance(1000)
        self.child.check()
        self.assertEqual(self.process.signals, [])

    def test_documented_bounds(self) -> None:
        """The bounds follow dyups_read_msg_timeout."""
        self.assertEqual(patience_for(1.0)[:2], (3.0, 9.0))


class EndTests(ChildCase):
    """How it ends."""

    def setUp(self) -> None:
        super().setUp()
        self.serve()

    def test_killed_from_outside(self) -> None:
        """Its end is logged as nginx logs it, its clients' changes are forgotten, nobody waits for it."""
        heard = self.change()
        outcome = self.child.update(1, "a", "b", ALWAYS)
        self.process.end(KILL)
        self.assertEqual(self.said, [("alert", "worker process 4711 exited on signal 9")])
        self.assertTrue(self.changes.under_way[0].called)
        self.successResultOf(outcome)
        self.successResultOf(heard)
        self.assertIsNone(self.child.ring(9))
        self.assertEqual(self.child.stage, Stage.GONE)
        self.child.check()
        self.child.quit(True, 0.0)

    def test_exit_codes(self) -> None:
        """An exit that nobody asked for is an alert if it has a code."""
        for code, level in ((0, "notice"), (1, "alert")):
            with self.subTest(code=code):
                self.setUp()
                self.process.end(code=code)
                self.assertEqual(self.said, [(level, f"worker process 4711 exited with code {code}")])

    def test_graceful(self) -> None:
        """A graceful end takes as long as it takes; changes are followed meanwhile."""
        self.child.quit(True, 2.0)
        self.assertEqual((self.link.said, self.child.stage), ([("quit", True, 2.0)], Stage.QUITTING))
        self.clock.advance(10_000)
        self.child.check()
        heard = self.change()
        self.assertNoResult(heard)
        self.link.asked[0].callback(State(8, 1008))
        self.successResultOf(heard)
        self.assertEqual(self.process.signals, [])
        self.process.end()
        self.assertEqual(self.said, [("notice", "worker process 4711 exited with code 0")])

    def test_fast(self) -> None:
        """A fast end is helped along after two seconds."""
        self.process.stubborn = True
        self.child.quit(False, 0.0)
        self.assertEqual(self.link.said, [("quit", False, 0.0)])
        self.clock.advance(1.9)
        self.child.check()
        self.assertEqual(self.process.signals, [])
        self.clock.advance(0.2)
        self.child.check()
        self.assertEqual(self.process.signals, [KILL])
        self.process.end(KILL)
        self.assertEqual(self.said, [("notice", "worker process 4711 exited on signal 9")])

    def test_while_starting(self) -> None:
        """A worker that has nothing to finish gets TERM."""
        self.child.stage = Stage.STARTING
        self.child.quit(True, 2.0)
        self.assertEqual(self.process.signals, [TERM])

    def test_closed_channel(self) -> None:
        """A worker whose channel has ended has a moment to end itself."""
        heard = self.change()
        self.process.stubborn = True
        self.child.unlinked()
        self.link.lost()
        self.child.check()
        self.assertEqual(self.process.signals, [])
        self.clock.advance(2.1)
        self.child.check()
        self.assertEqual(self.process.signals, [KILL])
        self.assertNoResult(heard)
        self.assertNoResult(self.child.ring(9))
        self.process.end(KILL)
        self.child.reopen()

    def test_gone_already(self) -> None:
        """A signal that comes too late harms nobody."""
        self.process.over = True
        self.child.replace("is gone")
        self.assertEqual(self.process.signals, [])


class FactsTests(ChildCase):
    """What is shown of it."""

    def test_facts(self) -> None:
        """Process, number, digest, age of the heartbeat in seconds, stage."""
        self.serve()
        self.clock.advance(0.25)
        facts = {
            "pid": 4711,
            "sequence": 7,
            "digest": f"{1000:032x}",
            "heartbeat": 0.25,
            "state": "accepting",
        }
        self.assertEqual(self.child.facts(), facts)
        self.assertEqual(repr(self.child), "<Child 0 pid=4711 accepting>")
        self.assertEqual(self.child.roster(), [{"pid": 1}])

    def test_calls_of_clients(self) -> None:
        """Changes of its clients go to the change path; one whose client leaves is cancelled there."""
        self.child.delete(1, "a", ALWAYS)
        self.child.forget(1)
        self.assertTrue(self.changes.under_way[0].called)
