"""The master: configuration, listening sockets, every change of the upstreams, and the workers that serve.

It has the whole map and no data plane.  Made before the process becomes a daemon, so that whatever is wrong (a port in
use, an unreadable dump) is said on the terminal and nothing is started; ``tap`` makes it.

    TERM, INT   stop at once
    QUIT        stop when the requests under way are done
    HUP         reload: new workers with the new configuration, then the old ones quit
    USR1        open the logs anew
    USR2        refused: there must not be two masters
    WINCH       the workers quit, the master stays
"""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from dyups.control.change import ChangePath
from dyups.control.lock import ChangeLock
from dyups.errors import ConfigError
from dyups.metrics.errorlog import ErrorLogObserver
from dyups.proxy.plane import complain
from dyups.script.here import Presence
from dyups.script.verbs import Verbs
from dyups.upstream.verdicts import Verdict
from dyups.workers.checking import Checking
from dyups.workers.claim import Claim, written_by
from dyups.workers.configuration import Configuration, Source
from dyups.workers.crew import Crew, workers_wanted
from dyups.workers.ledgers import Ledgers
from dyups.workers.link import State
from dyups.workers.naming import Naming
from dyups.workers.notify import NOBODY, Manager
from dyups.workers.privileges import hand_over_logs
from dyups.workers.publisher import ToWorkers
from dyups.workers.reloading import Ending, Reloads, open_for, overtake
from dyups.workers.serving import api_enabled
from dyups.workers.signals import Signals, has_terminal, refuse_upgrade
from dyups.workers.sockets import Sockets
from dyups.workers.spawn import Snapshots, Spawner
from dyups.workers.storing import Closed, read_claimed, store_of, threads_of, watch_of
from dyups.workers.titles import master_title, show
from dyups.workers.totals import gathered
from dyups.workers.truth import Truth, carry_over, establish

#: How often the workers are looked after, in seconds.
CHECK = 0.25
#: How long idle connections may stay when other workers have taken over, in seconds: a request that a client is about
#: to send on one is answered, with ``Connection: close``.
IDLE = 2.0

_log = Logger()


