"""The master, told to read its configuration again."""

from __future__ import annotations

import signal
from typing import Any

from twisted.internet.defer import Deferred

from dyups.workers import master as module
from dyups.workers.link import State
from tests.workers.masters import DUMP, ONE, SERVER, FakeSpawner, MasterCase


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
