"""Exchange tests as conversations, with no network: what the client says, what the server hears, what both get.

A :class:`World` is a data plane on a configuration text, with transports in memory and an injected clock.  Clients are
made by ``world.client()``; each connection that the proxy opens appears in ``world.servers`` as a :class:`Wire`, whose
``got`` is what the proxy sent and whose ``say`` answers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import IConsumer, IPushProducer, ITransport
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from dyups.config.build import build
from dyups.config.model import Http, Listen, Location
from dyups.config.parser import Tree, parse_text
from dyups.interfaces import Address, TcpAddress
from dyups.proxy.access.limits import LimitTables
from dyups.proxy.contents import LocationMaker
from dyups.proxy.deadlines import Deadlines
from dyups.proxy.forward.literals import constant_groups
from dyups.proxy.forward.peerlink import IDLE, PeerLink
from dyups.proxy.forward.resolving import TargetNames
from dyups.proxy.listener import Listener
from dyups.proxy.plane import DataPlane
from dyups.proxy.scripting import NO_SCRIPTS, Scripting
from dyups.proxy.serving import Serving
from dyups.proxy.variables import ProxyVariables, variables_of_run_time
from dyups.upstream.map import UpstreamMap
from dyups.upstream.names import CachesOf
from dyups.upstream.resolve import resolve_now

CLIENT = IPv4Address("TCP", "192.0.2.7", 54321)


@implementer(ITransport, IConsumer, IPushProducer)
class Wire:
    """One end of a connection in memory, as a Twisted transport: the proxy holds it, the test is the other end.

    ``high`` bytes not yet read by the test pause the registered producer, as a full socket would; ``read()`` takes
    them and resumes it.
    """

    def __init__(self, protocol: Any, peer: Any, host: Any, high: int = 65536) -> None:
        self.protocol = protocol
        self.got = b""
        self.closing = False
        self.closed = False
        self.aborted = False
        self.write_closed = False
        self.reading = True
        self.writes: list[bytes] = []
        self.high: float = high
        self.in_socket = 0
        """Bytes not read yet that the system holds for us; the rest is the transport's to send."""
        self._peer, self._host = peer, host
        self._producer: Any = None
        self._paused = False
        self._waiting: list[bytes] = []

    # -- the test's side -----------------------------------------------------------------------------------------

    def say(self, data: bytes) -> None:
        """Send ``data`` to the proxy; held back while the proxy does not read."""
        self._waiting.append(data)
        self._deliver()

    def read(self) -> bytes:
        """Take what has come; the proxy may write again."""
        data, self.got = self.got, b""
        if self._paused and not self.closed:
            self._paused = False
            if self._producer is not None:
                self._producer.resumeProducing()
        self._finish()
        return data

    def hang_up(self, clean: bool = True) -> None:
        """Close the other end."""
        self._lost(ConnectionDone() if clean else ConnectionLost())

    def _deliver(self) -> None:
        while self._waiting and self.reading and not self.closed:
            self.protocol.dataReceived(self._waiting.pop(0))

    def _lost(self, reason: Exception) -> None:
        if not self.closed:
            self.closed = True
            if self._producer is not None:
                self._producer.stopProducing()
            self.protocol.connectionLost(Failure(reason))

    # -- the proxy's side: a Twisted transport ---------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        if self.closed or self.closing or self.write_closed:
            return
        assert isinstance(data, bytes)
        self.writes.append(data)
        self.got += data
        if len(self.got) >= self.high and not self._paused:
            self._paused = True
            if self._producer is not None:
                self._producer.pauseProducing()

    def writeSequence(self, data: list[bytes]) -> None:
        self.write(b"".join(data))

    def loseConnection(self) -> None:
        self.closing = True
        self._finish()

    def _finish(self) -> None:
        if self.closing and self._producer is None and len(self.got) < self.high:
            self._lost(ConnectionDone())

    def loseWriteConnection(self) -> None:
        self.write_closed = True

    def abortConnection(self) -> None:
        self.aborted = True
        self._lost(ConnectionAborted())

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert self._producer is None and streaming
        self._producer = producer

    def unregisterProducer(self) -> None:
        self._producer = None
        self._finish()

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True
        self._deliver()

    def stopProducing(self) -> None:
        self.loseConnection()

    def get_write_buffer_size(self) -> int:
        return max(0, len(self.got) - self.in_socket)

    def getPeer(self) -> Any:
        return self._peer

    def getHost(self) -> Any:
        return self._host


class Dialled:
    """A connection that the proxy is opening: accept or refuse it."""

    def __init__(
        self, address: Address, factory: Any, timeout: float, world: World, source: str = ""
    ) -> None:
        self.address, self.timeout, self.source = address, timeout, source
        self.stopped = False
        self._factory, self._world = factory, world

    def accept(self, high: int = 65536) -> Wire | None:
        """The server takes the connection; None where the proxy does not want it any more."""
        protocol = self._factory.buildProtocol(_twisted(self.address))
        if protocol is None:
            return None
        wire = Wire(protocol, _twisted(self.address), IPv4Address("TCP", "127.0.0.1", 40000), high)
        self._world.servers.append(wire)
        protocol.makeConnection(wire)
        return wire

    def refuse(self, error: Exception | None = None) -> None:
        """The connection fails; by default it is refused."""
        refused = ConnectionRefusedError(osError=111)
        self._factory.clientConnectionFailed(self, Failure(error or refused))

    def stopConnecting(self) -> None:
        self.stopped = True


def _twisted(address: Address) -> IPv4Address | UNIXAddress:
    if isinstance(address, TcpAddress):
        return IPv4Address("TCP", address.host, address.port)
    return UNIXAddress(address.path)


