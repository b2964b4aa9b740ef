"""Reading ``/proc``: who belongs to a tree of processes, and what it used."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.measure import (
    ProcessStat,
    cpu_seconds,
    parse_busy,
    parse_rss,
    parse_stat,
    pids_of,
    rss_bytes,
    tree,
    worker_rss_bytes,
)

_AFTER_THE_NAME = "S 7 1 1 0 -1 4194560 10 20 0 0 {times} 20 0 1 0 100 0 0"


class StatTests(SynchronousTestCase):
    """One line of ``/proc/PID/stat``."""

    def test_times(self) -> None:
        """User and system time are added up, those of children that were waited for apart."""
        line = "42 (nginx) " + _AFTER_THE_NAME.format(times="300 20 5 1")
        self.assertEqual(parse_stat(line), ProcessStat(42, 7, 320, 6))

    def test_a_name_with_blanks_and_parentheses(self) -> None:
        """Whatever a process calls itself, the fields after its name are found."""
        line = "42 (a) S 9 (b) " + _AFTER_THE_NAME.format(times="1 2 3 4")
        self.assertEqual(parse_stat(line), ProcessStat(42, 7, 3, 7))


class TreeTests(SynchronousTestCase):
    """A process with its descendants."""

    def test_children_of_children(self) -> None:
        """Descendants of every degree belong to the tree, in whatever order they are listed; others do not."""
        stats = [
            ProcessStat(pid, parent, 0, 0) for pid, parent in ((30, 20), (20, 10), (10, 1), (40, 1), (1, 0))
        ]
        self.assertEqual([stat.pid for stat in tree(10, stats)], [10, 20, 30])

    def test_a_process_that_is_gone(self) -> None:
        """A root that is not there has an empty tree."""
        self.assertEqual(tree(10, [ProcessStat(1, 0, 0, 0)]), [])

    def test_this_process(self) -> None:
        """The running test is in its own tree, has used time and memory."""
        self.assertIn(os.getpid(), pids_of(os.getpid()))
        self.assertGreater(cpu_seconds(os.getpid()), 0)
        self.assertGreater(rss_bytes(os.getpid()), 1 << 20)
        self.assertGreater(worker_rss_bytes(os.getpid()), 0)


class MemoryTests(SynchronousTestCase):
    """``/proc/PID/status``."""

    def test_resident(self) -> None:
        """The resident size is given in bytes."""
        self.assertEqual(parse_rss("Name:\tx\nVmPeak:\t  900 kB\nVmRSS:\t  12 kB\n"), 12 * 1024)

    def test_a_process_that_ends(self) -> None:
        """A process that has no memory any more counts nothing."""
        self.assertEqual(parse_rss("Name:\tx\nState:\tZ (zombie)\n"), 0)


class BusyTests(SynchronousTestCase):
    """``/proc/stat``."""

    TEXT = "cpu  30 0 10 900 5 1 2 4 0 0\ncpu0 10 0 5 450 5 1 0 4 0 0\ncpu1 20 0 5 450 0 0 2 0 0 0\nintr 1\n"

    def test_all_cores(self) -> None:
        """Idle time and waiting for a disk are not busy; stolen time is."""
        self.assertEqual(parse_busy(self.TEXT), 47)

    def test_some_cores(self) -> None:
        """Only the cores asked for count."""
        self.assertEqual(parse_busy(self.TEXT, [0]), 20)
        self.assertEqual(parse_busy(self.TEXT, [0, 1]), 47)
