"""The data plane of a process, wired: from listening sockets to the upstream map.

A worker has one; everything that it needs of the rest of the process is handed in.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred, succeed
from twisted.internet.interfaces import IListeningPort
from twisted.internet.threads import deferToThreadPool
from twisted.web.resource import IResource

from dyups.admin.check_status import Report, check_status, nothing_checked
from dyups.admin.totals import Everyone, dyups_status, stub_status
from dyups.config.model import Http, Location, ResourceContent, inner_locations
from dyups.metrics.accesslog import AccessLogs
from dyups.proxy.access.limits import LimitTables
from dyups.proxy.contents import LocationMaker
from dyups.proxy.deadlines import Deadlines, period_for
from dyups.proxy.downstream import ClientConnection
from dyups.proxy.forward.literals import constant_groups
from dyups.proxy.forward.resolving import TargetNames
from dyups.proxy.http2.carrier import Carrier
from dyups.proxy.listener import Listener, limits_of
from dyups.proxy.plane import DataPlane, complain
from dyups.proxy.scripting import NO_SCRIPTS
from dyups.proxy.secure.securedial import ChannelTable
from dyups.proxy.serving import Serving
from dyups.proxy.tallies import facts, states
from dyups.proxy.webresource import ResourceServing
from dyups.tls.material import RememberingFiles
from dyups.tls.stapling import Desk
from dyups.tls.terms import TermsTable
from dyups.upstream.map import UpstreamMap
from dyups.upstream.names import Resolvers
from dyups.upstream.resolve import NameQuery
from dyups.workers.dialing import dial_through
from dyups.workers.scripting import ProcessScripts
from dyups.workers.stapling import Fetcher


class ServingSide:
    """Accepts connections and serves them by ``upstreams``.

    ``checks`` tells the state of checked servers, ``query`` knows the addresses of names that stand in the
    configuration outside of upstreams, and ``certificates`` what stood in the files that TLS needs.
    ``shared`` is the descriptor of the memory at whose end all workers count what is limited, and ``everyone`` asks
    all workers what they have counted.
    """

    def __init__(
        self,
        http: Http,
        upstreams: UpstreamMap,
        interface: IResource,
        reactor: Any,
        query: NameQuery,
        *,
        attempts_wanted: bool,
        bodies_wanted: bool = False,
        checks: Report = nothing_checked,
        certificates: Mapping[str, bytes] | None = None,
        scripts: ProcessScripts | None = None,
        shared: int | None = None,
        everyone: Everyone | None = None,
    ) -> None:
        self._reactor = reactor
        self._interface = interface
        self._checks = checks
        self._everyone = everyone or (lambda: succeed([self.totals()]))
        deadlines = Deadlines(reactor, period_for(limits_of(http)), self._tick)
        self.plane = DataPlane(upstreams, deadlines, dial_through(reactor), attempts_wanted=attempts_wanted)
        self.plane.bodies_wanted = bodies_wanted
        self.plane.names = TargetNames(Resolvers(reactor, self._in_thread))
        files = RememberingFiles(certificates)
        terms = TermsTable(files, Desk(Fetcher(reactor)))
        self.plane.channels = ChannelTable(files)
        self.plane.in_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
        self.plane.limits = LimitTables(http.limit_zones, shared)
        self.access_logs = AccessLogs(http, partial(complain, "alert"))
        self.plane.log = self.access_logs.write
        literals, _ = constant_groups(http, lenient=True, query=query)
        make = LocationMaker(
            self.plane,
            {
                "check_status": self._serve_checks,
                "dyups_interface": self._serve_interface,
                "dyups_status": self._serve_status,
                "stub_status": self._serve_stub,
            },
            literals,
            any_literal=http.dyups.dyups_literal_targets,
            scripts=scripts or NO_SCRIPTS,
        )
        self._scripts = scripts
        self._listeners = [Listener(listen, self.plane, make, terms) for listen in http.listens]
        self._ports: list[IListeningPort] = []

    def _in_thread(self, query: NameQuery, name: str) -> Deferred[tuple[str, ...]]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), query, name)

    def _tick(self) -> None:
        self.plane.tick()

    def _serve_interface(self, location: Location) -> Serving:
        return ResourceServing(self._interface, location, self._reactor)

    def _serve_checks(self, location: Location) -> Serving:
        assert isinstance(location.content, ResourceContent)
        page = check_status(self._checks, *location.content.args)
        return ResourceServing(page, location, self._reactor)

    def _serve_status(self, location: Location) -> Serving:
        self.plane.tallied = True
        page = dyups_status(self._everyone, lambda: states(self.plane.upstreams, self._reactor.seconds()))
        return ResourceServing(page, location, self._reactor)

    def _serve_stub(self, location: Location) -> Serving:
        return ResourceServing(stub_status(self._everyone), location, self._reactor)

    def totals(self) -> dict[str, Any]:
        """What this process has counted."""
        return facts(self.plane, self.plane.upstreams)

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return self.plane.counters.active

    def start(self) -> None:
        """Begin to enforce time limits, and to write access logs."""
        if self._scripts is not None:
            self._scripts.start()
        self.plane.deadlines.start()
        self.access_logs.start(self._reactor)
        # However the process ends: what connections tell as they are closed after that is written at once.
        self._reactor.addSystemEventTrigger("before", "shutdown", self.access_logs.stop)

    def accept(self, sockets: Sequence[socket.socket]) -> None:
        """Accept on listening sockets, which stand in the order of the configuration; they stay the caller's."""
        for sock, listener in zip(sockets, self._listeners, strict=True):
            family = socket.AddressFamily(sock.family)
            self._ports.append(self._reactor.adoptStreamPort(sock.fileno(), family, listener))

    def stop_accepting(self) -> Deferred[None]:
        """Accept no more; connections close after the answers under way."""
        self.plane.draining = True
        ports, self._ports = self._ports, []
        closing = DeferredList([maybeDeferred(port.stopListening) for port in ports])
        return closing.addCallback(lambda _: None)

    def end_idle(self, within: float) -> None:
        """Have idle connections close within so many seconds."""
        deadlines = self.plane.deadlines
        deadlines.look()
        for timed in deadlines.watched():
            if isinstance(timed, ClientConnection | Carrier):
                timed.end_idle(deadlines.now + within)

    def stop(self) -> None:
        """Enforce no more time limits, and write what waits for the access logs."""
        if self._scripts is not None:
            self._scripts.stop()
        self.access_logs.stop()
        self.plane.deadlines.stop()