class World:
    """A data plane on ``http`` (the inside of an ``http`` block), with a clock that only the test moves.

    ``accept`` decides whether dialled connections stand at once; with False they wait in ``dialled``.
    """

    def __init__(
        self,
        http: str,
        *,
        accept: bool = True,
        high: int = 65536,
        period: float = 1.0,
        resources: dict[str, Callable[[Location], Serving]] | None = None,
        names: CachesOf | None = None,
        scripts: Callable[[World], Scripting] = lambda world: NO_SCRIPTS,
    ) -> None:
        self.clock = Clock()
        variables = ProxyVariables()
        tree = Tree(parse_text("events {}\nhttp {\n" + http + "\n}"), ())
        settings = build(tree, prefix=os.sep, variables=variables, default_port=8080)
        assert settings.http is not None
        self.http: Http = settings.http
        self.upstreams = UpstreamMap(variables_of_run_time(self.http))
        for spec in self.http.upstreams:
            self.upstreams.replace(spec, resolve_now(spec))
        self.accept = accept
        self.high = high
        self.dialled: list[Dialled] = []
        self.servers: list[Wire] = []
        self.clients: list[Wire] = []
        self.deadlines = Deadlines(self.clock, period, self._tick)
        wanted = variables.attempts_wanted
        self.plane = DataPlane(
            self.upstreams, self.deadlines, self._dial, attempts_wanted=wanted, wall=lambda: 1_000_000_000
        )
        self.plane.bodies_wanted = variables.bodies_wanted
        if names is not None:
            self.plane.names = TargetNames(names)
        self.plane.limits = LimitTables(self.http.limit_zones)
        literals, self.warnings = constant_groups(self.http, lenient=True, query=lambda name: ("192.0.2.1",))
        any_literal = self.http.dyups.dyups_literal_targets
        make = LocationMaker(
            self.plane, resources or {}, literals, any_literal=any_literal, scripts=scripts(self)
        )
        self.listeners = [Listener(listen, self.plane, make) for listen in self.http.listens]
        self.deadlines.start()

    def _tick(self) -> None:
        self.plane.tick()

    def _dial(self, address: Address, factory: Any, timeout: float, source: str = "") -> Any:
        dialled = Dialled(address, factory, timeout, self, source)
        self.dialled.append(dialled)
        if self.accept:
            dialled.accept(self.high)
        return dialled

    def client(self, listener: int = 0, high: int = 65536) -> Wire:
        """A client connects to the listener of that number."""
        listen: Listen = self.listeners[listener].listen
        host = IPv4Address("TCP", "127.0.0.1", getattr(listen.address, "port", 0))
        protocol = self.listeners[listener].buildProtocol(None)
        wire = Wire(protocol, CLIENT, host, high)
        self.clients.append(wire)
        protocol.makeConnection(wire)
        return wire

    def ask(self, request: bytes, listener: int = 0) -> bytes:
        """One request on a connection of its own, and the answer that came at once."""
        wire = self.client(listener)
        wire.say(request)
        return wire.read()

    def pass_time(self, seconds: float) -> None:
        """Move the clock, one period at a time."""
        self.clock.pump([self.deadlines.period] * int(seconds / self.deadlines.period + 0.5))


def head(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """An answer as (status, fields by lower-case name, body)."""
    start, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = start.decode("latin-1").split("\r\n")
    fields = dict(line.split(": ", 1) for line in lines)
    return int(first.split()[1]), {name.lower(): value for name, value in fields.items()}, body


def replies(data: bytes) -> list[tuple[int, dict[str, str], bytes]]:
    """Answers one after the other, each with ``Content-Length`` or without a body, as :func:`head` gives them."""
    found = []
    while data:
        start, separator, data = data.partition(b"\r\n\r\n")
        assert separator, start
        status, fields, _ = head(start + separator)
        size = int(fields.get("content-length", "0"))
        assert len(data) >= size, (status, fields, data)
        found.append((status, fields, data[:size]))
        data = data[size:]
    return found


def get(path: str = "/", host: str = "one", *more: str, method: str = "GET") -> bytes:
    """A request without body; ``more`` are further header lines."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *more, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def unrest(world: World) -> list[str]:
    """What is not as it has to be once nothing is under way: counters, pools, connections that are still watched."""
    found: list[str] = []
    for group in world.upstreams.groups():
        peers = list(group.all_peers())
        found += [f"{peer} is active" for peer in peers if peer.active]
        idle = sum(len(peer.idle or ()) for peer in peers)
        if idle != group.pool.idle:
            found.append(f"{group} counts {group.pool.idle} idle connections and has {idle}")
        if idle > group.pool.limit:
            found.append(f"{group} keeps {idle} idle connections, more than keepalive")
    links = [timed for timed in world.deadlines._timed if isinstance(timed, PeerLink)]
    found += [f"{link} is watched" for link in links if link.state != IDLE]
    kept = [
        link for group in world.upstreams.groups() for peer in group.all_peers() for link in peer.idle or ()
    ]
    found += [f"{link} is idle in no pool" for link in links if link.state == IDLE and link not in kept]
    return found


def attributes(kind: type) -> set[str]:
    """The declared attributes of a class, compiled by mypyc or not."""
    return {
        name
        for base in kind.__mro__
        for name in (*getattr(base, "__slots__", ()), *getattr(base, "__mypyc_attrs__", ()))
    }


def complaints(case: SynchronousTestCase) -> list[tuple[str, str]]:
    """What the error log hears until the end of ``case``: level and text of each line."""
    lines: list[tuple[str, str]] = []

    def note(event: dict[str, Any]) -> None:
        if "nginx_level" in event:
            lines.append((str(event["nginx_level"]), str(event["text"])))

    globalLogPublisher.addObserver(note)
    case.addCleanup(globalLogPublisher.removeObserver, note)
    return lines
