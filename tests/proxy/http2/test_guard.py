"""What is too much of a client."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.http2.guard import MOST_RESETS, Guard


class Guarding(SynchronousTestCase):
    """The bounds."""

    def test_frames_without_use(self) -> None:
        """Frames that carry nothing are a flood beyond 8 MiB; with an eighth of payload they never are."""
        guard = Guard(128, 0.0)
        guard.came((8 << 20) + 7)
        self.assertFalse(guard.floods())
        guard.came(1)
        self.assertTrue(guard.floods())
        guard.carried(1 << 20)
        self.assertFalse(guard.floods())

    def test_requests_taken_back(self) -> None:
        """A thousand in a row, then 33 a second."""
        guard = Guard(128, 0.0)
        self.assertTrue(all(guard.reset(0.0) for _ in range(MOST_RESETS)))
        self.assertFalse(guard.reset(0.0))
        self.assertEqual([guard.reset(2.0) for _ in range(66)].count(False), 1)

    def test_time_forgives_no_more_than_there_was(self) -> None:
        """However long a client was good, it is a thousand in a row."""
        guard = Guard(128, 0.0)
        self.assertTrue(all(guard.reset(1e6) for _ in range(MOST_RESETS)))
        self.assertFalse(guard.reset(1e6))

    def test_requests_refused(self) -> None:
        """As many as a client may have open, a hundred at least."""
        for streams, most in ((128, 128), (1, 100)):
            guard = Guard(streams, 0.0)
            self.assertTrue(all(guard.refused() for _ in range(most)))
            self.assertFalse(guard.refused())
