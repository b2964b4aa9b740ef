"""Tests of dyups.persist.watch."""

from __future__ import annotations

import errno
from collections.abc import Sequence

from twisted.internet.defer import Deferred, execute, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import UpstreamSpec
from dyups.persist.dumpfile import read_dump
from dyups.persist.watch import DumpWatch
from tests.config.helpers import Table
from tests.persist.disk import Disk

PATH = "/d/upstream.conf"


def block(name: str, port: int) -> str:
    """An upstream as a third party writes it."""
    return f"upstream {name} {{ server 127.0.0.1:{port}; }}\n"


class WatchTests(SynchronousTestCase):
    """A file that a third party replaces is brought into the map."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.disk = Disk()
        self.adopted: list[tuple[list[str], list[str]]] = []
        self.busy: Deferred[None] = succeed(None)
        self.put(block("a", 1) + block("b", 1))
        seen = read_dump(self.disk, PATH)
        self.watch = DumpWatch(PATH, seen, self.adopt, self.clock, 1.0, execute, self.disk)
        self.watch.start()

    def put(self, text: str) -> None:
        self.disk.put(PATH, text.encode())

    def adopt(self, specs: Sequence[UpstreamSpec], deleted: Sequence[str]) -> Deferred[None]:
        self.adopted.append(([f"{spec.name} {spec.servers[0].port}" for spec in specs], [*deleted]))
        return self.busy

    def test_nothing_new(self) -> None:
        """While the file stays as the start read it nothing is done."""
        self.clock.pump([1.0] * 5)
        self.assertEqual(self.adopted, [])

    def test_replaced(self) -> None:
        """A replaced file is noticed within a period, once; only what it says anew is brought in."""
        self.put(block("b", 2) + block("a", 1) + block("c", 3))
        self.clock.advance(1.0)
        self.assertEqual(self.adopted, [(["b 2", "c 3"], [])])
        self.clock.pump([1.0] * 3)
        self.assertEqual(len(self.adopted), 1)

    def test_variables(self) -> None:
        """Keys are checked with the variables of the map."""
        text = "upstream k { hash $uri; server 127.0.0.1:1; }\n"
        watch = DumpWatch(PATH, None, self.adopt, self.clock, 1.0, execute, self.disk, Table())
        self.put(text)
        watch.start()
        self.assertEqual(self.adopted, [(["k 1"], [])])
        self.successResultOf(watch.stop())

    def test_taken_out(self) -> None:
        """An upstream that the file had and has no more is deleted."""
        self.put(block("A", 1))
        self.clock.advance(1.0)
        self.assertEqual(self.adopted, [(["A 1"], ["b"])])

    def test_each_version_counts_from_the_last(self) -> None:
        """What a version says is compared with the version before, not with the map."""
        self.put(block("a", 1))
        self.clock.advance(1.0)
        self.put(block("a", 1) + block("b", 1))
        self.clock.advance(1.0)
        self.assertEqual(self.adopted, [([], ["b"]), (["b 1"], [])])

    def test_bad_file(self) -> None:
        """A file with a mistake changes nothing; the next good one counts against the last good one."""
        self.put("upstream a { serv")
        self.clock.pump([1.0, 1.0])
        self.assertEqual(self.adopted, [])
        self.put(block("a", 2) + block("b", 1))
        self.clock.advance(1.0)
        self.assertEqual(self.adopted, [(["a 2"], [])])

    def test_file_that_is_away(self) -> None:
        """A file that is away for a while, as one that is being moved, deletes nothing."""
        node = self.disk.names.pop(PATH)
        self.clock.advance(1.0)
        self.disk.names[PATH] = node
        self.clock.advance(1.0)
        self.assertEqual(self.adopted, [])

    def test_no_file_at_the_start(self) -> None:
        """A file that comes to be after the start is brought in whole, at once where the watch starts later."""
        watch = DumpWatch(PATH, None, self.adopt, self.clock, 1.0, execute, self.disk)
        watch.start()
        self.assertEqual(self.adopted, [(["a 1", "b 1"], [])])
        self.successResultOf(watch.stop())

    def test_one_at_a_time(self) -> None:
        """While one version waits for the change lock, another is not brought in."""
        self.busy = Deferred()
        self.put(block("a", 2))
        self.clock.advance(1.0)
        self.put(block("a", 3))
        self.clock.advance(1.0)
        self.assertEqual(self.adopted, [(["a 2"], ["b"])])
        self.busy.callback(None)
        self.clock.advance(1.0)
        self.assertEqual(self.adopted[1:], [(["a 3"], [])])

    def test_our_own_mistake(self) -> None:
        """An error that nobody foresaw is in the log, and the next version is brought in."""
        self.busy = fail(ZeroDivisionError())
        self.put(block("a", 2))
        self.clock.advance(1.0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.busy = succeed(None)
        self.put(block("a", 3) + block("b", 1))
        self.clock.advance(1.0)
        self.assertEqual(self.adopted[1:], [(["a 3"], [])])

    def test_file_that_goes_while_it_is_read(self) -> None:
        """A file that is gone when it is to be read is waited for."""
        self.put(block("a", 2))
        self.disk.fail_calls = {"read": errno.ENOENT}
        self.clock.advance(1.0)
        self.assertEqual(self.adopted, [])
        self.disk.fail_calls = {}
        self.put(block("a", 3) + block("b", 1))
        self.clock.advance(1.0)
        self.assertEqual(self.adopted, [(["a 3"], [])])

    def test_stop(self) -> None:
        """A stopped watch leaves no timer, and waits for what is under way."""
        self.busy = Deferred()
        self.put(block("a", 2))
        self.clock.advance(1.0)
        stopped = self.watch.stop()
        self.assertNoResult(stopped)
        self.busy.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_twice(self) -> None:
        """Stopping what has stopped is no mistake."""
        self.successResultOf(self.watch.stop())
        self.successResultOf(self.watch.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])
