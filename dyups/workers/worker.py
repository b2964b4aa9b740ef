"""A worker: the data plane in a process of its own, which follows the master's changes.

``entry`` makes it from what the master handed over.  It accepts connections when the master says so, applies changes
when the doorbell rings, looks at the shared zone from time to time anyway, and ends when the master says so, or when
the master is gone.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from dyups.admin.resource import dyups_interface
from dyups.control.command import Command, Update
from dyups.control.follow import Follower
from dyups.control.remote import RemoteChanges
from dyups.errors import ZoneDamaged
from dyups.metrics.errorlog import ErrorLogObserver
from dyups.proxy.plane import complain
from dyups.proxy.variables import variables_of_run_time
from dyups.script.here import Presence
from dyups.script.verbs import Verbs
from dyups.shared.ledger import Column
from dyups.shared.zone import ZoneReader
from dyups.upstream.sharing import Counting
from dyups.upstream.verdicts import Judge, Verdict
from dyups.workers.configuration import Configuration
from dyups.workers.link import State, WorkerEnd
from dyups.workers.scripting import Place, ProcessScripts
from dyups.workers.serving import ServingSide, api_enabled, query_of
from dyups.workers.signals import Signals
from dyups.workers.snapshot import Snapshot, filled
from dyups.workers.titles import SHUTTING_DOWN, show

#: Looks at the zone in each ``dyups_read_msg_timeout``, so that several heartbeats may be lost.
LOOKS = 4
FASTEST, SLOWEST = 0.02, 1.0
#: How often a worker that ends looks whether it is done, in seconds.
DONE_YET = 0.05

_log = Logger()


class Worker:
    """See the module.  ``die`` ends the process at once."""

    def __init__(
        self,
        snapshot: Snapshot,
        configuration: Configuration,
        zone: ZoneReader,
        sockets: Sequence[socket.socket],
        logs: ErrorLogObserver,
        reactor: Any,
        now: Callable[[], float],
        die: Callable[[int], None] = os._exit,
        ledger: Column | None = None,
    ) -> None:
        self._reactor = reactor
        self._now = now
        self._die = die
        self._logs = logs
        self._sockets = [*sockets]
        self._shutdown_timeout = configuration.settings.worker_shutdown_timeout
        self._upstreams = filled(snapshot, variables_of_run_time(configuration.http))
        if ledger is not None:
            self._upstreams.share(Counting(ledger))
        heard = [_log_change] if configuration.http.dyups.dyups_read_msg_log else []
        self._follower = Follower(self._upstreams, zone, os.getpid(), now, *heard)
        self.link = WorkerEnd(self)
        changes = RemoteChanges(self.link)
        self.verbs = Verbs(self._upstreams, changes, api_enabled(configuration.http))
        self._presence = Presence()
        self._judge = Judge(self._upstreams)
        self._serving = self._serving_side(snapshot, configuration, changes, zone)
        self._looking = LoopingCall(self._look)
        self._looking.clock = reactor
        timeout = configuration.http.dyups.dyups_read_msg_timeout
        self._period = min(max(timeout / LOOKS, FASTEST), SLOWEST)
        self._ending: LoopingCall | None = None
        self._idle = 0.0
        self._give_up_at: float | None = None
        self._over = False
        reactor.addSystemEventTrigger("before", "shutdown", self._shut_down)
        self._signals = Signals(
            reactor,
            {
                signal.SIGQUIT: lambda: self.quit(True, 0.0),
                signal.SIGUSR1: self.reopen,
                signal.SIGHUP: _nothing,
                signal.SIGUSR2: _nothing,
                signal.SIGWINCH: _nothing,
            },
        )

    def _serving_side(
        self, snapshot: Snapshot, configuration: Configuration, changes: RemoteChanges, zone: ZoneReader
    ) -> ServingSide:
        reactor = self._reactor
        interface = dyups_interface(self._upstreams, changes, reactor, roster=self.link.workers)
        return ServingSide(
            configuration.http,
            self._upstreams,
            interface,
            reactor,
            query_of(dict(snapshot.constants)),
            checks=self.link.checks,
            scripts=ProcessScripts(
                configuration.http,
                self.verbs,
                reactor,
                Place(zone.slot, configuration.settings.worker_processes),
            ),
            attempts_wanted=configuration.attempts_wanted,
            bodies_wanted=configuration.bodies_wanted,
            certificates=snapshot.certificates,
            shared=zone.fd,
            everyone=self.link.totals,
        )

    def start(self) -> None:
        """Enforce time limits, follow the zone; the rest is the master's word."""
        self._signals.install()
        self._presence.begin(self.verbs)
        self._serving.start()
        self._looking.start(self._period, now=True)

    # -- what the master says (link.MasterSeen) ------------------------------------------------------------------

    def linked(self, link: WorkerEnd) -> None:
        """The channel is there: tell that the map is."""
        link.ready(self._state())

    def apply(self, sequence: int) -> State:
        """Follow the changes; what we route by then."""
        self._look()
        return self._state()

    def judge(self, sequence: int, verdicts: list[Verdict]) -> None:
        """Health checks found servers up or down, some of which may have come by a change that we have not read."""
        if sequence > self._upstreams.sequence:
            self._look()
        self._judge.judge(verdicts)

    def accept(self) -> None:
        """Begin to accept connections."""
        if self._ending is None:
            self._serving.accept(self._sockets)
            self._close_sockets()

    def quit(self, graceful: bool, idle: float) -> None:
        """End: at once, or when the requests under way are done."""
        if self._over:
            return
        if not graceful:
            self._stop()
            return
        self._idle = idle
        if self._ending is not None:
            return
        complain("notice", "gracefully shutting down")
        show(SHUTTING_DOWN)
        self._close_sockets()
        self._serving.stop_accepting()
        if self._shutdown_timeout:
            self._give_up_at = self._now() + self._shutdown_timeout
        self._ending = LoopingCall(self._end_when_done)
        self._ending.clock = self._reactor
        self._ending.start(DONE_YET, now=False)  # what was accepted a moment ago counts, too

    def count(self) -> dict[str, Any]:
        """What was counted here."""
        return self._serving.totals()

    def reopen(self) -> None:
        """Open the logs anew."""
        for problem in (*self._logs.reopen(), *self._serving.access_logs.reopen()):
            complain("emerg", problem)

    def unlinked(self) -> None:
        """The master is gone: its ports must be free for another one, now."""
        if self._ending is None and not self._over:
            complain("error", "the master process is gone")
        self.quit(True, 0.0)

    # -- what it does by itself ----------------------------------------------------------------------------------

    def _state(self) -> State:
        return State(self._upstreams.sequence, self._upstreams.digest)

    def _look(self) -> None:
        """Apply what is new.  A worker that cannot must not serve: the master puts another in its place."""
        try:
            self._follower.catch_up()
        except ZoneDamaged as error:
            complain("alert", f"changes cannot be followed any more: {error}")
            self._die(1)
        except Exception:
            _log.failure("changes cannot be followed any more")
            self._die(1)

    def _close_sockets(self) -> None:
        """Ports have descriptors of their own."""
        sockets, self._sockets = self._sockets, []
        for sock in sockets:
            sock.close()

    def _end_when_done(self) -> None:
        self._serving.end_idle(self._idle)
        late = self._give_up_at is not None and self._now() >= self._give_up_at
        if self._serving.connections and not late:
            return
        assert self._ending is not None
        self._ending.stop()
        self._stop()

    def _shut_down(self) -> None:
        """The reactor stops, for whatever reason, and closes what is open."""
        self._over = True
        self._presence.end()
        self._serving.stop()

    def _stop(self) -> None:
        with suppress(ReactorNotRunning):  # a signal came first
            self._reactor.stop()


def _log_change(sequence: int, command: Command) -> None:
    """``dyups_read_msg_log``."""
    kind = "update" if isinstance(command, Update) else "delete"
    complain("info", f"dyups: read change {sequence}: {kind} {command.name}")


def _nothing() -> None:
    """The signal is the master's."""
