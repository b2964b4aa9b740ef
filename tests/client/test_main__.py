"""Tests of dyups.client.__main__."""

from __future__ import annotations

import runpy
import sys

from twisted.trial.unittest import SynchronousTestCase

from dyups.client import command


class ModuleTests(SynchronousTestCase):
    """``python -m dyups.client``."""

    def test_runs(self) -> None:
        """It is the command, and its status the process's."""
        self.patch(command, "main", lambda: 4)
        self.patch(sys, "argv", ["x"])
        ended = self.assertRaises(SystemExit, runpy.run_module, "dyups.client", run_name="__main__")
        self.assertEqual(ended.code, 4)
