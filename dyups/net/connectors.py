"""Outgoing connections, and connected sockets that somebody else made.

Owns the attempt: from ``connect()`` until uvloop hands over a transport, or until it fails, is cancelled or takes too
long.  The connector itself (states, time limit, what the factory is told) is Twisted's.  ``reactor`` makes these.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from typing import TYPE_CHECKING, Any

from twisted.internet import abstract, address, base, error, tcp
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.internet.protocol import Protocol
from twisted.python import lockfile
from twisted.python.failure import Failure

from dyups.net.bridge import log
from dyups.net.eager import Eager, done, hand_over
from dyups.net.reasons import why_not_connected
from dyups.net.streams import TcpBridge, UnixBridge

if TYPE_CHECKING:
    from dyups.net.reactor import UvloopReactor


class Attempt:
    """One try to connect; the connector's ``transport`` until there is a real one.

    It is the ``Origin`` of the connection it makes.
    """

    __slots__ = ("_connecting", "_dialling", "_done", "_handing_over", "connector", "reactor")

    is_client = True
    reading = False

    def __init__(self, connector: Any, reactor: UvloopReactor) -> None:
        self.connector = connector
        self.reactor = reactor
        self._done = False
        self._connecting = False  # else still looking for the address
        reactor.live.add(self)
        self._handing_over: Eager | None = None
        self._dialling = Eager(self.dial(reactor.loop), reactor.loop, self._failed)

    def _failed(self, exc: Exception) -> None:
        self.failIfNotConnected(why_not_connected(exc))

    async def dial(self, loop: asyncio.AbstractEventLoop) -> None:
        """Connect a bridge; raise what went wrong."""
        raise error.ConnectError(string="nowhere to go")

    # Origin

    def open(self, bridge: Any) -> IProtocol | None:
        """The factory's protocol, unless the attempt was given up in the meantime."""
        if self._done:
            return None
        self._done = True
        self.reactor.live.discard(self)
        try:
            protocol: IProtocol | None = self.connector.buildProtocol(bridge.getPeer())
        except Exception as exc:
            self.connector.connectionFailed(Failure(error.ConnectError(string=str(exc))))
            raise
        self.connector.transport = bridge
        if protocol is None:
            # The factory's clientConnectionLost is called all the same, so something has to be connected and lost.
            protocol = Refused()
        return protocol

    def closed(self, reason: Failure) -> None:
        self.connector.connectionLost(reason)

    # What a connector calls

    def failIfNotConnected(self, err: BaseException | Failure) -> None:
        """Give up, for the given reason, unless connected or given up already."""
        if self._done:
            return
        self._done = True
        self.reactor.live.discard(self)
        self.cancel()
        self.connector.connectionFailed(err if isinstance(err, Failure) else Failure(err))

    def cancel(self) -> None:
        """End it without telling anybody."""
        self._dialling.cancel()
        if self._handing_over is not None:
            self._handing_over.cancel()

    def stopConnecting(self) -> None:
        """Give up because the user says so."""
        self.failIfNotConnected(error.UserError())

    # What the reactor calls when it stops

    def connectionLost(self, reason: Failure) -> None:
        if self._connecting:
            self.failIfNotConnected(error.ConnectError(string=str(reason.value)))
        elif not self._done:  # Twisted tells nobody in this case
            self._done = True
            self.cancel()

    def logPrefix(self) -> str:
        return "-"


class Refused(Protocol):
    """For a connection whose factory wants no protocol: closes it."""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.loseConnection()


class TcpAttempt(Attempt):
    """An attempt to reach a TCP server."""

    __slots__ = ("_host", "_port", "socket")

    def __init__(self, connector: TcpConnector, reactor: UvloopReactor) -> None:
        self._host, self._port = connector.host, connector.port
        #: Made here only where uvloop does not know how; uvloop's own attempts have a socket that is not to be seen.
        self.socket: socket.socket | None = None
        super().__init__(connector, reactor)

    async def dial(self, loop: asyncio.AbstractEventLoop) -> None:
        host, port = self._host, self._port
        if not 0 <= port <= 65535:
            raise OverflowError("connect_ex(): port must be 0-65535.")  # uvloop would take it modulo 65536
        is_ipv6 = abstract.isIPv6Address(host)
        if self.connector.bindAddress is not None or "%" in host:
            self._make_socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET)
        if not is_ipv6 and not abstract.isIPAddress(host):
            host = await self._resolve(loop, host)
        self._connecting = True
        if self.socket is None:
            await loop.create_connection(self._bridge, host, port)
            return
        await connected(loop, self.socket, numeric(host, port))
        sock, self.socket = self.socket, None
        self._handing_over = hand_over(loop, sock, self._bridge, self._failed)

    def _bridge(self) -> Any:
        return TcpBridge(self)

    async def _resolve(self, loop: asyncio.AbstractEventLoop, host: str) -> str:
        # At the next turn, as Twisted: a resolver that knows the answer at once must not get ahead of connectTCP.
        turn = loop.create_future()
        loop.call_soon(done, turn)
        await turn
        found: Deferred[str] = self.reactor.resolve(host)
        return await found.asFuture(loop)

    def _make_socket(self, family: socket.AddressFamily) -> None:
        # uvloop knows neither interface names in addresses nor the ways in which Twisted binds.
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        if self.connector.bindAddress is not None:
            bind(self.socket, self.connector.bindAddress)

    def cancel(self) -> None:
        """End it, and close the socket if it was made here."""
        super().cancel()
        if self.socket is not None:
            self.socket.close()


