"""Tests of dyups.workers.worker."""

from __future__ import annotations

import signal
import socket
from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import ErrorLog
from dyups.config.parser import Tree, parse_text
from dyups.config.upstreams import parse_commands
from dyups.control.command import Delete, Update
from dyups.control.publish import encode_notice
from dyups.metrics.errorlog import ErrorLogObserver
from dyups.shared.ledger import Column, Ledger
from dyups.shared.zone import Zone, ZoneReader
from dyups.upstream.map import UpstreamMap
from dyups.upstream.sharing import Allotting
from dyups.workers import worker as module
from dyups.workers.configuration import built
from dyups.workers.link import State
from dyups.workers.snapshot import Snapshot
from dyups.workers.worker import Worker
from tests.workers.fakes import complaints
from tests.workers.test_process import Reactor

TEXT = """
worker_shutdown_timeout 10s;
events { }
http {
    access_log off;
    dyups_read_msg_log on;
    server { listen 127.0.0.1:81; access_log off; location / { dyups_interface; } }
}
"""
RESOLVED = {host: (host,) for host in ("127.0.0.1", "127.0.0.2")}
SPEC = parse_commands("one", "server 127.0.0.1:1;")


class FakeLink:
    """A worker's end of the channel."""

    def __init__(self) -> None:
        self.states: list[State] = []

    def ready(self, state: State) -> None:
        self.states.append(state)


class WorkerReactor(Reactor):
    """Stops once."""

    stopped = False

    def stop(self) -> None:
        if self.stopped:
            raise ReactorNotRunning
        self.stopped = True


class WorkerCase(SynchronousTestCase):
    """A worker in this process, with a real zone."""

    def setUp(self) -> None:
        self.reactor = WorkerReactor()
        self.said = complaints(self, module)
        self.titles: list[str] = []
        self.patch(module, "show", self.titles.append)
        self.died: list[int] = []
        self.zone = Zone(1, 1)
        self.addCleanup(self.zone.close)
        self.zone.admit(0, 3, 0.0)
        reader = ZoneReader(self.zone.fd, 0)
        self.addCleanup(reader.close)
        self.log = self.mktemp()
        logs = ErrorLogObserver([ErrorLog(self.log)])
        self.addCleanup(logs.close)
        tree = Tree(parse_text(TEXT))
        upstreams = ((SPEC, {"127.0.0.1": ("127.0.0.1",)}),)
        snapshot = Snapshot(tree, "/srv", None, "x", 3, upstreams, {})
        self.socket = socket.socket()
        self.addCleanup(self.socket.close)
        self.worker = Worker(
            snapshot,
            built(tree, "/srv", None),
            reader,
            [self.socket],
            logs,
            self.reactor,
            self.reactor.seconds,
            self.died.append,
            self.column(),
        )
        self.link = FakeLink()
        self.worker.start()
        self.addCleanup(self.worker._signals.uninstall)
        self.worker.linked(self.link)  # type: ignore[arg-type]

    def column(self) -> Column | None:
        """Where it counts together with others."""
        return None

    def publish(self, sequence: int, body: str = "server 127.0.0.2;") -> None:
        self.zone.write(sequence, encode_notice(Update("late", body), RESOLVED))

    def clients(self, count: int) -> None:
        """So many are connected."""
        self.worker._serving.plane.counters.active = count

    def shut_down(self) -> None:
        """The reactor stops."""
        for call, arguments, keywords in self.reactor.triggers["before"]["shutdown"]:
            call(*arguments, **keywords)


class SharingTests(WorkerCase):
    """A worker that counts together with others."""

    def column(self) -> Column | None:
        master = UpstreamMap()
        ledger = Ledger(2, self.reactor.seconds, 8)
        self.addCleanup(ledger.close)
        master.share(Allotting(ledger))
        for name in ("one", "late"):
            spec = parse_commands(name, "zone z 64k; server 127.0.0.1:1;")
            master.replace(spec, RESOLVED)
        column = Column(ledger.fd, ledger.locks, ledger.admit())
        self.addCleanup(column.close)
        return column

    def test_upstreams_with_a_zone(self) -> None:
        """What comes later is shared where it has a zone, and what has none is not."""
        self.publish(4, "zone z 64k; server 127.0.0.1:1;")
        self.worker.apply(4)
        one, late = self.worker._upstreams.find("one"), self.worker._upstreams.find("late")
        assert one is not None and late is not None
        self.assertIsNone(one.shared)
        self.assertIsNotNone(late.shared)
        self.assertIsNotNone(late.peers[0].row)


