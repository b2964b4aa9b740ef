"""One process that serves: everything wired, as a Twisted service (``master_process off``).

Made before the process becomes a daemon, so that whatever is wrong (a port in use, an unreadable dump) is said on the
terminal and nothing is started.  ``tap`` makes it.  The data plane and the map are made as those of a worker and of the
master are (``serving``, ``truth``); here both stand in one process.
"""

from __future__ import annotations

import signal
import time
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import Deferred, inlineCallbacks, succeed
from twisted.internet.task import LoopingCall

from dyups.admin.resource import dyups_interface
from dyups.control.change import ChangePath
from dyups.control.lock import ChangeLock
from dyups.proxy.plane import complain
from dyups.script.here import Presence
from dyups.script.verbs import Verbs
from dyups.upstream.verdicts import Judge
from dyups.workers.checking import Checking
from dyups.workers.claim import Claim, written_by
from dyups.workers.configuration import Configuration
from dyups.workers.listening import close_all, open_all
from dyups.workers.naming import Naming
from dyups.workers.notify import NOBODY, Manager
from dyups.workers.scripting import ProcessScripts
from dyups.workers.serving import ServingSide, api_enabled, query_of
from dyups.workers.signals import Signals, refuse_upgrade
from dyups.workers.storing import Closed, store_of, threads_of, watch_of
from dyups.workers.truth import establish

#: Seconds that an idle connection has left after QUIT, and between two looks whether all clients are gone.
IDLE_GRACE = 1.0
LOOK = 0.1


class Reopening(Protocol):
    """Log files that can be opened anew by their names."""

    def reopen(self) -> list[str]:
        """The reasons of those that cannot."""
        ...


class ServingProcess(Service):
    """The proxy in one process: data plane, change path, and the sockets between them and the world."""

    name = "dyups"

    def __init__(
        self,
        configuration: Configuration,
        error_logs: Reopening,
        reactor: Any,
        manager: Manager = NOBODY,
        signals: type[Signals] = Signals,
    ) -> None:
        self._manager = manager
        http = configuration.http
        self._reactor = reactor
        self._error_logs = error_logs
        self._claim = Claim(written_by(http.dyups), time.sleep)
        truth = establish(configuration)
        self.upstreams = truth.upstreams
        in_thread = threads_of(reactor)
        self.store = store_of(truth, reactor, in_thread)
        self._trylock = http.dyups.dyups_trylock
        lock = ChangeLock(self._trylock)
        self._naming = Naming(http, reactor, in_thread)
        self.changes = ChangePath(self.upstreams, lock, self.store, self._naming.lookup)
        self.verbs = Verbs(self.upstreams, self.changes, api_enabled(http))
        self._health = Checking(reactor, Judge(self.upstreams).judge)
        self._presence = Presence()
        self._watch = watch_of(truth, self.changes, reactor, in_thread)
        self.side = ServingSide(
            http,
            self.upstreams,
            dyups_interface(self.upstreams, self.changes, reactor),
            reactor,
            query_of(dict(truth.constants)),
            checks=lambda: succeed(self._health.report()),
            attempts_wanted=configuration.attempts_wanted,
            bodies_wanted=configuration.bodies_wanted,
            scripts=ProcessScripts(http, self.verbs, reactor),
            certificates=configuration.certificates,
        )
        self._sockets = open_all(http.listens)
        self._quitting = LoopingCall(self._stop_if_alone)
        self._quitting.clock = reactor
        self._signals = signals(
            reactor,
            {
                signal.SIGUSR1: self.reopen,
                signal.SIGUSR2: refuse_upgrade,
                signal.SIGHUP: self._cannot_reload,
                signal.SIGQUIT: self.quit,
            },
        )

    # -- life --------------------------------------------------------------------------------------------------

    def startService(self) -> None:
        """Begin to accept; the sockets listen already."""
        super().startService()  # type: ignore[no-untyped-call]
        self._presence.begin(self.verbs)
        self.side.start()
        self._health.follow(self.upstreams)
        self._naming.follow(self.upstreams, self.changes.readdress)
        self.side.accept(self._sockets)
        self._signals.install()
        if self._watch is not None:
            self._watch.start()
        self._manager.ready("one process serves")

    @inlineCallbacks
    def stopService(self) -> Any:
        """Accept no more, and bring what is not in the dump file yet to disk."""
        yield super().stopService()  # type: ignore[no-untyped-call]
        self._manager.stopping()
        self._signals.uninstall()
        self._presence.end()
        self._naming.stop()
        self._health.stop()
        if self._quitting.running:
            self._quitting.stop()
        yield self._stop_accepting()
        if self._watch is not None:
            yield self._watch.stop()
        yield self.store.close()
        self._claim.release()
        self.side.stop()

    def _stop_accepting(self) -> Deferred[None]:
        sockets, self._sockets = self._sockets, []
        return self.side.stop_accepting().addBoth(lambda _: close_all(sockets))

    # -- signals -------------------------------------------------------------------------------------------------

    def reopen(self) -> None:
        """USR1: open all log files anew by their names."""
        for reason in (*self._error_logs.reopen(), *self.side.access_logs.reopen()):
            complain("emerg", reason)

    def quit(self) -> None:
        """QUIT: accept no more, and end when the last client has its answer."""
        if not self._quitting.running:
            complain("notice", "gracefully shutting down")
            self._stop_accepting()
            self.side.end_idle(IDLE_GRACE)
            self._quitting.start(LOOK)
            Deferred.fromCoroutine(self.changes.alone(self._leave_files))

    async def _leave_files(self) -> None:
        """Requests under way may take long, and the next start reads dump and journal now, and writes them."""
        store, self.store = self.store, Closed()
        self.changes.renew(self.upstreams, self.store, trylock=self._trylock)
        await store.close()
        self._claim.release()

    def _stop_if_alone(self) -> None:
        if not self.side.connections:
            self._quitting.stop()
            self._reactor.stop()

    def _cannot_reload(self) -> None:
        """HUP: there is no second process that could take over."""
        complain("warn", "reload needs master_process on; nothing has changed")
