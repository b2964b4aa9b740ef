"""One process put together: what is made, started and ended in which order, and what a start begins with.

The reactor is one in memory, and so are the listening sockets; files are real ones in the tests' own folder.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import execute
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import Listen
from dyups.errors import ChangeFailed, ConfigError
from dyups.persist.files import Files
from dyups.persist.journal import SUFFIX, Journal
from dyups.persist.watch import DumpWatch
from dyups.proxy.listener import Listener
from dyups.workers import process, storing
from dyups.workers.configuration import Source, read_configuration
from dyups.workers.process import ServingProcess


class Pool:
    """A thread pool whose threads are this one."""

    def callInThreadWithCallback(
        self, told: Callable[..., None], call: Callable[..., Any], *args: Any
    ) -> None:
        """Run it here and now."""
        try:
            result = call(*args)
        except Exception:
            told(False, Failure())
        else:
            told(True, result)


class Port:
    """A listening port of the reactor below."""

    def __init__(self, log: list[str], number: int) -> None:
        self._log = log
        self._number = number

    def stopListening(self) -> None:
        """Accept no more."""
        self._log.append(f"port {self._number} stopped")


class Reactor(MemoryReactorClock):
    """A reactor in memory that adopts sockets and runs threads' work at once."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[str] = []
        self.adopted: list[tuple[int, int, Listener]] = []

    def getThreadPool(self) -> Pool:
        """Where blocking calls go."""
        return Pool()

    def callFromThread(self, call: Callable[..., Any], *args: Any, **keywords: Any) -> None:
        """Back from it."""
        call(*args, **keywords)

    def adoptStreamPort(self, fileno: int, family: int, factory: Listener) -> Port:
        """A port on a socket that the process opened."""
        self.adopted.append((fileno, family, factory))
        return Port(self.log, fileno)


class Socket:
    """A listening socket, or what stands for it."""

    family = socket.AF_INET

    def __init__(self, number: int) -> None:
        self._number = number

    def fileno(self) -> int:
        """The descriptor."""
        return self._number


class Logs:
    """Error logs, one of which cannot be opened anew."""

    def reopen(self) -> list[str]:
        """The reason."""
        return ["open() failed"]


def without_disk_thread(case: SynchronousTestCase) -> None:
    """What goes to disk goes there at once from now on."""
    case.patch(storing, "DiskThread", lambda reactor: execute)


class ProcessTestCase(SynchronousTestCase):
    """A process on a configuration."""

    def setUp(self) -> None:
        self.prefix = Path(os.path.abspath(self.mktemp()))
        (self.prefix / "conf").mkdir(parents=True)
        self.reactor = Reactor()
        self.logs = Logs()
        self.said: list[tuple[str, str]] = []
        globalLogPublisher.addObserver(self._hear)
        self.addCleanup(globalLogPublisher.removeObserver, self._hear)
        without_disk_thread(self)
        self.patch(process, "open_all", self._open_all)
        self.patch(process, "close_all", lambda sockets: self.reactor.log.append("sockets closed"))

    def _hear(self, event: LogEvent) -> None:
        if "nginx_level" in event:
            self.said.append((event["nginx_level"], event["text"]))

    def _open_all(self, listens: tuple[Listen, ...]) -> list[Socket]:
        return [Socket(100 + number) for number, _ in enumerate(listens)]

    def process(self, http: str) -> ServingProcess:
        """The process of a configuration whose ``http`` block holds this."""
        path = self.prefix / "conf/nginx.conf"
        path.write_text(f"events {{}} http {{ {http} }}")
        return ServingProcess(read_configuration(Source(str(path))), self.logs, self.reactor)

    def started(self, http: str) -> ServingProcess:
        """The same, started; it is stopped after the test."""
        made = self.process(http)
        made.startService()
        self.addCleanup(self.stop, made)
        return made

    def stop(self, made: ServingProcess) -> None:
        """Stopped for good, if it still runs."""
        if made.running:
            self.successResultOf(made.stopService())

    def names(self, made: ServingProcess) -> list[str]:
        """The upstreams of the process, in order."""
        return [spec.name for spec in made.upstreams.specs()]


DUMP = "dyups_upstream_conf conf/up.conf;"
LISTENS = "server { listen 8081; } server { listen 8082; }"


