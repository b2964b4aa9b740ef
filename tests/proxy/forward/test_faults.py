"""What each way of failing means."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.directives.proxy import NEXT_UPSTREAM
from dyups.proxy.forward.faults import Fault


class FaultTests(SynchronousTestCase):
    """The table of faults."""

    def test_words(self) -> None:
        """Every fault has a word of ``proxy_next_upstream``, and every word but one a fault."""
        self.assertEqual({fault.word for fault in Fault}, NEXT_UPSTREAM - {"non_idempotent"})

    def test_statuses(self) -> None:
        """Too late is 504, a server's own answer is itself, everything else is 502."""
        for fault in Fault:
            if fault.answered:
                self.assertEqual(fault.word, f"http_{fault.status}")
            else:
                self.assertEqual(fault.status, 504 if fault.word == "timeout" else 502)

    def test_blame(self) -> None:
        """403 and 404 are never a server's failure, all else is."""
        self.assertEqual({fault for fault in Fault if not fault.blames}, {Fault.HTTP_403, Fault.HTTP_404})

    def test_each_its_own(self) -> None:
        """No two faults are one by having the same values."""
        self.assertEqual(len(list(Fault)), len(Fault.__members__))
