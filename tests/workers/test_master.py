"""Tests of dyups.workers.master."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import Listen
from dyups.control.condition import ALWAYS
from dyups.errors import ChangeFailed, ConfigError
from dyups.metrics.errorlog import ErrorLogObserver
from dyups.workers import child as child_module
from dyups.workers import crew as crew_module
from dyups.workers import master as module
from dyups.workers import sockets as sockets_module
from dyups.workers import truth as truth_module
from dyups.workers.child import Child
from dyups.workers.configuration import Source, read_configuration
from dyups.workers.crew import Crew
from dyups.workers.link import State
from dyups.workers.master import MasterProcess
from dyups.workers.notify import Manager
from tests.workers.fakes import FakeLink, FakeProcess, complaints
from tests.workers.test_process import Reactor
from tests.workers.test_sockets import FakeSocket

SERVER = "server { listen 127.0.0.1:81; access_log off; location / { dyups_interface; } }"
DUMP = "dyups_upstream_conf conf/up.conf;"
ONE = "upstream one { server 127.0.0.1:1; }"


class FakeSpawner:
    """Starts workers on paper; they follow what is written into their zone when the test says so."""

    made: list[FakeSpawner] = []

    def __init__(self, reactor: Any, sockets: Any, snapshots: Any, standard_error: Any) -> None:
        self.sockets = sockets
        self.links: dict[Child, FakeLink] = {}
        self.processes: dict[Child, FakeProcess] = {}
        self.heard: list[list[Any]] = []
        FakeSpawner.made.append(self)

    def __call__(self, child: Child, crew: Crew) -> None:
        self.heard.append(self.sockets(crew, child.place))
        self.links[child] = FakeLink()
        self.processes[child] = FakeProcess(child, 100 + len(self.processes))
        child.started(self.processes[child])
        child.linked(self.links[child])  # type: ignore[arg-type]


class MasterCase(SynchronousTestCase):
    """A master whose processes and sockets are made of paper; files are real."""

    def setUp(self) -> None:
        self.prefix = Path(os.path.abspath(self.mktemp()))
        (self.prefix / "conf").mkdir(parents=True)
        self.path = self.prefix / "conf" / "nginx.conf"
        self.reactor = Reactor()
        self.said = complaints(self, module, child_module, truth_module)
        self.opened: list[FakeSocket] = []
        self.told: list[bytes] = []
        self.titles: list[str] = []
        self.patch(FakeSpawner, "made", [])
        self.patch(module, "Spawner", FakeSpawner)
        self.patch(module, "show", self.titles.append)
        self.patch(sockets_module, "open_all", self.open_all)
        self.patch(sockets_module, "close_listener", FakeSocket.close)

    def open_all(self, listens: list[Listen]) -> list[FakeSocket]:
        if listens[0].address.port == 99:  # type: ignore[union-attr]
            raise OSError(13, "Permission denied", str(listens[0].address))
        self.opened.append(FakeSocket(listens[0], len(self.opened)))
        return [self.opened[-1]]

    def configure(self, http: str = SERVER + ONE, main: str = "worker_processes 2;") -> None:
        self.path.write_text(f"{main} events {{ }} http {{ access_log off; {http} }}")

    def made(self, *http: str) -> MasterProcess:
        """A master that runs."""
        self.configure(*http)
        source = Source(str(self.path))
        configuration = read_configuration(source)
        logs = ErrorLogObserver(configuration.settings.error_log)
        self.addCleanup(logs.close)
        manager = Manager(self.told.append, now=lambda: 5_000)
        master = MasterProcess(source, configuration, logs, self.reactor, self.reactor.seconds, manager)
        master.startService()
        self.addCleanup(self.stop, master)
        for call, arguments, keywords in self.reactor.whenRunningHooks:
            call(*arguments, **keywords)
        return master

    def stop(self, master: MasterProcess) -> None:
        if master.running:
            stopped = master.stopService()
            for process in self.running():
                process.end()
            self.successResultOf(stopped)

    def running(self) -> list[FakeProcess]:
        return [process for process in FakeSpawner.made[0].processes.values() if not process.over]

    def serve(self, master: MasterProcess) -> None:
        """Every worker is ready."""
        for crew in master.crews:
            for child in crew.children():
                child.ready(master.truth())

    def said_to(self, process: FakeProcess) -> list[Any]:
        return FakeSpawner.made[0].links[process.child].said

    def acknowledge(self, master: MasterProcess) -> None:
        """Every worker that was rung answers."""
        for link in FakeSpawner.made[0].links.values():
            asked, link.asked = link.asked, []
            for answer in asked:
                answer.callback(master.truth())

    def names(self, master: MasterProcess) -> list[str]:
        return [spec.name for spec in master._truth.upstreams.specs()]

    def levels(self, level: str) -> list[str]:
        return [text for said, text in self.said if said == level]


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


class ReloadTests(MasterCase):
    """HUP."""

    def reload(self, *http: str) -> None:
        self.configure(*http)
        signal.raise_signal(signal.SIGHUP)

    def test_manager(self) -> None:
        """systemd hears when all workers serve, of each reload with what came of it, and of the end."""
        master = self.made()
        self.assertEqual(self.told, [])
        self.serve(master)
        self.assertEqual(self.told, [b"READY=1\nSTATUS=2 workers serve"])
        self.reload(SERVER + ONE, "worker_processes 1;")
        self.assertEqual(self.told[1:], [b"RELOADING=1\nMONOTONIC_USEC=5\nSTATUS=reloading"])
        self.serve(master)
        self.assertEqual(self.told[2:], [b"READY=1\nSTATUS=1 workers serve"])
        self.reload("bogus;")
        (ready, status) = self.told[-1].split(b"\n", 1)
        self.assertEqual(ready, b"READY=1")
        self.assertTrue(
            status.startswith(b'STATUS=serving as before; the reload failed: unknown directive "bogus"'),
            status,
        )
        self.stop(master)
        self.assertEqual(self.told[-1], b"STOPPING=1\nSTATUS=shutting down")

    def test_reload(self) -> None:
        """New workers start; the old ones quit when the new ones serve; sockets that stay are the same ones."""
        master = self.made()
        self.serve(master)
        old = self.running()
        self.reload(SERVER + ONE + "server { listen 127.0.0.1:82; access_log off; }", "worker_processes 1;")
        (new,) = (process for process in self.running() if process not in old)
        self.assertEqual(self.said_to(old[0]), ["accept"])
        new.child.ready(master.truth())
        self.assertEqual([self.said_to(process)[-1] for process in old], [("quit", True, module.IDLE)] * 2)
        self.assertEqual(
            [str(sock) for sock in FakeSpawner.made[0].heard[-1]], ["127.0.0.1:81#0", "127.0.0.1:82#1"]
        )
        for process in old:
            process.end()
        self.assertEqual(len(master.crews), 1)

    def test_many_at_once(self) -> None:
        """HUPs that come while one waits for its turn are that one: it reads what the files say by then."""
        master = self.made()
        self.serve(master)
        gate: Deferred[None] = Deferred()
        busy = Deferred.fromCoroutine(master.changes.alone(lambda: gate))
        for _ in range(5):
            self.reload(SERVER + ONE)
        self.reload(SERVER + "upstream two { server 127.0.0.1:2; }")
        gate.callback(None)
        self.successResultOf(busy)
        self.assertEqual((len(master.crews), self.names(master)), (2, ["two"]))
        self.reload()
        self.assertEqual(self.names(master), ["one"])

    def test_overtaken(self) -> None:
        """Workers that only begin when the next reload comes are told to end; those that serve go on."""
        master = self.made()
        self.reload()
        self.assertEqual([crew.quitting for crew in master.crews], [False, False])
        self.serve(master)
        serving = self.running()[-2:]
        for process in self.running()[:2]:
            process.end()
        self.reload()
        overtaken = [process for process in self.running() if process not in serving]
        self.reload()
        self.assertEqual([process.signals for process in overtaken], [[15]] * 2)
        self.assertEqual([self.said_to(process)[-1] for process in serving], ["accept"] * 2)
        self.serve(master)
        self.assertEqual(
            [self.said_to(process)[-1] for process in serving], [("quit", True, module.IDLE)] * 2
        )

    def test_socket_that_nobody_needs(self) -> None:
        """It is closed when the new workers serve, and not before."""
        master = self.made()
        self.serve(master)
        self.reload(SERVER.replace("81", "82"))
        self.assertFalse(self.opened[0].closed)
        self.serve(master)
        self.assertEqual([sock.closed for sock in self.opened], [True, False])

    def test_changes_meanwhile(self) -> None:
        """Changes reach the new workers, which are not waited for, and the old ones, which are."""
        master = self.made()
        self.serve(master)
        old = self.running()
        self.reload()
        before = master.truth()
        change = master.changes.update("late", "server 127.0.0.1:9;")
        self.assertEqual([self.said_to(process)[-1] for process in old], [("apply", 2)] * 2)
        self.acknowledge(master)
        self.successResultOf(change)
        new = next(process for process in self.running() if process not in old)
        new.child.ready(before)
        self.assertEqual(self.said_to(new), [("apply", 2)])
        self.acknowledge(master)
        self.assertEqual(self.said_to(new)[-1], "accept")
        self.assertEqual(self.names(master), ["one", "late"])

    def test_changed_before(self) -> None:
        """What was changed while running is there afterwards, without a dump file too."""
        master = self.made()
        master.changes.update("late", "server 127.0.0.1:9;")
        self.reload("upstream two { server 127.0.0.1:2; }" + SERVER)
        self.assertEqual(self.names(master), ["two", "late"])
        self.assertEqual(master.truth().sequence, 2)

    def test_mistakes(self) -> None:
        """What is wrong is said at level emerg, and everything is as before: workers, sockets, map, dump."""
        master = self.made(SERVER + DUMP)
        self.serve(master)
        mistakes = {
            "bogus;": f'unknown directive "bogus" in {self.path}:1',
            "server { listen 127.0.0.1:99; access_log off; }": "bind() to 127.0.0.1:99 failed (13: Permission denied)",
        }
        for text, reason in mistakes.items():
            self.reload(SERVER + DUMP + text)
            self.assertEqual(self.levels("emerg")[-1], reason)
        self.reload(SERVER + DUMP, "error_log /nowhere/at/all;")
        self.assertIn('open() "/nowhere/at/all" failed (2: ', self.levels("emerg")[-1])
        self.assertEqual((len(self.running()), len(master.crews), len(self.opened)), (2, 1, 1))
        change = master.changes.update("late", "server 127.0.0.1:9;")
        self.acknowledge(master)
        self.successResultOf(change)
        self.reactor.advance(1.5)
        self.assertIn("upstream late", (self.prefix / "conf" / "up.conf").read_text())

    def test_our_own_mistake(self) -> None:
        """An exception that nobody expected is logged whole, and the lock is free again."""
        master = self.made()

        def broken(*_: Any) -> bool:
            raise ZeroDivisionError

        self.patch(module, "carry_over", broken)
        self.reload()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.successResultOf(master.changes.update("late", "server 127.0.0.1:9;"))

    def test_while_ending(self) -> None:
        """A reload that comes too late starts nobody."""
        master = self.made()
        self.serve(master)
        master._ending = True
        self.reload()
        self.assertEqual(len(self.running()), 2)
        master._ending = False

    def test_third_party(self) -> None:
        """With dyups_dump off the file is followed, by the new master state as by the old."""
        dump = self.prefix / "conf" / "up.conf"
        dump.write_text("upstream one { server 127.0.0.1:1; }")
        master = self.made(SERVER + DUMP + "dyups_dump off;")
        self.serve(master)
        for name in ("two", "three"):
            dump.write_text(f"upstream {name} {{ server 127.0.0.1:12; }}")
            self.reactor.advance(1)
            self.acknowledge(master)
            self.reactor.advance(0)
            self.acknowledge(master)
            self.assertEqual(self.names(master), [name])
            self.reload(SERVER + DUMP + "dyups_dump off;")
            self.serve(master)
            self.assertEqual(self.names(master), [name])

    def test_state(self) -> None:
        """Sequence and digest are those of the map."""
        master = self.made()
        upstreams = master._truth.upstreams
        self.assertEqual(master.truth(), State(0, upstreams.digest))
        self.assertIsInstance(master.reload(), Deferred)
