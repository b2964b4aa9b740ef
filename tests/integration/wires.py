"""Clients and servers of the integration tests, in the test's own reactor: bytes in, bytes out, nothing more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import maybeDeferred
from twisted.internet.endpoints import (
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    UNIXClientEndpoint,
    connectProtocol,
)
from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import Factory, Protocol
from zope.interface import implementer

from tests.integration.running import until

CHUNK = b"\xa5" * 65536


class Wire(Protocol):
    """A connection that keeps (or only counts) what it is told."""

    def __init__(self, told: Callable[[Wire], None] | None = None) -> None:
        self.data = bytearray()
        self.received = 0
        self.keeping = True
        self.ended = False
        self._told = told

    def dataReceived(self, data: bytes) -> None:
        self.received += len(data)
        if self.keeping:
            self.data += data
        if self._told is not None:
            self._told(self)

    def connectionLost(self, reason: object = None) -> None:
        self.ended = True

    def send(self, data: bytes) -> None:
        """Write."""
        self.transport.write(data)

    async def hears(self, wanted: bytes) -> bytes:
        """Take what has come up to and with ``wanted``, once it has come."""
        await until(lambda: wanted in self.data or self.ended, f"{wanted!r} in {bytes(self.data[-300:])!r}")
        assert wanted in self.data, f"ended after {bytes(self.data[-300:])!r}"
        end = self.data.index(wanted) + len(wanted)
        taken = bytes(self.data[:end])
        del self.data[:end]
        return taken

    async def end(self) -> bytes:
        """Everything, once the other side has closed."""
        await until(lambda: self.ended, "the end of the connection")
        return bytes(self.data)


@implementer(IPullProducer)
class Flood:
    """Sends ``size`` bytes as fast as they are taken, in pieces that ``frame`` dresses; ``sent`` counts payload."""

    def __init__(
        self, wire: Wire, size: int, frame: Callable[[bytes], bytes] = bytes, last: bytes = b""
    ) -> None:
        self.sent = 0
        self._size = size
        self._frame = frame
        self._last = last
        self._transport = wire.transport
        self._transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        """The transport takes more."""
        piece = CHUNK[: self._size - self.sent]
        self.sent += len(piece)
        self._transport.write(self._frame(piece))
        if self.sent == self._size:
            self._transport.write(self._last)
            self._transport.unregisterProducer()

    def stopProducing(self) -> None:
        """The connection is gone."""


def chunk(piece: bytes) -> bytes:
    """``piece`` in the chunked coding."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


class Backend:
    """A listening server: every connection in ``wires``, what it does with data is the test's."""

    def __init__(self, told: Callable[[Wire], None]) -> None:
        self.wires: list[Wire] = []
        self.port: Any = None
        self._told = told

    def build(self, address: object) -> Wire:
        """Twisted's factory asks for a protocol."""
        wire = Wire(self._told)
        self.wires.append(wire)
        return wire

    @property
    def number(self) -> int:
        """The TCP port."""
        return self.port.getHost().port


class Wires:
    """Everything that a test opened on its own side."""

    def __init__(self) -> None:
        self._clients: list[Wire] = []
        self._backends: list[Backend] = []

    async def connect(self, port: int, host: str = "127.0.0.1") -> Wire:
        """A client connected to ``port``."""
        kind = TCP6ClientEndpoint if ":" in host else TCP4ClientEndpoint
        return await self._connected(kind(reactor, host, port))

    async def connect_unix(self, path: str) -> Wire:
        """A client connected to a unix socket."""
        return await self._connected(UNIXClientEndpoint(reactor, path))

    async def _connected(self, endpoint: object) -> Wire:
        wire = await connectProtocol(endpoint, Wire())
        self._clients.append(wire)
        return wire

    def serve(self, told: Callable[[Wire], None], *, port: int = 0, path: str = "") -> Backend:
        """A server whose connections call ``told`` whenever something has come."""
        backend = Backend(told)
        factory = Factory()
        factory.noisy = False
        factory.buildProtocol = backend.build
        if path:
            backend.port = reactor.listenUNIX(path, factory)
        else:
            backend.port = reactor.listenTCP(port, factory, interface="127.0.0.1")
        self._backends.append(backend)
        return backend

    async def shut(self, backend: Backend) -> None:
        """The server is gone, its connections with it."""
        await maybeDeferred(backend.port.stopListening)
        for wire in backend.wires:
            wire.transport.abortConnection()
        await until(lambda: all(wire.ended for wire in backend.wires))

    async def close(self) -> None:
        """Close all; return when it is done."""
        for backend in self._backends:
            await self.shut(backend)
        for wire in self._clients:
            wire.transport.abortConnection()
        await until(lambda: all(wire.ended for wire in self._clients))


def answering(text: bytes) -> Callable[[Wire], None]:
    """A server that answers every request head (without a body) with ``text``, and keeps the connection."""

    def told(wire: Wire) -> None:
        while b"\r\n\r\n" in wire.data:
            del wire.data[: wire.data.index(b"\r\n\r\n") + 4]
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))

    return told
