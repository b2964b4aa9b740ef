"""Sticky sessions as values: what they are read from is tested with the directives."""

from __future__ import annotations

import pickle

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.sticky import SessionSticky, StickyCookie, StickyLearn, StickyRoute


class Values(SynchronousTestCase):
    """They go from the master to its workers."""

    def test_pickled(self) -> None:
        """Each comes out of a pickle as it went in, and equal ones are equal."""
        for value in (
            StickyCookie("a", 3.0, path="/"),
            StickyRoute(("$a",)),
            StickyLearn(("$a",), ("$b",), "z", 32768),
            SessionSticky(maxidle=3),
        ):
            self.assertEqual(pickle.loads(pickle.dumps(value)), value)
