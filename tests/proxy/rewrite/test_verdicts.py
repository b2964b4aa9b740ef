"""What steps say."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.exchange import Exchange
from dyups.proxy.rewrite.verdicts import AGAIN, BREAK, DONE, NEXT, WAIT, run_steps


class VerdictTests(SynchronousTestCase):
    """:func:`run_steps`."""

    def test_no_steps(self) -> None:
        """Where there are no steps, the request goes on."""
        self.assertEqual(run_steps(Exchange(None), ()), NEXT)  # type: ignore[arg-type]

    def test_all_differ(self) -> None:
        """Only to go on is nothing."""
        self.assertEqual(len({NEXT, BREAK, AGAIN, DONE, WAIT}), 5)
        self.assertEqual(
            [bool(verdict) for verdict in (NEXT, BREAK, AGAIN, DONE, WAIT)], [False] + [True] * 4
        )
