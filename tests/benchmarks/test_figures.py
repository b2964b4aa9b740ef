"""Medians, spreads, ratios and percentiles."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from benchmarks.figures import Spread, percentile, ratios, spread


class SpreadTests(SynchronousTestCase):
    """Rounds to one figure."""

    def test_spread(self) -> None:
        """The median with lowest, highest and the number of rounds."""
        self.assertEqual(spread([3.0, 1.0, 2.0]), Spread(2.0, 1.0, 3.0, 3))

    def test_ratios_are_taken_within_a_round(self) -> None:
        """A round in which everything was slow changes no ratio, which a ratio of medians would not give."""
        subject = {0: 10.0, 1: 100.0, 2: 11.0}
        reference = {0: 10.0, 1: 100.0, 2: 10.0}
        self.assertEqual(ratios(subject, reference), Spread(1.0, 1.0, 1.1, 3))

    def test_rounds_that_only_one_had(self) -> None:
        """A round without a reference gives no ratio; without any there is none."""
        self.assertEqual(ratios({0: 2.0, 1: 9.0}, {0: 1.0}), Spread(2.0, 2.0, 2.0, 1))
        self.assertIsNone(ratios({0: 2.0}, {}))


class PercentileTests(SynchronousTestCase):
    """Percentiles of few values."""

    def test_known(self) -> None:
        """The nearest rank, never an average."""
        values = [float(number) for number in range(1, 101)]
        self.assertEqual(percentile(values, 0.5), 50.0)
        self.assertEqual(percentile(values, 0.99), 99.0)
        self.assertEqual(percentile([7.0], 0.99), 7.0)

    @settings(deadline=None)
    @given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1.0))
    def test_share(self, values: list[float], share: float) -> None:
        """At least ``share`` of the values do not exceed it, and it is one of them."""
        found = percentile(values, share)
        self.assertIn(found, values)
        self.assertGreaterEqual(sum(value <= found for value in values), share * len(values) - 1e-9)
