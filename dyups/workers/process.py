"""One process that serves: everything wired, as a Twisted service.

Made before the process becomes a daemon, so that whatever is wrong (a port in use, an unreadable dump) is said on the
terminal and nothing is started.  ``tap`` makes it.
"""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.interfaces import IListeningPort
from twisted.internet.threads import deferToThreadPool
from twisted.web.resource import IResource

from dyups.admin.resource import dyups_interface
from dyups.config.blocks import no_collection
from dyups.config.model import Http, Location, ResourceContent, Settings, UpstreamSpec
from dyups.control.change import ChangePath
from dyups.control.command import decode
from dyups.control.lock import ChangeLock
from dyups.interfaces import VariableTable
from dyups.metrics.accesslog import AccessLogs, check_access_logs
from dyups.persist.reload import Restored, restore
from dyups.persist.store import open_store
from dyups.persist.watch import DumpWatch
from dyups.proxy.contents import serving_maker
from dyups.proxy.deadlines import Deadlines, period_for
from dyups.proxy.listener import Listener, limits_of
from dyups.proxy.literals import constant_groups
from dyups.proxy.plane import DataPlane, complain
from dyups.proxy.serving import Serving
from dyups.proxy.variables import variables_of_run_time
from dyups.proxy.webresource import ResourceServing
from dyups.upstream.map import UpstreamMap
from dyups.upstream.resolve import ThreadedLookup, resolve_now, resolve_what_can_be
from dyups.workers.dialing import dial_through
from dyups.workers.listening import close_all, open_all

T = TypeVar("T")


class ServingProcess(Service):
    """The proxy in one process: data plane, change path, and the sockets between them and the world."""

    name = "dyups"

    def __init__(self, settings: Settings, http: Http, reactor: Any, *, attempts_wanted: bool = True) -> None:
        self.settings = settings
        self._reactor = reactor
        check_access_logs(http)
        self.access_logs = AccessLogs(http, partial(complain, "alert"))
        variables = variables_of_run_time(http)
        restored = restore(http, decode, variables=variables)
        self.upstreams = filled_map(restored, variables)
        literals, warnings = constant_groups(http, lenient=_may_change(http), known=restored.upstreams)
        for damage in restored.damages:
            complain("error", damage)  # at error_log's default level: something that was acknowledged is lost
        for warning in (*restored.warnings, *warnings):
            complain("warn", warning)
        deadlines = Deadlines(reactor, period_for(limits_of(http)), self._tick)
        self.plane = DataPlane(
            self.upstreams, deadlines, dial_through(reactor), attempts_wanted=attempts_wanted
        )
        self.plane.log = self.access_logs.write
        self.store = open_store(http.dyups, restored, self._snapshot, reactor, self._in_thread)
        lookup = ThreadedLookup(self._call_in_thread)
        self.changes = ChangePath(self.upstreams, ChangeLock(http.dyups.dyups_trylock), self.store, lookup)
        self._watch = self._dump_watch(http, restored)
        self._interface: IResource = dyups_interface(self.upstreams, self.changes, reactor)
        make = serving_maker(
            self.plane,
            {"dyups_interface": self._serve_interface},
            literals,
            any_literal=http.dyups.dyups_literal_targets,
        )
        self._listeners = [Listener(listen, self.plane, make) for listen in http.listens]
        self._sockets = open_all(http.listens)
        self._ports: list[IListeningPort] = []

    def _tick(self) -> None:
        self.plane.tick()

    def _snapshot(self) -> tuple[int, list[UpstreamSpec]]:
        return self.upstreams.sequence, list(self.upstreams.specs())

    def _serve_interface(self, location: Location) -> Serving:
        return ResourceServing(self._interface, location, self._reactor)

    def _in_thread(self, call: Callable[[], T], /) -> Deferred[T]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), call)

    def _call_in_thread(self, call: Callable[..., T], *args: Any) -> Deferred[T]:
        return deferToThreadPool(self._reactor, self._reactor.getThreadPool(), call, *args)

    def _dump_watch(self, http: Http, restored: Restored) -> DumpWatch | None:
        """Somebody else writes the dump file (``dyups_dump off``): follow it."""
        dyups = http.dyups
        if dyups.dyups_dump or not dyups.dyups_upstream_conf:
            return None
        return DumpWatch(
            dyups.dyups_upstream_conf,
            restored.dump,
            self.changes.adopt,
            self._reactor,
            dyups.dyups_read_msg_timeout,
            self._in_thread,
            variables=self.upstreams.variables,
        )

    # -- life --------------------------------------------------------------------------------------------------

    def startService(self) -> None:
        """Begin to accept; the sockets listen already."""
        super().startService()  # type: ignore[no-untyped-call]
        self.plane.deadlines.start()
        self.access_logs.start(self._reactor)
        for sock, listener in zip(self._sockets, self._listeners, strict=True):
            family = socket.AddressFamily(sock.family)
            port = self._reactor.adoptStreamPort(sock.fileno(), family, listener)
            self._ports.append(port)
        if self._watch is not None:
            self._watch.start()

    @inlineCallbacks
    def stopService(self) -> Any:
        """Accept no more, and bring what is not in the dump file yet to disk."""
        yield super().stopService()  # type: ignore[no-untyped-call]
        self.plane.draining = True
        ports, self._ports = self._ports, []
        for port in ports:
            yield port.stopListening()
        sockets, self._sockets = self._sockets, []
        close_all(sockets)
        if self._watch is not None:
            yield self._watch.stop()
        yield self.store.close()
        self.access_logs.stop()
        self.plane.deadlines.stop()


def filled_map(restored: Restored, variables: VariableTable) -> UpstreamMap:
    """The map a start begins with; ``variables`` are those that keys of its upstreams were checked with.

    A name of the configuration that has no address is a :class:`ConfigError`, as in nginx; an upstream that was
    acknowledged at run time comes back whatever DNS says now.
    """
    upstreams = UpstreamMap(variables)
    configured = set(map(id, restored.configured))
    with no_collection():
        for spec in restored.upstreams:
            if id(spec) in configured:
                upstreams.replace(spec, resolve_now(spec))
            else:
                resolved, failed = resolve_what_can_be(spec)
                for reason in failed:
                    complain("warn", reason)
                upstreams.replace(spec, resolved)
    upstreams.sequence = restored.sequence
    # What is there now mostly stays: the collector need not walk it again and again while requests are served.
    gc.freeze()
    return upstreams


def _may_change(http: Http) -> bool:
    """Can upstreams come at run time, or did they: then a name that is unknown now is no error."""
    if http.dyups.dyups_upstream_conf:
        return True
    return any(_has_interface(server.locations) for listen in http.listens for server in listen.servers)


def _has_interface(locations: tuple[Location, ...]) -> bool:
    return any(
        isinstance(location.content, ResourceContent) or _has_interface(location.locations)
        for location in locations
    )
