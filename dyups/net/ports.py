"""Listening ports: Twisted's own, except that uvloop accepts and makes the transports.

Owns the uvloop server behind a port.  Everything else (binding, names, lock files, what is logged, ``getHost``) is
Twisted's ``tcp.Port`` and ``unix.Port``.  ``reactor`` makes these.
"""

from __future__ import annotations

import os
import socket
import struct
from asyncio import AbstractServer
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet import tcp, unix
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.logger import Logger
from twisted.python import log as python_log
from twisted.python.failure import Failure

from dyups.net.bridge import Bridge
from dyups.net.streams import TcpBridge, UnixBridge

if TYPE_CHECKING:
    from dyups.net.reactor import UvloopReactor

log = Logger()
Result = TypeVar("Result")

#: Seconds before a port listens again after the system refused to accept.
ACCEPT_AGAIN = 0.1

# Eight bytes, then 32-bit fields of which tcpi_sacked is the sixth (linux/tcp.h, struct tcp_info).
_SACKED = struct.Struct("=28xI")


def finished(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that has nothing to wait for; uvloop's servers on a given socket are such."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: Result = done.value
        return result
    coroutine.close()
    raise RuntimeError("expected to be done at once")


class GivenAway(socket.socket):
    """A listening socket in uvloop's hands.

    uvloop detaches the socket object when it closes the server: when told to, and also by itself, without a word,
    when ``accept`` fails for want of memory and the like.  ``taken`` is called then.
    """

    taken: Callable[[], None] | None = None

    def detach(self) -> int:
        taken, self.taken = self.taken, None
        if taken is not None:
            taken()
        return super().detach()


class Accepting:
    """The part of a port that is the same for TCP and UNIX; it is the ``Origin`` of accepted connections.

    A factory that has an ``asks_address`` which is false is told None for a peer's address: to make one takes a good
    part of what a new connection costs.  It is looked up all the same, and kept by uvloop: of a connection that was
    reset before we saw it the system knows no address any more.
    """

    reactor: Any
    factory: Any
    socket: Any
    backlog: int
    connected: Any
    is_client = False
    make: type[Bridge]
    reading = True
    adopted = False
    asks_address = True
    _server: AbstractServer | None = None
    _given: GivenAway | None = None

    def open(self, bridge: Any) -> IProtocol | None:
        """A protocol of the factory's for a connection just accepted."""
        if not bridge.knows_peer():
            return None  # it has left already
        peer = bridge.getPeer() if self.asks_address else None
        protocol: IProtocol | None = self.factory.buildProtocol(peer)
        return protocol

    def closed(self, reason: Failure) -> None:
        """Nothing is kept per connection."""

    def startReading(self) -> None:
        """Accept, until :meth:`stopReading`."""
        if self._server is not None:
            return
        self.asks_address = getattr(self.factory, "asks_address", True)
        loop: Any = self.reactor.loop
        given = GivenAway(
            self.socket.family, self.socket.type, self.socket.proto, os.dup(self.socket.fileno())
        )
        given.taken = self._refused
        factory = partial(self.make, self)
        backlog = listen_backlog(self.socket, None if self.adopted else self.backlog)
        if given.family == socket.AF_UNIX:
            # cleanup_socket: from Python 3.13 on uvloop would remove the file, which is for the port to do.
            self._server = finished(
                loop.create_unix_server(factory, sock=given, backlog=backlog, cleanup_socket=False)
            )
        else:
            self._server = finished(loop.create_server(factory, sock=given, backlog=backlog))
        self._given = given
        self.reactor.live.add(self)

    def stopReading(self) -> None:
        """Accept no more; the socket stays bound."""
        server, self._server = self._server, None
        if server is not None and self._given is not None:
            self._given.taken = None
            server.close()
        self.reactor.live.discard(self)

    def _refused(self) -> None:
        self._server = None
        if self.reactor.loop.is_closed():
            return
        log.error("Accepting on {port} failed, trying again", port=self)
        self.reactor.loop.call_later(ACCEPT_AGAIN, self._accept_again)

    def _accept_again(self) -> None:
        if self.connected and self in self.reactor.live:
            self.startReading()


class TcpPort(Accepting, tcp.Port):
    """A TCP port."""

    make = TcpBridge

    @classmethod
    def adopt(cls, reactor: UvloopReactor, fd: int, family: int, factory: IProtocolFactory) -> TcpPort:
        """A port on a duplicate of the listening socket ``fd``; closing it leaves ``fd`` listening."""
        port: TcpPort = cls._fromListeningDescriptor(  # type: ignore[no-untyped-call]
            reactor, fd, family, factory
        )
        port.adopted = True
        return port


class UnixPort(Accepting, unix.Port):
    """A UNIX stream port.  An adopted one leaves the file in place, for whoever made the socket."""

    make = UnixBridge

    @classmethod
    def adopt(cls, reactor: UvloopReactor, fd: int, factory: IProtocolFactory) -> UnixPort:
        """A port on a duplicate of the listening socket ``fd``."""
        port: UnixPort = cls._fromListeningDescriptor(  # type: ignore[no-untyped-call]
            reactor, fd, factory
        )
        port.adopted = True
        port._shouldShutdown = False  # it would end accepting for all who share the socket
        return port

    def startListening(self) -> None:
        """Bind and listen; an adopted socket has its mode and backlog from its maker."""
        if not self.adopted:
            super().startListening()  # type: ignore[no-untyped-call]
            return
        python_log.msg(f"{self._getLogPrefix(self.factory)} starting on {os.fsdecode(self._bindPath)!r}")
        self.factory.doStart()
        self.socket, self._preexistingSocket = self._preexistingSocket, None
        self.fileno = self.socket.fileno  # type: ignore[method-assign]
        self.connected = True
        self.startReading()

    def connectionLost(self, reason: Failure) -> None:
        """Close, and remove the file if this port made it."""
        if self.adopted:
            tcp.Port.connectionLost(self, reason)
        else:
            super().connectionLost(reason)  # type: ignore[no-untyped-call]


def listen_backlog(listener: socket.socket, wanted: int | None) -> int:
    """The backlog to give to uvloop, which calls ``listen(2)`` once more and so sets it anew.

    For an adopted socket (``wanted`` is None) that is the one it has.  Linux tells it in ``tcp_info``
    (``tcpi_sacked`` of a listening socket); where it cannot be known, the most that the system allows.
    """
    if wanted is not None:
        return wanted
    try:
        info = listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SACKED.size)
    except (OSError, AttributeError):
        return socket.SOMAXCONN
    backlog: int = _SACKED.unpack(info)[0]
    return backlog
