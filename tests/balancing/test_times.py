"""Tests of dyups.balancing.times."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.times import HALF_LIFE, Average, Times


class TimesTests(SynchronousTestCase):
    """Running averages of a server."""

    def test_average(self) -> None:
        """The first measurement is the average, later ones move it; nothing is known before."""
        average = Average()
        self.assertLess(average.read(0.0), 0)
        average.add(0.8, 5.0)
        self.assertEqual(average.read(5.0), 0.8)
        average.add(0.0, 5.0)
        self.assertAlmostEqual(average.read(5.0), 0.7)

    def test_ages(self) -> None:
        """What was measured long ago counts less and less."""
        average = Average()
        average.add(0.8, 0.0)
        self.assertAlmostEqual(average.read(HALF_LIFE), 0.4)
        self.assertLess(average.read(100 * HALF_LIFE), 0.001)

    def test_requests(self) -> None:
        """Head and end are measured apart; a request that failed counts for neither and waits no more."""
        times = Times()
        self.assertEqual(times.waiting(9.0), 0.0)
        times.begin(1.0)
        times.begin(2.0)
        self.assertEqual(times.waiting(4.0), 2.5)
        times.head_came(1.0, 1.5)
        times.end(1.0, 3.0, True)
        times.end(2.0, 9.0, False)
        self.assertEqual(
            (times.header.read(1.5), times.last_byte.read(3.0), times.waiting(9.0)), (0.5, 2.0, 0.0)
        )
