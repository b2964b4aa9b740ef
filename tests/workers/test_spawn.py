"""Tests of dyups.workers.spawn."""

from __future__ import annotations

import os
import socket
import sys
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.upstream.map import UpstreamMap
from dyups.workers import spawn as module
from dyups.workers.snapshot import read_snapshot
from dyups.workers.spawn import BEGIN, Snapshots, Spawner, environment
from tests.workers.test_crew import configuration


class FakeReactor(Clock):
    """Starts processes on paper, and looks at what they would inherit."""

    def __init__(self) -> None:
        super().__init__()
        self.spawned: list[tuple[Any, ...]] = []
        self.kinds: list[dict[int, str]] = []
        self.adopted: list[tuple[int, Any]] = []
        self.signals: list[str] = []
        self.full = False

    def spawnProcess(self, child: Any, executable: str, args: list[str], env: Any, childFDs: Any) -> Any:
        self.spawned.append((child, executable, args, env))
        self.kinds.append({number: os.readlink(f"/proc/self/fd/{fd}") for number, fd in childFDs.items()})
        return SimpleNamespace(pid=4711, signalProcess=self.signals.append)

    def adoptStreamConnection(self, fd: int, family: int, factory: Any) -> None:
        if self.full:
            raise OSError(24, "Too many open files")
        self.adopted.append((family, factory.buildProtocol(None)))


class SpawnCase(SynchronousTestCase):
    """A crew and a child on paper."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.upstreams = UpstreamMap()
        self.zone = os.open(os.devnull, os.O_RDONLY)
        self.addCleanup(os.close, self.zone)
        self.crew: Any = SimpleNamespace(
            configuration=configuration(),
            constants={"a": ("b",)},
            zone=SimpleNamespace(fd=self.zone),
            ledger=None,
            columns={},
        )
        self.snapshots = Snapshots(self.reactor, lambda: self.upstreams)


class SpawnerTests(SpawnCase):
    """Starting a process."""

    def setUp(self) -> None:
        super().setUp()
        self.listening = socket.socket()
        self.addCleanup(self.listening.close)
        self.started: list[Any] = []
        self.child: Any = SimpleNamespace(place=3, started=self.started.append)
        self.spawner = Spawner(self.reactor, lambda crew, place: [self.listening] * place, self.snapshots)

    def test_spawned(self) -> None:
        """The same Python, told its place and its parent, with the descriptors in their order."""
        self.spawner(self.child, self.crew)
        ((child, executable, args, _),) = self.reactor.spawned
        self.assertEqual((child, executable), (self.child, sys.executable))
        self.assertEqual(args, [sys.executable, "-c", BEGIN, "3", str(os.getpid()), "-1"])
        (kinds,) = self.reactor.kinds
        self.assertEqual(sorted(kinds), [0, 1, 2, 3, 4, 5, 6, 7, 8])
        self.assertTrue(kinds[3].startswith("socket:"))
        self.assertEqual(kinds[4], os.devnull)
        self.assertIn("dyups-snapshot", kinds[5])
        self.assertEqual(kinds[6], os.readlink(f"/proc/self/fd/{self.listening.fileno()}"))
        self.assertEqual([process.pid for process in self.started], [4711])
        self.assertEqual(self.reactor.adopted[0][0], socket.AF_UNIX)
        self.reactor.advance(0)

    def test_ledger(self) -> None:
        """Workers that count together inherit the ledger behind the sockets, and are told their columns."""
        with open(os.devnull, "rb") as ledger:
            self.crew.ledger = SimpleNamespace(fd=ledger.fileno(), locks=self.listening.fileno())
            self.crew.columns = {3: 7}
            self.spawner(self.child, self.crew)
        self.assertEqual(self.reactor.spawned[0][2][-1], "7")
        self.assertEqual(self.reactor.kinds[0][9], os.devnull)
        self.assertTrue(self.reactor.kinds[0][10].startswith("socket:"))
        self.reactor.advance(0)

    def test_no_column(self) -> None:
        """A worker for which the ledger has no column counts by itself."""
        self.crew.ledger = SimpleNamespace(fd=-1, locks=-1)
        self.crew.columns = {3: -1}
        self.spawner(self.child, self.crew)
        self.assertEqual(self.reactor.spawned[0][2][-1], "-1")
        self.assertNotIn(9, self.reactor.kinds[0])
        self.reactor.advance(0)

    def test_nothing_stays_open(self) -> None:
        """What only the child needs is closed here."""
        before = len(os.listdir("/proc/self/fd"))
        self.spawner(self.child, self.crew)
        self.reactor.advance(0)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_no_channel(self) -> None:
        """A process that we could not speak with is killed before anybody else can have its place."""
        self.reactor.full = True
        self.assertRaises(OSError, self.spawner, self.child, self.crew)
        self.assertEqual(self.reactor.signals, ["KILL"])
        self.reactor.advance(0)

    def test_closed_streams(self) -> None:
        """A standard stream that is closed here is nothing there, and not some other file of that number."""
        self.patch(sys, "__stderr__", None)
        self.patch(sys, "__stdin__", SimpleNamespace(fileno=lambda: 17))
        self.spawner(self.child, self.crew)
        self.reactor.advance(0)
        self.assertEqual([self.reactor.kinds[0][number] for number in (0, 2)], [os.devnull, os.devnull])

    def test_environment(self) -> None:
        """The child finds its modules where we found ours, and not in the current folder besides."""
        found = environment({"HOME": "/root", "PYTHONPATH": "/old"}, ["", "/a", "/b"])
        self.assertEqual(found, {"HOME": "/root", "PYTHONPATH": f"/a{os.pathsep}/b", "PYTHONSAFEPATH": "1"})


class SnapshotsTests(SpawnCase):
    """What children begin with."""

    def test_shared_in_one_turn(self) -> None:
        """Children that start together share a snapshot; a change makes another, and so does the next turn."""
        first, second = self.snapshots(self.crew), self.snapshots(self.crew)
        self.assertEqual(first, second)
        self.assertEqual(read_snapshot(first).sequence, 0)
        self.upstreams.sequence = 8
        third = self.snapshots(self.crew)
        self.assertNotEqual(third, first)
        self.assertEqual(read_snapshot(third).sequence, 8)
        self.reactor.advance(0)
        self.upstreams.sequence = 9
        handle = self.snapshots(self.crew)
        found = read_snapshot(handle)
        self.assertEqual((found.sequence, found.constants), (9, {"a": ("b",)}))
        self.assertEqual(found.reactor, module.__name__.replace("dyups.workers.spawn", __name__))
        self.reactor.advance(0)
        self.assertRaises(OSError, os.fstat, handle)