def may_change(http: Http) -> bool:
    """Can upstreams come at run time, or did they: then a name that is unknown now is no error."""
    return bool(http.dyups.dyups_upstream_conf) or api_enabled(http)


def api_enabled(http: Http) -> bool:
    """May scripts change upstreams: with ``dyups_api on``, or where a ``dyups_interface`` is, as in the C module."""
    if http.dyups.dyups_api:
        return True
    return any(
        _has_interface(inner_locations(server)) for listen in http.listens for server in listen.servers
    )


def _has_interface(locations: tuple[Location, ...]) -> bool:
    return any(
        location.content == ResourceContent("dyups_interface") or _has_interface(inner_locations(location))
        for location in locations
    )


class RememberingQuery:
    """Asks for names, and remembers what it was told: the master asks once, for all of its workers."""

    def __init__(self, query: NameQuery) -> None:
        self._query = query
        self.found: dict[str, tuple[str, ...]] = {}

    def __call__(self, name: str) -> tuple[str, ...]:
        """See :data:`~dyups.upstream.resolve.NameQuery`."""
        self.found[name] = found = self._query(name)
        return found


def query_of(found: dict[str, tuple[str, ...]]) -> Callable[[str], tuple[str, ...]]:
    """Answers from what was found before; no address for another name."""
    return lambda name: found.get(name, ())
