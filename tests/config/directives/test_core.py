"""The directives outside http."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.directives.core import LOG_LEVELS
from dyups.config.model import ErrorLog, Syslog
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

    def test_debug_levels(self) -> None:
        """nginx's further levels of debugging are one here."""
        found = settings_of("error_log e debug_http debug_event; error_log f;").error_log
        self.assertEqual(found, (ErrorLog(f"{PREFIX}/e", "debug"), ErrorLog(f"{PREFIX}/f", "error")))

    def test_syslog(self) -> None:
        """A log may be sent elsewhere; mistakes are told as for access logs."""
        (found,) = settings_of("error_log syslog:server=127.0.0.1:99,tag=x,nohostname warn;").error_log
        self.assertEqual(found.level, "warn")
        self.assertEqual(found.syslog, Syslog("127.0.0.1", 99, "", 23 * 8 + 6, "x", False))
        text = "error_log syslog:server=127.0.0.1,facility=none;"
        self.assertIn('unknown syslog facility "none"', message_of(self, settings_of, text))

    def test_pid(self) -> None:
        """A pid file can be turned off."""
        self.assertEqual(settings_of("pid off;").pid, "")
        self.assertEqual(settings_of("pid /run/x.pid;").pid, "/run/x.pid")

    def test_refused_logs(self) -> None:
        """Logs that are no files are refused."""
        self.assertIn('"memory:" is not supported', message_of(self, settings_of, "error_log memory:1m;"))