async def connected(loop: asyncio.AbstractEventLoop, sock: socket.socket, to: tuple[Any, ...]) -> None:
    """Connect ``sock``; unlike uvloop's ``sock_connect`` this honours the scope of an IPv6 address."""
    refusal = sock.connect_ex(to)
    if refusal == errno.EINPROGRESS:
        writable = loop.create_future()
        loop.add_writer(sock, done, writable)
        try:
            await writable
        finally:
            loop.remove_writer(sock)
        refusal = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if refusal:
        raise OSError(refusal, os.strerror(refusal))


def bind(sock: socket.socket, to: Any) -> None:
    """Bind as Twisted's clients do: ``to`` is ``(host, port)`` or what ``tcp.makeBinding`` returns."""
    binding: Any = tcp.makeBinding(*to) if isinstance(to, tuple) else to
    try:
        if binding._reuseAddress:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if binding._reusePort:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(numeric(binding._address, binding._port))
    except OSError as exc:
        raise error.ConnectBindError(exc.errno, exc.strerror) from exc


def numeric(host: str, port: int) -> tuple[Any, ...]:
    """The socket address of a literal IP address; an IPv6 one may name an interface."""
    if not abstract.isIPv6Address(host):
        return (host, port)
    resolved: tuple[Any, ...] = tcp._resolveIPv6(host, port)
    return resolved


class UnixAttempt(Attempt):
    """An attempt to reach a server on a UNIX socket."""

    __slots__ = ("_check", "_path")

    def __init__(self, connector: UnixConnector, reactor: UvloopReactor) -> None:
        self._path = address.UNIXAddress(connector.address).name or b""
        self._check = connector.checkPID
        super().__init__(connector, reactor)

    async def dial(self, loop: asyncio.AbstractEventLoop) -> None:
        self._connecting = True
        if self._check and not lockfile.isLocked(self._path + b".lock"):
            raise error.BadFileError(self._path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            # Done or refused at once.  A full backlog refuses (EAGAIN), as it does for nginx: there is nothing that
            # would tell when to try again.
            sock.connect(self._path)
        except BaseException:
            sock.close()
            raise
        self._handing_over = hand_over(loop, sock, self._bridge, self._failed)

    def _bridge(self) -> Any:
        return UnixBridge(self)


class TcpConnector(tcp.Connector):
    """Twisted's TCP connector with uvloop's attempts."""

    def _makeTransport(self) -> Any:
        return TcpAttempt(self, self.reactor)  # type: ignore[arg-type]


class UnixConnector(base.BaseConnector):
    """A connector to a UNIX socket.  ``checkPID`` asks for the lock file that ``listenUNIX`` makes."""

    def __init__(self, path: Any, factory: Any, timeout: float, reactor: Any, checkPID: bool) -> None:
        super().__init__(factory, timeout, reactor)
        self.address = path
        self.checkPID = checkPID

    def _makeTransport(self) -> Any:
        return UnixAttempt(self, self.reactor)  # type: ignore[arg-type]

    def getDestination(self) -> address.UNIXAddress:
        """Where it connects to."""
        return address.UNIXAddress(self.address)


class Adopted:
    """The ``Origin`` of a connected socket that came from elsewhere."""

    is_client = False

    def __init__(self, reactor: UvloopReactor, factory: IProtocolFactory) -> None:
        self.reactor = reactor
        self._factory = factory

    def adopt(self, sock: socket.socket) -> None:
        """Take over ``sock``; its protocol is built and connected at the loop's next turn."""
        make = UnixBridge if sock.family == socket.AF_UNIX else TcpBridge
        hand_over(self.reactor.loop, sock, lambda: make(self), self._failed)

    def _failed(self, exc: Exception) -> None:
        log.failure("Could not adopt a connection", Failure(exc))

    def open(self, bridge: Any) -> IProtocol | None:
        """A protocol of the factory's."""
        return self._factory.buildProtocol(bridge.getPeer())

    def closed(self, reason: Failure) -> None:
        """Nothing to tell."""
