"""The directives outside http."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.directives.core import LOG_LEVELS
from dyups.config.model import ErrorLog
from tests.config.helpers import PREFIX, message_of, settings_of


class Core(SynchronousTestCase):
    """What they read."""

    def test_worker_processes(self) -> None:
        """A number of workers, or auto, which is 0."""
        self.assertEqual(settings_of("worker_processes 4;").worker_processes, 4)
        self.assertEqual(settings_of("worker_processes auto;").worker_processes, 0)
        self.assertIn("invalid value", message_of(self, settings_of, "worker_processes many;"))

    def test_levels(self) -> None:
        """All of nginx's levels are known."""
        for level in LOG_LEVELS:
            self.assertEqual(
                settings_of(f"error_log e {level};").error_log, (ErrorLog(f"{PREFIX}/e", level),)
            )

    def test_pid(self) -> None:
        """A pid file can be turned off."""
        self.assertEqual(settings_of("pid off;").pid, "")
        self.assertEqual(settings_of("pid /run/x.pid;").pid, "/run/x.pid")

    def test_refused_logs(self) -> None:
        """Logs that are no files are refused."""
        self.assertIn('"memory:" is not supported', message_of(self, settings_of, "error_log memory:1m;"))
