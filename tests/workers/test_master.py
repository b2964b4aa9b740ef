"""Tests of dyups.workers.master."""

from __future__ import annotations

import signal

from dyups.control.condition import ALWAYS
from dyups.errors import ChangeFailed, ConfigError
from dyups.workers import crew as crew_module
from dyups.workers import master as module
from tests.workers.masters import DUMP, SERVER, FakeSpawner, MasterCase
from tests.workers.test_process import Reactor


class LifeTests(MasterCase):
    """Start, changes, end."""

    def test_started(self) -> None:
        """As many workers as wanted, each with the sockets; the title tells who is who."""
        self.made()
        self.assertEqual(len(self.running()), 2)
        self.assertEqual(
            [[str(sock) for sock in one] for one in FakeSpawner.made[0].heard], [["127.0.0.1:81#0"]] * 2
        )
        self.assertTrue(self.titles[0].startswith("dyups: master process "))

    def test_change(self) -> None:
        """A change that comes through a worker is made here and acknowledged when all workers have followed."""
        master = self.made()
        self.serve(master)
        child = self.running()[0].child
        outcome = child.update(1, "late", "server 127.0.0.1:9;", ALWAYS)
        self.assertEqual(master.truth().sequence, 1)
        self.assertNoResult(outcome)
        self.acknowledge(master)
        self.assertEqual(self.successResultOf(outcome).status, 0)
        self.assertEqual(self.names(master), ["one", "late"])

    def test_roster(self) -> None:
        """All workers are in it."""
        master = self.made()
        self.assertEqual([facts["pid"] for facts in master.roster()], [100, 101])

    def test_fast_stop(self) -> None:
        """All are told to stop at once; it is over when they are gone; the sockets are closed first."""
        master = self.made()
        self.serve(master)
        stopped = master.stopService()
        self.assertTrue(self.opened[0].closed)
        self.assertEqual(
            [self.said_to(process)[-1] for process in self.running()], [("quit", False, 0.0)] * 2
        )
        first, second = self.running()
        first.end()
        self.assertNoResult(stopped)
        self.reactor.advance(2.5)
        self.assertEqual(second.signals, [9])
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_dump_at_the_end(self) -> None:
        """What is not in the dump yet is, when it is over."""
        master = self.made(SERVER + DUMP)
        self.serve(master)
        master.changes.update("late", "server 127.0.0.1:9;")
        self.acknowledge(master)
        self.stop(master)
        self.assertIn("upstream late", (self.prefix / "conf" / "up.conf").read_text())


class SignalTests(MasterCase):
    """What signals do."""

    def setUp(self) -> None:
        super().setUp()
        self.stopped: list[str] = []
        self.patch(Reactor, "stop", lambda reactor: self.stopped.append("stopped"))

    def test_quit(self) -> None:
        """QUIT: sockets closed, workers quit gracefully, the reactor stops after the last."""
        master = self.made()
        self.serve(master)
        signal.raise_signal(signal.SIGQUIT)
        self.assertTrue(self.opened[0].closed)
        self.assertEqual([self.said_to(process)[-1] for process in self.running()], [("quit", True, 0.0)] * 2)
        for process in self.running():
            self.assertEqual(self.stopped, [])
            process.end()
        self.assertEqual((self.stopped, self.running()), (["stopped"], []))
        self.successResultOf(master.stopService())

    def test_quit_leaves_the_files(self) -> None:
        """QUIT: requests under way may take long, so dump and journal are left to the next start now, not later."""
        master = self.made(SERVER + DUMP)
        self.serve(master)
        change = master.changes.update("late", "server 127.0.0.1:9;")
        signal.raise_signal(signal.SIGQUIT)
        dump = self.prefix / "conf" / "up.conf"
        self.assertFalse(dump.exists())
        self.acknowledge(master)
        self.successResultOf(change)
        self.assertIn("upstream late", dump.read_text())
        before = dump.stat().st_ino, (self.prefix / "conf" / "up.conf.journal").stat().st_ino
        failed = self.failureResultOf(master.changes.update("more", "server 127.0.0.1:9;"), ChangeFailed)
        self.assertEqual(failed.value.reason, "could not store the change: the process is about to end")
        for process in self.running():
            process.end()
        self.assertEqual(self.stopped, ["stopped"])
        self.successResultOf(master.stopService())
        after = dump.stat().st_ino, (self.prefix / "conf" / "up.conf.journal").stat().st_ino
        self.assertEqual(after, before)

    def test_winch(self) -> None:
        """WINCH: the workers quit, the master stays with its sockets, and HUP brings workers again."""
        self.patch(module, "has_terminal", lambda: False)
        master = self.made()
        self.serve(master)
        signal.raise_signal(signal.SIGWINCH)
        for process in self.running():
            process.end()
        self.assertEqual((self.running(), self.stopped, self.opened[0].closed), ([], [], False))
        signal.raise_signal(signal.SIGHUP)
        self.assertEqual(len(self.running()), 2)
        self.stop(master)

    def test_winch_at_a_terminal(self) -> None:
        """A window that has another size is none of our business."""
        self.patch(module, "has_terminal", lambda: True)
        master = self.made()
        self.serve(master)
        signal.raise_signal(signal.SIGWINCH)
        self.assertNotIn(("quit", True, 0.0), self.said_to(self.running()[0]))

    def test_quit_without_workers(self) -> None:
        """QUIT stops a master whose workers are gone already."""
        master = self.made()
        for process in self.running():
            process.end(9)
        for crew in [*master.crews]:
            crew.quit(True)
        master.quit()
        self.assertEqual(self.stopped, ["stopped"])

    def test_reopen(self) -> None:
        """USR1: the logs are opened anew, here and there."""
        self.made()
        log = self.prefix / "logs" / "error.log"
        log.unlink()
        signal.raise_signal(signal.SIGUSR1)
        self.assertTrue(log.exists())
        self.assertEqual(self.said_to(self.running()[0]), ["reopen"])


class NoZoneTests(MasterCase):
    """The system gives no memory for a shared zone."""

    def deny(self, error: Exception) -> None:
        def refuse(size: int, count: int, beyond: int) -> None:
            raise error

        self.patch(crew_module, "Zone", refuse)

    def test_start(self) -> None:
        """Nothing is started, and the reason is said; the sockets are closed."""
        self.deny(OSError(24, "Too many open files"))
        error = self.assertRaises(ConfigError, self.made)
        self.assertIn("cannot be made: Too many open files", str(error))
        self.assertTrue(self.opened[0].closed)

    def test_reload(self) -> None:
        """Nothing has changed: the old workers go on, and changes reach them and the disk."""
        master = self.made(SERVER + DUMP)
        self.serve(master)
        before = self.running()
        self.deny(ValueError("no zone can have this size"))
        self.configure(SERVER + DUMP + "server { listen 127.0.0.1:82; access_log off; }")
        signal.raise_signal(signal.SIGHUP)
        self.assertIn("(dyups_shm_zone_size 2097152) cannot be made: no zone can have this", self.said[-1][1])
        self.assertEqual((len(master.crews), self.running(), len(self.opened)), (1, before, 1))
        self.assertTrue(master.crews[0].current)
        made = master.changes.update("later", "server 127.0.0.1:1;")
        self.acknowledge(master)
        self.successResultOf(made)
        self.assertIn("later", (self.prefix / "conf" / "up.conf.journal").read_bytes().decode("latin-1"))
