"""``wrk``: what it is started with and how its report is read."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.load import Load, LoadFailed, parse_figures, wrk_command

REPORT = """\
Running 1s test @ http://127.0.0.1:80/small
  1 threads and 32 connections
Requests/sec:  29060.78
figures requests=29100 duration=1001000 bytes=5000000 p50=545 p99=2870 connect=0 read=3 write=0 timeout=0 status=100
"""


class ReportTests(SynchronousTestCase):
    """The line that our script makes ``wrk`` print."""

    def test_figures(self) -> None:
        """Counts are kept, times become seconds."""
        result = parse_figures(REPORT)
        self.assertEqual((result.requests, result.bytes), (29100, 5000000))
        self.assertEqual((result.seconds, result.p50, result.p99), (1.001, 0.000545, 0.00287))

    def test_errors(self) -> None:
        """Errors are told by kind, those that did not happen left out; an answer of 400 and more is none served."""
        result = parse_figures(REPORT)
        self.assertEqual(result.errors, {"read": 3, "status": 100})
        self.assertEqual((result.failed, result.served), (103, 29000))

    def test_no_report(self) -> None:
        """Where the line is missing, what was printed becomes the reason."""
        error = self.assertRaises(LoadFailed, parse_figures, "unable to connect to 127.0.0.1:80\n")
        self.assertIn("unable to connect", str(error))


class CommandTests(SynchronousTestCase):
    """The command line."""

    def test_command(self) -> None:
        """Connections, time, Host, further fields, the script and the address all reach ``wrk``."""
        load = Load("/x", connections=7, host="h", headers=("Connection: close",))
        argv = wrk_command(load, 81, 3, Path("s.lua"))
        self.assertEqual(argv[1:6], ["-t1", "-c7", "-d3s", "--timeout", "10s"])
        self.assertEqual(argv[6:10], ["-H", "Host: h", "-H", "Connection: close"])
        self.assertEqual(argv[10:], ["-s", "s.lua", "http://127.0.0.1:81/x"])
