"""The garbage collector of a process that serves."""

from __future__ import annotations

import gc

from twisted.trial.unittest import SynchronousTestCase

from dyups.workers.collection import THRESHOLDS, settle


class SettleTests(SynchronousTestCase):
    """:func:`settle`."""

    def test_settled(self) -> None:
        """What is there is walked no more, and what comes is looked at rarely, but still."""
        before = gc.get_threshold()
        self.addCleanup(gc.set_threshold, *before)
        self.addCleanup(gc.unfreeze)
        settle()
        self.assertGreater(gc.get_freeze_count(), 0)
        self.assertEqual(gc.get_threshold(), THRESHOLDS)
        self.assertTrue(gc.isenabled())
