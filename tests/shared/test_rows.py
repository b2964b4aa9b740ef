"""Tests of dyups.shared.rows."""

from __future__ import annotations

import os
import signal
from fcntl import LOCK_EX, LOCK_NB, lockf
from multiprocessing import get_context
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dyups.shared.ledger import Column
from dyups.shared.rows import Faults, Head, Row
from tests.shared.test_ledger import LedgerCase


def rows_of(column: Column) -> Row:
    """The hold that one process has on the row of ``server``."""
    return Row(column, column.find(b"server"), Head(column, column.find(b"head")))


def fail(fd: int, locks: int, number: int, times: int) -> None:
    """What another process does."""
    row = rows_of(Column(fd, locks, number))
    for _ in range(times):
        row.failed(1.0)


class RowsCase(LedgerCase):
    """The row of one server, as two processes hold it."""

    def setUp(self) -> None:
        super().setUp()
        self.ledger.row(b"head")
        self.ledger.row(b"server")
        self.one, self.two = rows_of(self.column()), rows_of(self.column())


class CountTests(RowsCase):
    """Requests under way."""

    def test_sum(self) -> None:
        """Each adds and takes away its own, and everybody sees what there is in all."""
        self.one.more()
        self.two.more()
        self.two.more()
        self.two.less()
        self.assertEqual((self.one.total(2), self.two.total(2), self.one.held, self.two.held), (2, 2, 1, 1))

    def test_released(self) -> None:
        """One that is not counted here any more takes its own away, and not what others of the process hold."""
        again = rows_of(self.column(0))
        self.one.more()
        again.more()
        self.assertEqual((self.one.release(), again.total(2), self.one.held), (1, 1, 0))

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
    def test_never_negative(self, steps: list[tuple[bool, bool]]) -> None:
        """However requests begin and end, the sum is what is under way."""
        under_way = {self.one: 0, self.two: 0}
        for first, begins in steps:
            row = self.one if first else self.two
            if begins:
                row.more()
            elif under_way[row]:
                row.less()
            under_way[row] += 1 if begins else -bool(under_way[row])
            self.assertEqual(self.one.total(2), sum(under_way.values()))
        for row in under_way:
            row.release()
        self.assertEqual(self.two.total(2), 0)


class FailureTests(RowsCase):
    """Failures, counted together."""

    def test_together(self) -> None:
        """Each failure counts for all, and tells them by the stamp."""
        before = self.two.head.stamp
        self.assertEqual(self.one.failed(5.0), Faults(1, 5.0, 5.0))
        self.assertEqual(self.two.failed(4.5), Faults(2, 5.0, 5.0))
        self.assertEqual((self.one.read(), self.one.head.stamp), (Faults(2, 5.0, 5.0), before + 2))

    def test_success(self) -> None:
        """A good answer ends the failures only if a trial began after the last of them."""
        self.one.failed(5.0)
        self.assertEqual(self.two.succeeded().fails, 1)
        stamp = self.one.head.stamp
        self.one.write(Faults(1, 5.0, 16.0))
        self.assertEqual(self.two.succeeded(), Faults(0, 5.0, 16.0))
        self.assertEqual((self.one.read().fails, self.one.head.stamp), (0, stamp + 2))

    def test_forgiven(self) -> None:
        """One that is forgiven is so for all; where there is nothing to forgive nobody is told."""
        self.one.failed(5.0)
        self.two.forgiven()
        stamp = self.one.head.stamp
        self.two.forgiven()
        self.assertEqual((self.one.read().fails, self.one.head.stamp), (0, stamp))

    def test_processes(self) -> None:
        """Processes that fail at once lose no failure."""
        context: Any = get_context("fork")
        processes = [
            context.Process(target=fail, args=(self.ledger.fd, self.ledger.locks, number, 500))
            for number in (0, 1)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        self.assertEqual([process.exitcode for process in processes], [0, 0])
        self.assertEqual(self.one.read().fails, 1000)

    def test_held(self) -> None:
        """A lock is held whatever else the process lets go of: no other process gets it meanwhile."""
        self.one.head.lock()
        Column(self.ledger.fd, self.ledger.locks, 0).close()
        self.assertTrue(self.refused_elsewhere())
        self.one.head.unlock()
        self.assertFalse(self.refused_elsewhere())

    def refused_elsewhere(self) -> bool:
        """Does some other process hold it, as a third one sees it?"""
        pid = os.fork()
        if not pid:
            try:
                lockf(self.ledger.locks, LOCK_EX | LOCK_NB)
            except OSError:
                os._exit(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1

    def test_killed(self) -> None:
        """A process that is killed while it holds the lock leaves it free."""
        ready, tell = os.pipe()
        pid = os.fork()
        if not pid:
            rows_of(Column(self.ledger.fd, self.ledger.locks, 0)).head.lock()
            os.write(tell, b"x")
            signal.pause()
        os.read(ready, 1)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(ready)
        os.close(tell)
        self.assertEqual(self.one.failed(1.0).fails, 1)
