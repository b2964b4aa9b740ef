"""Tests of dyups.workers.claim."""

from __future__ import annotations

import gc
import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import DyupsSettings
from dyups.errors import ConfigError
from dyups.workers.claim import BETWEEN, TRIES, Claim, written_by


class ClaimTests(SynchronousTestCase):
    """One process for one dump file."""

    def setUp(self) -> None:
        folder = Path(os.path.abspath(self.mktemp()))
        folder.mkdir()
        self.path = str(folder / "up.conf")
        self.slept: list[float] = []

    def claim(self, path: str | None = None) -> Claim:
        made = Claim(self.path if path is None else path, self.slept.append)
        self.addCleanup(made.release)
        return made

    def test_taken(self) -> None:
        """Who comes second is refused, after a moment in which the first might have ended; nothing stays open."""
        first = self.claim()
        gc.collect()  # what other tests have left
        before = len(os.listdir("/proc/self/fd"))
        error = self.assertRaises(ConfigError, self.claim)
        self.assertIn(f'"{self.path}" is in use by another process', str(error))
        self.assertEqual(self.slept, [BETWEEN] * (TRIES - 1))
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)
        first.release()
        first.release()
        self.claim()

    def test_given_up_meanwhile(self) -> None:
        """The first ends while the second waits."""
        first = self.claim()
        self.slept = Ending(first)
        self.claim()
        self.assertEqual(list(self.slept), [BETWEEN])

    def test_others(self) -> None:
        """Another dump is another matter; without one, or where no file can be made, nothing is claimed."""
        self.claim()
        self.claim(self.path + "2")
        for path in ("", "/nonexistent/up.conf"):
            self.claim(path)
            self.claim(path)
        self.assertEqual(self.slept, [])

    def test_who_writes(self) -> None:
        """A dump that a third party writes (``dyups_dump off``) is not ours to claim."""
        self.assertEqual(written_by(DyupsSettings()), "")
        self.assertEqual(written_by(DyupsSettings(dyups_upstream_conf="/x")), "/x")
        self.assertEqual(written_by(DyupsSettings(dyups_upstream_conf="/x", dyups_dump=False)), "")


class Ending(list[float]):
    """Time passes, and with it a process ends."""

    def __init__(self, claim: Claim) -> None:
        super().__init__()
        self._claim = claim

    def append(self, seconds: float, /) -> None:
        super().append(seconds)
        self._claim.release()
