"""Numbers that several processes count together."""

from __future__ import annotations

import os
import signal
from multiprocessing import get_context
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.shared.memory import anonymous_file
from dyups.shared.table import BUCKET, LONG_AGO, SLOTS, SharedTable, private_memory, room_behind, table_size


def count(fd: int, times: int) -> None:
    """What another process does."""
    table = SharedTable(fd, 0, BUCKET)
    for _ in range(times):
        with table.entry(b"one") as entry:
            entry.count += 1


class Table(SynchronousTestCase):
    """One table."""

    def setUp(self) -> None:
        self.fd = private_memory(4 * BUCKET)
        self.addCleanup(os.close, self.fd)
        self.table = SharedTable(self.fd, 0, BUCKET)
        self.addCleanup(self.table.close)

    def put(self, key: bytes, count: int, last: float = 0.0) -> None:
        with self.table.entry(key) as entry:
            entry.count, entry.last, entry.excess = count, last, count / 2

    def get(self, key: bytes) -> tuple[int, float, float]:
        with self.table.entry(key) as entry:
            return entry.count, entry.last, entry.excess

    def test_kept(self) -> None:
        """Each key has its own numbers; one that is not there begins at nothing, long ago."""
        self.put(b"one", 1, 5.0)
        self.put(b"two", 2)
        self.assertEqual(self.get(b"one"), (1, 5.0, 0.5))
        self.assertEqual(self.get(b"two"), (2, 0.0, 1.0))
        self.assertEqual(self.get(b"three"), (0, LONG_AGO, 0.0))

    def test_full(self) -> None:
        """Where all slots are taken, the one that was used longest ago makes room, and none that counts now."""
        for number in range(SLOTS):
            self.put(b"%d" % number, int(number == 0), 1.0 + number)
        self.put(b"new", 1, 100.0)
        self.assertEqual(self.get(b"0")[0], 1)
        self.assertEqual(self.get(b"new")[0], 1)
        self.assertEqual(self.get(b"2")[1], 3.0)
        self.assertEqual(self.get(b"1")[1], LONG_AGO)

    def test_error(self) -> None:
        """A block that fails changes nothing and leaves nothing locked."""
        with self.assertRaises(ZeroDivisionError), self.table.entry(b"one") as entry:
            entry.count = 1 // 0
        self.put(b"one", 3)
        self.assertEqual(self.get(b"one")[0], 3)

    def test_behind(self) -> None:
        """Tables lie at the end of memory that has something else before."""
        fd = anonymous_file("x", 1000 + table_size(5000))
        self.addCleanup(os.close, fd)
        self.assertEqual(room_behind(fd, table_size(5000)), 1000)
        table = SharedTable(fd, 1000, 5000)
        for number in range(100):
            with table.entry(b"%d" % number) as entry:
                entry.count = 255
        self.assertEqual(os.pread(fd, 1000, 0), bytes(1000))
        table.close()

    def test_processes(self) -> None:
        """Two processes that count at once lose nothing."""
        context: Any = get_context("fork")
        processes = [context.Process(target=count, args=(self.fd, 2000)) for _ in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(30)
        self.assertEqual([process.exitcode for process in processes], [0, 0])
        self.assertEqual(self.get(b"one")[0], 4000)

    def test_killed(self) -> None:
        """A process that is killed while it holds a bucket leaves it free."""
        ready, tell = os.pipe()
        pid = os.fork()
        if not pid:
            with SharedTable(self.fd, 0, BUCKET).entry(b"one"):
                os.write(tell, b"x")
                signal.pause()
        os.read(ready, 1)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(ready)
        os.close(tell)
        self.put(b"one", 1)
        self.assertEqual(self.get(b"one")[0], 1)