class MasterProcess(Service):
    """See the module.  Made, the sockets listen; raises ConfigError, and OSError with the address in ``filename``."""

    name = "dyups"

    def __init__(
        self,
        source: Source,
        configuration: Configuration,
        logs: ErrorLogObserver,
        reactor: Any,
        now: Callable[[], float] = time.monotonic,
        manager: Manager = NOBODY,
    ) -> None:
        self._source = source
        self._manager = manager
        self._logs = logs
        self._reactor = reactor
        self._now = now
        self._in_thread = threads_of(reactor)
        self._claim = Claim(written_by(configuration.http.dyups), time.sleep)
        self._truth = establish(configuration)
        self._sockets = Sockets()
        self._sockets.open(configuration.http.listens, workers_wanted(configuration), time.sleep)
        self.crews: list[Crew] = []
        """Oldest first."""
        self._store = store_of(self._truth, reactor, self._in_thread)
        self._naming = Naming(configuration.http, reactor, self._in_thread)
        self.changes = ChangePath(
            self._truth.upstreams,
            ChangeLock(configuration.http.dyups.dyups_trylock),
            self._store,
            self._naming.lookup,
            ToWorkers(lambda: self.crews, reactor),
        )
        self._health = Checking(reactor, self._judge)
        self.checks, self.verdicts = self._health.report, self._health.verdicts
        self._presence = Presence()
        self._watch = watch_of(self._truth, self.changes, reactor, self._in_thread)
        snapshots = Snapshots(reactor, lambda: self._truth.upstreams)
        self._spawn = Spawner(reactor, self._sockets_of, snapshots, lambda: logs.standard_error)
        self._ledgers = Ledgers(now)
        try:
            self._first = self._crew_of(self._truth)
        except ConfigError:
            self._sockets.close()
            raise
        self._checking = LoopingCall(self._check)
        self._checking.clock = reactor
        self._ending = False
        self._reloads = Reloads(self.changes.alone, self._renew, manager)
        self._left: Deferred[None] | None = None
        """QUIT has come: fires when the files are another start's."""
        self._all_gone: Deferred[None] | None = None
        self._signals = Signals(
            reactor,
            {
                signal.SIGHUP: self.reload,
                signal.SIGQUIT: self.quit,
                signal.SIGUSR1: self.reopen,
                signal.SIGUSR2: refuse_upgrade,
                signal.SIGWINCH: self.send_workers_home,
            },
        )

    def _sockets_of(self, crew: Crew, place: int) -> list[socket.socket]:
        return self._sockets.of(crew.configuration.http.listens, place)

    # -- what crews need (crew.Master) -------------------------------------------------------------------------

    def truth(self) -> State:
        """What we route by."""
        return State(self._truth.upstreams.sequence, self._truth.upstreams.digest)

    def totals(self) -> Deferred[list[dict[str, Any]]]:
        """What every worker that answers in time has counted."""
        return gathered([child for crew in self.crews for child in crew.children()], self._reactor)

    def roster(self) -> list[dict[str, Any]]:
        """The facts of every worker."""
        return [facts for crew in self.crews for facts in crew.facts()]

    def _judge(self, verdicts: list[Verdict]) -> None:
        """Health checks found something: every worker is to mind it."""
        for crew in self.crews:
            crew.judge(self._truth.upstreams.sequence, verdicts)

    def crew_serves(self, crew: Crew) -> None:
        """All of its workers accept: those before it are not needed any more, nor sockets that only they have."""
        for other in [*self.crews]:
            if other is crew:
                break
            other.quit(True, IDLE)
        if crew is self.crews[-1]:
            self._sockets.close_others(crew.configuration.http.listens, crew.size)
            if not self._ending:
                self._manager.ready(f"{crew.size} workers serve")

    def crew_gone(self, crew: Crew) -> None:
        """Forget it; the last one may be what the end of the process waits for."""
        self.crews.remove(crew)
        crew.close()
        if len(self.crews) == 1:
            self._ledgers.settle(self.crews[0], self._truth.upstreams)
        if not self.crews and self._ending:
            if self._all_gone is not None:
                self._all_gone.callback(None)
            else:
                self._stop()

    # -- life --------------------------------------------------------------------------------------------------

    def startService(self) -> None:
        """Start the workers."""
        super().startService()  # type: ignore[no-untyped-call]
        show(master_title(sys.argv))
        self._presence.begin(self._verbs())
        self._signals.install()
        self._reactor.callWhenRunning(self._start)

    def _verbs(self) -> Verbs:
        """For scripts in this process: those in the workers have their own."""
        truth = self._truth
        return Verbs(truth.upstreams, self.changes, api_enabled(truth.configuration.http))

    def _start(self) -> None:
        self._checking.start(CHECK, now=False)
        self._naming.follow(self._truth.upstreams, self.changes.readdress)
        self._health.follow(self._truth.upstreams)
        self._start_crew(self._first)
        if self._watch is not None:
            self._watch.start()

    def _crew_of(self, truth: Truth) -> Crew:
        """Its workers, not started yet.  Raises ConfigError where there cannot be a zone for them."""
        crew = Crew(
            truth.configuration, truth.constants, self, self.changes, self._spawn, self._reactor, self._now
        )
        self._ledgers.lend(crew, truth.upstreams)
        return crew

    def _start_crew(self, crew: Crew) -> None:
        self.crews.append(crew)
        crew.start()

    def _check(self) -> None:
        self._manager.alive()
        for crew in [*self.crews]:
            try:
                crew.check()
            except Exception:  # it would end the loop, and with it every time limit that workers have
                _log.failure("the workers could not be looked after")

    def stopService(self) -> Deferred[None]:
        """Stop at once; fires when the workers are gone and what is not in the dump file yet is on disk."""
        super().stopService()  # type: ignore[no-untyped-call]
        return Deferred.fromCoroutine(self._stop_all())

    async def _stop_all(self) -> None:
        self._ending = True
        self._manager.stopping()
        self._presence.end()
        self._signals.uninstall()
        self._naming.stop()
        self._health.stop()
        self._sockets.close()
        if self.crews:
            self._all_gone = Deferred()
            for crew in [*self.crews]:
                crew.quit(False)
            await self._all_gone
        if self._checking.running:
            self._checking.stop()
        if self._watch is not None:
            await self._watch.stop()
        await self._store.close()
        if self._left is not None:
            await self._left
        self._ledgers.close()
        self._claim.release()

    def _stop(self) -> None:
        with suppress(ReactorNotRunning):  # another signal came first
            self._reactor.stop()

    # -- signals -----------------------------------------------------------------------------------------------

    def quit(self) -> None:
        """Stop when the requests under way are done; new connections are refused from now on."""
        complain("notice", "signal 3 (SIGQUIT) received, shutting down")
        self._ending = True
        self._manager.stopping()
        self._sockets.close()
        for crew in [*self.crews]:
            crew.quit(True)
        Deferred.fromCoroutine(self.changes.alone(self._leave_files))
        if not self.crews:
            self._stop()

    async def _leave_files(self) -> None:
        """Requests under way may take long, and the next start reads dump and journal now, and writes them."""
        store, self._store = self._store, Closed()
        trylock = self._truth.configuration.http.dyups.dyups_trylock
        self.changes.renew(self._truth.upstreams, self._store, trylock=trylock)
        self._left = store.close()
        await self._left
        self._claim.release()

    def send_workers_home(self) -> None:
        """The workers quit, the master stays; a terminal's window that has another size is none of our business."""
        if has_terminal():
            return
        self._manager.status("the workers were told to quit (SIGWINCH)")
        for crew in [*self.crews]:
            crew.quit(True)

    def reopen(self) -> None:
        """Open the logs anew, here and in every worker."""
        complain("notice", "reopening logs")
        for problem in (*self._logs.reopen(), *self._logs_handed_over()):
            complain("emerg", problem)
        for crew in [*self.crews]:
            crew.reopen()

    def _logs_handed_over(self) -> Iterator[str]:
        """Workers open the logs by name, as the users that they are."""
        for crew in self.crews:
            identity = crew.configuration.serve_as.identity
            if identity is not None:
                yield from hand_over_logs(crew.configuration.settings, identity)

    def reload(self) -> Deferred[None]:
        """Read the configuration and go on with it; where it is wrong, the error log says so and nothing changes."""
        return self._reloads.ask()

    async def _renew(self) -> None:
        """Under the change lock: nothing is written to dump or journal while they are read."""
        store, claim = self._store, self._claim
        await store.pause()
        try:
            claim, new = await self._in_thread(lambda: read_claimed(self._source, claim))
            if self._ending:
                raise Ending
            changed = carry_over(self._truth, new)
            crew = self._opened(new)
        except BaseException:
            store.resume()
            claim.release_unless(self._claim)
            raise
        before, self._claim = self._claim, claim
        await self._take_over(new, changed, crew)
        before.release_unless(claim)

    def _opened(self, new: Truth) -> Crew:
        """All that another configuration needs of the system, or nothing: logs, sockets, the zone of its workers."""
        crew = self._crew_of(new)
        try:
            open_for(new.configuration, self._logs, self._sockets)
        except BaseException:
            crew.close()
            raise
        return crew

    async def _take_over(self, new: Truth, changed: bool, crew: Crew) -> None:
        """From here on nothing can fail; ``changed`` is whether the new dump file lacks something."""
        if warning := new.configuration.serve_as.warning:
            complain("warn", warning)
        before, watch = self._store, self._watch
        self._truth = new
        self._health.follow(new.upstreams)
        self._store = store_of(new, self._reactor, self._in_thread)
        trylock = new.configuration.http.dyups.dyups_trylock
        self.changes.renew(new.upstreams, self._store, trylock=trylock)
        self._presence.begin(self._verbs())
        self._naming.renew(new.configuration.http, new.upstreams)
        if changed:
            self._store.applied()
        overtake(self.crews, IDLE)
        self._start_crew(crew)
        await before.abandon()
        if watch is not None:
            await watch.stop()
        self._watch = watch_of(new, self.changes, self._reactor, self._in_thread)
        if self._watch is not None:
            self._watch.start()