class FollowTests(WorkerCase):
    """Following the master."""

    def test_ready(self) -> None:
        """It begins with the snapshot's map, and tells what it routes by; it accepts nothing by itself."""
        ((sequence, digest),) = self.link.states
        self.assertEqual((sequence, digest), (3, self.worker._upstreams.digest))
        self.assertNotEqual(digest, 0)
        self.assertEqual(self.reactor.adopted, [])

    def test_accept(self) -> None:
        """Told to, it accepts; the socket that it inherited is closed, ports have their own."""
        self.worker.accept()
        self.assertEqual(len(self.reactor.adopted), 1)
        self.assertEqual(self.socket.fileno(), -1)

    def test_doorbell(self) -> None:
        """Rung, it applies what is new, and tells what it routes by then."""
        self.publish(4)
        state = self.worker.apply(4)
        self.assertEqual(state.sequence, 4)
        self.assertIsNotNone(self.worker._upstreams.find("late"))
        self.zone.write(5, encode_notice(Delete("late"), {}))
        self.worker.apply(5)
        self.assertEqual(
            self.said,
            [("info", "dyups: read change 4: update late"), ("info", "dyups: read change 5: delete late")],
        )

    def test_judge(self) -> None:
        """What health checks found is minded, also of servers that came by a change it had not read yet."""
        self.publish(4, "server 127.0.0.2; check default_down=false;")
        self.worker.judge(4, [(b"late", "127.0.0.2:80", True), (b"one", "127.0.0.1:1", True)])
        groups = [self.worker._upstreams.find(name) for name in ("late", "one")]
        self.assertEqual([group and group.peers[0].up(0.0) for group in groups], [False, True])

    def test_lost_doorbell(self) -> None:
        """It looks several times in each dyups_read_msg_timeout anyway, and its heart beats."""
        self.publish(4)
        self.reactor.advance(0.25)
        facts = self.zone.reader(0)
        self.assertEqual((facts.sequence, facts.heartbeat), (4, self.reactor.seconds()))

    def test_cannot_follow(self) -> None:
        """A change that does not read ends the process: another one takes its place."""
        self.publish(4, "bogus;")
        self.worker.apply(4)
        self.assertEqual(self.died, [1])
        self.assertEqual(self.said[0][0], "alert")

    def test_our_own_mistake(self) -> None:
        """So does an exception that nobody expected."""
        self.patch(self.worker._upstreams, "replace", None)
        self.publish(4)
        self.reactor.advance(0.25)
        self.assertEqual(self.died, [1])
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)


class EndTests(WorkerCase):
    """The end."""

    def test_fast(self) -> None:
        """At once means at once."""
        self.worker.accept()
        self.clients(7)
        self.worker.quit(False, 0.0)
        self.worker.quit(False, 0.0)
        self.assertTrue(self.reactor.stopped)

    def test_graceful(self) -> None:
        """No new connection from now on; the process ends when the last client has left."""
        self.worker.accept()
        self.clients(1)
        self.worker.quit(True, 2.0)
        self.worker.quit(True, 2.0)
        self.assertEqual(len(self.reactor.log), 1)
        self.assertEqual(self.titles, ["dyups: worker process is shutting down"])
        self.reactor.advance(9)
        self.assertFalse(self.reactor.stopped)
        self.clients(0)
        self.reactor.advance(0.05)
        self.assertTrue(self.reactor.stopped)

    def test_shutdown_timeout(self) -> None:
        """worker_shutdown_timeout is the end in any case."""
        self.clients(1)
        self.worker.quit(True, 2.0)
        self.reactor.advance(9.9)
        self.assertFalse(self.reactor.stopped)
        self.reactor.advance(0.2)
        self.assertTrue(self.reactor.stopped)

    def test_accepted_a_moment_ago(self) -> None:
        """A connection of which the protocol does not know yet is waited for."""
        self.worker.accept()
        self.worker.quit(True, 0.0)
        self.assertFalse(self.reactor.stopped)
        self.reactor.advance(0.05)
        self.assertTrue(self.reactor.stopped)

    def test_before_it_accepts(self) -> None:
        """A worker that was told to end accepts nothing any more."""
        self.worker.quit(True, 0.0)
        self.worker.accept()
        self.assertEqual((self.reactor.adopted, self.socket.fileno()), ([], -1))

    def test_master_gone(self) -> None:
        """Without the master it stops to accept, and ends when it is done."""
        self.worker.accept()
        self.worker.unlinked()
        self.assertEqual(self.said[0], ("error", "the master process is gone"))
        self.assertEqual(len(self.reactor.log), 1)
        self.reactor.advance(0.05)
        self.assertTrue(self.reactor.stopped)

    def test_after_the_end(self) -> None:
        """A reactor that stops closes all; nothing is done twice."""
        self.worker.accept()
        self.shut_down()
        self.worker.unlinked()
        self.assertEqual((self.said, self.reactor.log), ([], []))


class SignalTests(WorkerCase):
    """Signals to a worker itself."""

    def test_quit(self) -> None:
        """QUIT is a graceful end."""
        signal.raise_signal(signal.SIGQUIT)
        self.assertEqual(self.said, [("notice", "gracefully shutting down")])

    def test_the_masters(self) -> None:
        """HUP and WINCH, which a terminal sends to all, are the master's."""
        for number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGWINCH):
            signal.raise_signal(number)
        self.assertEqual(self.said, [])

    def test_reopen(self) -> None:
        """USR1 opens the logs anew; what cannot be opened is said."""
        problems: list[Any] = ['open() "/x" failed (2: No such file or directory)']
        self.patch(self.worker._logs, "reopen", lambda: problems)
        signal.raise_signal(signal.SIGUSR1)
        self.assertEqual(self.said, [("emerg", problems[0])])
