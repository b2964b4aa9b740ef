"""The answers of one server."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.upstream import tally
from dyups.upstream.tally import BOUNDS, Tally


class Tallies(SynchronousTestCase):
    """Classes and times."""

    def test_counted(self) -> None:
        """Each answer counts once by its class and once by its time; a bound counts what takes just so long."""
        self.patch(tally, "monotonic", lambda: 100.0)
        found = Tally()
        for status, took in ((200, 0.001), (204, 0.25), (404, 0.3), (503, 99.0), (101, 10.0)):
            found.note(status, 100.0 - took)
        facts = found.facts()
        self.assertEqual(facts["responses"], {"1xx": 1, "2xx": 2, "3xx": 0, "4xx": 1, "5xx": 1})
        cells = facts["latency"]["cells"]
        self.assertEqual(sum(cells), 5)
        self.assertEqual(
            (cells[0], cells[BOUNDS.index(0.25)], cells[BOUNDS.index(0.5)], cells[-1]), (1, 1, 1, 1)
        )
        self.assertAlmostEqual(facts["latency"]["seconds"], 109.551)
