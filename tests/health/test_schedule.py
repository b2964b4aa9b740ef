"""Tests of dyups.health.schedule."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.health.schedule import GRAIN, STALLED, Schedule


class ScheduleTests(SynchronousTestCase):
    """What is due is called, once, and on one timer."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.schedule = Schedule(self.clock)
        self.called: list[float] = []

    def at(self, *times: float) -> None:
        for when in times:
            self.schedule.at(when, self.called.append)

    def test_order(self) -> None:
        """In the order of their times, whatever the order in which they were asked for."""
        self.at(3.0, 1.0, 2.0, 1.0)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(1.0)
        self.assertEqual(self.called, [1.0, 1.0])
        self.clock.pump([1.0, 1.0])
        self.assertEqual(self.called, [1.0, 1.0, 2.0, 3.0])
        self.assertEqual((self.clock.getDelayedCalls(), len(self.schedule)), ([], 0))

    def test_together(self) -> None:
        """Times that lie close together are one turn of the timer."""
        self.at(1.0, 1.0 + GRAIN / 2)
        self.clock.advance(1.0)
        self.clock.advance(GRAIN)
        self.assertEqual(len(self.called), 2)

    def test_asked_meanwhile(self) -> None:
        """What is called may ask for more: later, now, or in the past; an earlier time that waits is not forgotten."""

        def more(when: float) -> None:
            self.at(9.0, 1.5, 0.5)

        self.at(2.0)
        self.schedule.at(1.0, more)
        self.clock.advance(1.0)
        self.assertEqual(self.called, [0.5])
        self.clock.advance(0.5)
        self.clock.advance(0.5)
        self.assertEqual(self.called, [0.5, 1.5, 2.0])

    def test_raises(self) -> None:
        """One that raises does not keep the others from their turn."""

        def broken(when: float) -> None:
            raise ZeroDivisionError

        self.schedule.at(1.0, broken)
        self.at(2.0)
        self.assertRaises(ZeroDivisionError, self.clock.advance, 1.0)
        self.clock.advance(1.0)
        self.assertEqual(self.called, [2.0])

    def test_stalled(self) -> None:
        """A process that was busy for long reads what has come before it calls what is due: once, not for ever."""
        self.at(1.0)
        self.clock.advance(1.0 + STALLED * 2)
        self.assertEqual(self.called, [])
        self.clock.advance(STALLED * 2)
        self.assertEqual(self.called, [1.0])

    def test_stop(self) -> None:
        """Nothing is called after the end."""
        self.at(1.0)
        self.schedule.stop()
        self.schedule.stop()
        self.clock.advance(2.0)
        self.assertEqual((self.called, self.clock.getDelayedCalls()), ([], []))

    @given(st.lists(st.floats(0, 10), max_size=30))
    @settings(deadline=None)
    def test_any_times(self, times: list[float]) -> None:
        """Whatever was asked for is called at its time or a moment later, never before, in order."""
        clock = Clock()
        schedule = Schedule(clock)
        late: list[float] = []
        called: list[float] = []

        def due(when: float) -> None:
            called.append(when)
            late.append(clock.seconds() - when)

        for when in times:
            schedule.at(when, due)
        clock.pump([0.01] * 1010)
        self.assertEqual(called, sorted(times))
        self.assertTrue(all(0 <= delay < 0.01 + GRAIN + 1e-9 for delay in late), late)
