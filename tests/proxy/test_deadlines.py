"""Time limits that are swept: never early, and none stops the others."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.deadlines import NEVER, Deadlines, period_for


class Limited:
    """Something with a limit; it notes when it was told."""

    def __init__(self, clock: Clock, deadline: float) -> None:
        self.deadline = deadline
        self.told: list[float] = []
        self.clock = clock

    def timed_out(self) -> None:
        self.told.append(self.clock.seconds())
        self.deadline = NEVER


class Failing(Limited):
    """One whose end fails."""

    def timed_out(self) -> None:
        super().timed_out()
        raise ValueError("no")


class DeadlineTests(SynchronousTestCase):
    """:class:`Deadlines`."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.deadlines = Deadlines(self.clock, 1.0)

    @settings(deadline=None, max_examples=100)
    @given(st.floats(0.01, 10), st.floats(0, 5), st.floats(0.02, 1))
    def test_never_early(self, seconds: float, begins: float, period: float) -> None:
        """Whenever between two looks it is set, a limit ends not before its time and at most two periods after."""
        clock = Clock()
        deadlines = Deadlines(clock, period)
        deadlines.start()
        while clock.seconds() + period <= begins:
            clock.advance(period)
        clock.advance(max(0.0, begins - clock.seconds()))
        began = clock.seconds()
        limited = Limited(clock, deadlines.now + deadlines.limit(seconds))
        deadlines.watch(limited)
        while not limited.told:
            clock.advance(period)
        self.assertGreaterEqual(limited.told[0] - began, seconds - 1e-6)
        self.assertLessEqual(limited.told[0] - began, seconds + 2 * period + 1e-6)
        deadlines.stop()

    def test_told_again(self) -> None:
        """Who does not move its deadline is told at every look; who is forgotten is not."""
        limited = Limited(self.clock, 0.0)
        self.deadlines.watch(limited)
        self.deadlines.look()
        limited.deadline = 0.0
        self.deadlines.look()
        self.deadlines.forget(limited)
        self.deadlines.forget(limited)
        limited.deadline = 0.0
        self.deadlines.look()
        self.assertEqual(len(limited.told), 2)

    def test_watched(self) -> None:
        """Everything that is looked at can be had, to change its deadline."""
        one, two = Limited(self.clock, 5.0), Limited(self.clock, NEVER)
        self.deadlines.watch(one)
        self.deadlines.watch(two)
        self.assertEqual({*self.deadlines.watched()}, {one, two})

    def test_failing(self) -> None:
        """One that fails is logged, and the others are told all the same, now and at the next look."""
        self.deadlines.start()
        all_of_them = [Failing(self.clock, 1.0), *(Limited(self.clock, 1.0) for _ in range(5))]
        for limited in all_of_them:
            self.deadlines.watch(limited)
        self.clock.advance(1)
        self.assertEqual([limited.told for limited in all_of_them], [[1.0]] * 6)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        all_of_them[1].deadline = 2.0
        self.clock.advance(1)
        self.assertEqual(all_of_them[1].told, [1.0, 2.0])

    def test_changed_by_another(self) -> None:
        """One that was moved or forgotten by another's end within the same look is left in peace."""
        first, second = Limited(self.clock, 0.0), Limited(self.clock, 0.0)

        class Sparing(Limited):
            def timed_out(self) -> None:
                super().timed_out()
                for other in (first, second):
                    if other is not self:
                        other.deadline = NEVER
                deadlines.forget(second)

        deadlines = self.deadlines
        sparing = Sparing(self.clock, 0.0)
        for limited in (first, second, sparing):
            deadlines.watch(limited)
        deadlines.look()
        told = [limited.told for limited in (first, second)]
        deadlines.look()
        self.assertEqual(told, [first.told, second.told])

    def test_at_every_look(self) -> None:
        """What is to be done at every look is done, and does not stop the looking when it fails."""
        calls: list[float] = []

        def fails() -> None:
            calls.append(self.clock.seconds())
            raise ValueError("no")

        deadlines = Deadlines(self.clock, 1.0, fails)
        limited = Limited(self.clock, 1.0)
        deadlines.watch(limited)
        deadlines.start()
        self.clock.advance(1)
        self.assertEqual((calls, limited.told, deadlines.now), ([0.0, 1.0], [1.0], 1.0))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)

    def test_stop(self) -> None:
        """After ``stop`` nothing is looked at, and stopping again is nothing."""
        self.deadlines.start()
        self.deadlines.stop()
        self.deadlines.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class PeriodTests(SynchronousTestCase):
    """How often to look."""

    def test_period(self) -> None:
        """A quarter of the shortest limit, between 20 ms and one second; 0 means that there is no limit."""
        rows = [
            ([], 1.0),
            ([60.0], 1.0),
            ([0.0, 60.0], 1.0),
            ([60.0, 2.0], 0.5),
            ([0.1], 0.025),
            ([0.001], 0.02),
        ]
        self.assertEqual([period_for(limits) for limits, _ in rows], [period for _, period in rows])