class LifeTests(ProcessTestCase):
    """Start and end."""

    def test_made(self) -> None:
        """Made, it accepts nothing yet: the process may still have to become a daemon."""
        self.process(LISTENS)
        self.assertEqual(self.reactor.adopted, [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_started(self) -> None:
        """Started, each socket has the listener of its own address."""
        self.started(LISTENS)
        self.assertEqual([fileno for fileno, _, _ in self.reactor.adopted], [100, 101])
        ports = [listener.listen.address.port for _, _, listener in self.reactor.adopted]
        self.assertEqual(ports, [8081, 8082])

    def test_stopped(self) -> None:
        """Stopped, it accepts no more before anything else ends, and leaves no timer behind."""
        made = self.started(LISTENS)
        self.successResultOf(made.stopService())
        self.assertEqual(self.reactor.log, ["port 100 stopped", "port 101 stopped", "sockets closed"])
        self.assertTrue(made.side.plane.draining)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_the_date_goes_on(self) -> None:
        """Once a second a new ``Date`` is made."""
        made = self.started(LISTENS)
        ticks: list[int] = []
        self.patch(type(made.side.plane), "tick", lambda plane: ticks.append(1))
        self.reactor.pump([1.0] * 3)
        self.assertGreaterEqual(len(ticks), 3)


class StoredTests(ProcessTestCase):
    """Changes and the disk."""

    def dump(self, text: str) -> Path:
        """The dump file, holding this."""
        path = self.prefix / "conf/up.conf"
        path.write_text(text)
        return path

    def test_a_change_is_stored(self) -> None:
        """An update is in the journal when it is acknowledged, and in the dump a moment later."""
        made = self.started(DUMP)
        self.successResultOf(made.changes.update("a", "server 127.0.0.1:1;"))
        self.assertIn(b"server 127.0.0.1:1;", (self.prefix / f"conf/up.conf{SUFFIX}").read_bytes())
        self.assertFalse((self.prefix / "conf/up.conf").exists())
        self.reactor.pump([0.5] * 4)
        self.assertIn("upstream a {", (self.prefix / "conf/up.conf").read_text())

    def test_the_end_writes_the_dump(self) -> None:
        """Whoever stops it gracefully finds everything in the dump file."""
        made = self.started(DUMP)
        self.successResultOf(made.changes.update("a", "server 127.0.0.1:1;"))
        self.successResultOf(made.stopService())
        self.assertIn("upstream a {", (self.prefix / "conf/up.conf").read_text())

    def test_what_was_acknowledged_comes_back(self) -> None:
        """From the journal, where the process was killed before it could dump; numbers go on from there."""
        made = self.started(DUMP)
        self.successResultOf(made.changes.update("a", "server 127.0.0.1:1;"))
        made._claim.release()  # as the kernel does it
        again = self.process(DUMP)
        self.assertEqual(self.names(again), ["a"])
        self.assertEqual(again.upstreams.sequence, made.upstreams.sequence)

    def test_quit_leaves_the_files(self) -> None:
        """QUIT: a client may take long, so dump and journal are left to the next start now; nothing is changed here."""
        made = self.started(DUMP)
        made.side.plane.counters.active = 1
        self.successResultOf(made.changes.update("a", "server 127.0.0.1:1;"))
        made.quit()
        self.failureResultOf(made.changes.update("b", "server 127.0.0.1:1;"), ChangeFailed)
        again = self.process(DUMP)
        self.assertEqual(self.names(again), ["a"])
        self.successResultOf(again.changes.update("c", "server 127.0.0.1:1;"))
        self.successResultOf(made.stopService())
        again._claim.release()
        self.assertEqual(self.names(self.process(DUMP)), ["a", "c"])

    def test_no_dump_file(self) -> None:
        """Without ``dyups_upstream_conf`` nothing is written anywhere."""
        made = self.started("upstream b { server 127.0.0.1:2; }")
        self.successResultOf(made.changes.update("a", "server 127.0.0.1:1;"))
        self.successResultOf(made.stopService())
        self.assertEqual(os.listdir(self.prefix / "conf"), ["nginx.conf"])
        self.assertEqual(self.names(made), ["b", "a"])

    def test_somebody_elses_dump(self) -> None:
        """``dyups_dump off``: the file is followed while the process runs, and never written."""
        path = self.dump("upstream a { server 127.0.0.1:1; }")
        made = self.started(f"{DUMP} dyups_dump off; dyups_read_msg_timeout 1s;")
        self.assertIsInstance(made._watch, DumpWatch)
        self.dump("upstream a { server 127.0.0.1:1; } upstream b { server 127.0.0.1:2; }")
        self.reactor.pump([1.0] * 5)
        self.assertEqual(self.names(made), ["a", "b"])
        self.successResultOf(made.stopService())
        self.assertNotIn("dyups", path.read_text())

    def test_damage_is_an_error(self) -> None:
        """A journal that does not read is said at the error log's default level; the rest is served."""
        journal = Journal(str(self.prefix / f"conf/up.conf{SUFFIX}"), Files())
        journal.append(1, b"no command")
        journal.close()
        made = self.started(f"{DUMP} upstream b {{ server 127.0.0.1:2; }}")
        self.assertEqual(self.names(made), ["b"])
        ((level, text),) = self.said
        self.assertEqual(level, "error")
        self.assertIn("what was readable is kept", text)

    def test_an_edit_is_a_warning(self) -> None:
        """A dump that a person edited is honoured, and said."""
        made = self.started(DUMP)
        self.successResultOf(made.changes.update("a", "server 127.0.0.1:1;"))
        self.successResultOf(made.stopService())
        path = self.prefix / "conf/up.conf"
        path.write_text(path.read_text().replace(":1;", ":7;"))
        again = self.process(DUMP)
        self.assertEqual([level for level, _ in self.said], ["warn"])
        ((server,),) = [spec.servers for spec in again.upstreams.specs()]
        self.assertEqual(server.port, 7)


class SignalTests(ProcessTestCase):
    """What signals do to a process without a master."""

    def test_reopen(self) -> None:
        """USR1 opens the logs anew; one that cannot be is said."""
        self.started(LISTENS).reopen()
        self.assertEqual(self.said, [("emerg", "open() failed")])

    def test_no_reload(self) -> None:
        """HUP does not end the process: it says that a reload needs a master."""
        made = self.started(LISTENS)
        before = signal.getsignal(signal.SIGHUP)
        self.assertEqual(getattr(before, "__self__", None), made._signals)
        made._cannot_reload()
        self.assertEqual(self.said, [("warn", "reload needs master_process on; nothing has changed")])
        self.stop(made)
        self.assertNotEqual(signal.getsignal(signal.SIGHUP), before)

    def test_quit(self) -> None:
        """QUIT accepts no more and ends the process once the last client is gone."""
        made = self.started(LISTENS)
        made.side.plane.counters.active = 1
        made.quit()
        self.assertEqual(self.reactor.log, ["port 100 stopped", "port 101 stopped", "sockets closed"])
        self.reactor.pump([0.1] * 20)
        self.assertFalse(self.reactor.hasStopped)
        made.side.plane.counters.active = 0
        self.reactor.pump([0.1] * 2)
        self.assertTrue(self.reactor.hasStopped)


def no_names(*arguments: Any, **keywords: Any) -> Any:
    """A resolver that knows nobody."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


class NamesTests(ProcessTestCase):
    """Host names at start."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(socket, "getaddrinfo", no_names)

    def test_of_the_configuration(self) -> None:
        """A name of the configuration that nobody knows ends the start, as in nginx."""
        self.assertRaises(ConfigError, self.process, "upstream b { server no-such-host.invalid; }")

    def test_of_the_dump(self) -> None:
        """One that was acknowledged at run time comes back, with what of it can be found, and is said."""
        (self.prefix / "conf/up.conf").write_text(
            "upstream a { server 127.0.0.1:1; server no-such-host.invalid; }\n"
        )
        made = self.process(DUMP)
        self.assertEqual(self.names(made), ["a"])
        ((level, text),) = self.said
        self.assertEqual(level, "warn")
        self.assertIn("no-such-host.invalid", text)

    def test_constant_targets(self) -> None:
        """``proxy_pass`` to a name that is no upstream is looked up now, unless it may become one at run time."""
        target = "server { listen 1; location / { proxy_pass http://no-such-host.invalid; } }"
        self.assertRaises(ConfigError, self.process, target)
        self.process(f"{DUMP} {target}")
        nested = "server { listen 2; location /a/ { location /a/b/ { dyups_interface; } } }"
        self.process(f"{target} {nested}")
