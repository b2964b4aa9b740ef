"""What workers have counted, gathered."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.workers.totals import PATIENCE, gathered


class One:
    """A worker that answers as the test says."""

    def __init__(self, answer: Deferred[dict[str, Any]] | None) -> None:
        self._answer = answer

    def count(self) -> Deferred[dict[str, Any]] | None:
        return self._answer


class Gathered(SynchronousTestCase):
    """All of them, or those that can."""

    def test_all(self) -> None:
        """Those that answer count; whoever cannot be asked, fails or is late is left out."""
        clock, late = Clock(), Deferred[dict[str, Any]]()
        workers = [
            One(succeed({"a": 1})),
            One(None),
            One(fail(ValueError("gone"))),
            One(late),
            One(succeed({"a": 2})),
        ]
        found = gathered(workers, clock)
        self.assertNoResult(found)
        clock.advance(PATIENCE)
        self.assertEqual(self.successResultOf(found), [{"a": 1}, {"a": 2}])

    def test_nobody(self) -> None:
        """Nobody has nothing."""
        self.assertEqual(self.successResultOf(gathered([], Clock())), [])
