"""One connection: a uvloop transport seen as a Twisted transport.

Owns the contract of ``ITCPTransport`` for one connection: what is written when, who is paused, how it ends and what
the protocol is told.  Leaves to ``ports`` and ``connectors`` where connections come from (an :class:`Origin`), to
``streams`` addresses
and socket options, to ``secured`` what ``startTLS`` makes of it, to ``reasons`` the words for an end.

The two calls that happen for every piece of data cost nothing here.  uvloop calls the protocol's own
``dataReceived``: it looks ``data_received`` up once, when the protocol is set, and finds the bound method.  And
``write`` is uvloop's bound ``write``.  Since uvloop raises for a closed transport, where Twisted ignores, ``write`` is
bound to a function that ignores as soon as nothing more may be written.

Order of life: ``connection_made``, then any of pause, resume, ``eof_received``, then ``connection_lost``, once.
"""

from __future__ import annotations

import socket
import struct
from asyncio import AbstractEventLoop, Transport
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    ILoggingContext,
    IProtocol,
)
from twisted.logger import Logger
from twisted.python.failure import Failure

from dyups.net.pull import Pump
from dyups.net.reasons import ABORTED, came_from_the_network, why_lost

if TYPE_CHECKING:
    from dyups.net.reactor import UvloopReactor

log = Logger()

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)


def ignore(data: object) -> None:
    """What ``write`` is when nothing more may be written."""


class Origin(Protocol):
    """Where a connection came from: the port that accepted it, the attempt that made it."""

    reactor: UvloopReactor
    is_client: bool

    def open(self, bridge: Any) -> IProtocol | None:
        """The protocol for a new connection, or None to drop it unseen; an exception drops it too."""
        ...

    def closed(self, reason: Failure) -> None:
        """The protocol has been told that its connection is lost."""
        ...


class Bridge:
    """What TCP and UNIX connections share; ``streams`` has the classes that are made."""

    __slots__ = (
        "_delays",
        "_full",
        "_held",
        "_origin",
        "_paused",
        "_protocol",
        "_raw",
        "_read_closed",
        "_reason",
        "_uv",
        "_write_closing",
        "connected",
        "data_received",
        "disconnecting",
        "producer",
        "write",
    )

    TLS = False
    _uv: Transport
    _raw: Bridge  # what carries the encrypted bytes; unset until startTLS

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._protocol: Any = None
        self.write: Callable[[bytes], None] = ignore
        self.data_received: Callable[[bytes], None] = ignore  # until there is a protocol
        self._delays = False
        self.producer: Any = None
        self.connected = False
        self.disconnecting = False
        self._reason: Failure | None = None  # why it ends, where that is known before uvloop says so
        self._full = False  # uvloop holds more than it likes
        self._paused = False  # the protocol wants no data now
        self._held: list[bytes] | None = None  # came although the protocol had paused in connectionMade
        self._read_closed = False
        self._write_closing = False

    # What uvloop calls

    def connection_made(self, transport: Transport) -> None:
        self._uv = transport
        try:
            protocol = self._origin.open(self)
            if protocol is None:
                transport.abort()
                return
            self._open(protocol)
        except Exception as exc:
            self.fail(exc)

    def _open(self, protocol: IProtocol) -> None:
        self._origin.reactor.live.add(self)
        self.connected = True
        self.write = self._uv.write
        self._protocol = protocol
        made: Any = self
        protocol.makeConnection(made)
        if self._protocol is protocol:  # else startTLS has bound this transport to another
            self._bind(protocol)
            if self._paused:
                self._hold()

    def _bind(self, protocol: IProtocol) -> None:
        self._protocol = protocol
        self.data_received = protocol.dataReceived
        self._uv.set_protocol(self)  # type: ignore[arg-type]

    def pause_writing(self) -> None:
        self._full = True
        if self.producer is not None:
            self.producer.pauseProducing()

    def resume_writing(self) -> None:
        self._full = False
        if self.producer is not None:
            self.producer.resumeProducing()
        elif self._write_closing:
            self._loop.call_soon(self._tell_write_closed)

    def eof_received(self) -> bool:
        if self._paused:  # only right after connectionMade; uvloop finds the end again once reading resumes
            return True
        if IHalfCloseableProtocol.providedBy(self._protocol):
            self._read_closed = True
            self._protocol.readConnectionLost()
        else:
            self._uv.abort()  # Twisted drops what it has not written yet, where uvloop's own answer is to flush
        return True

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._protocol is None:
            return
        if isinstance(exc, OSError) and not came_from_the_network(exc):
            # Of what a protocol raises, uvloop reports all but this to the loop's exception handler.
            log.failure("Unhandled error in {protocol}", Failure(exc), protocol=self._protocol)
        self._end(self._reason or why_lost(exc))

    def _end(self, reason: Failure) -> None:
        protocol, self._protocol = self._protocol, None
        self.write = ignore
        self.connected = False
        self._origin.reactor.live.discard(self)
        if self.producer is not None:
            producer, self.producer = self.producer, None
            producer.stopProducing()
        self.data_received = ignore
        protocol.connectionLost(reason)
        self._origin.closed(reason)

    # What the reactor calls

    @property
    def reactor(self) -> UvloopReactor:
        return self._origin.reactor

    @property
    def _loop(self) -> AbstractEventLoop:
        return self._origin.reactor.loop

    def connectionLost(self, reason: Failure) -> None:
        """End now, not at the loop's next turn: the reactor stops."""
        self._uv.abort()
        if self._protocol is not None:
            self._end(reason)

    def fail(self, exc: BaseException) -> None:
        """Application code raised: say so, and drop this connection only."""
        log.failure("Unhandled error in {protocol}", Failure(exc), protocol=self._protocol)
        self._reason = Failure(exc)
        self.write = ignore
        self._uv.abort()

    # ITransport

    @property
    def protocol(self) -> Any:
        """Whose ``dataReceived`` gets the data; it may be replaced at any time."""
        return self._protocol

    @protocol.setter
    def protocol(self, protocol: IProtocol) -> None:
        self._bind(protocol)

    @property
    def disconnected(self) -> bool:
        return not self.connected

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        try:
            data = b"".join(iovec)
        except TypeError:
            raise TypeError("Data must be bytes") from None
        self.write(data)

    def loseConnection(self) -> None:
        if not self.connected or self.disconnecting:
            return
        self.disconnecting = True
        if self.producer is None:
            self._uv.close()
        else:
            self._uv.pause_reading()  # the close waits for unregisterProducer

    def abortConnection(self) -> None:
        if not self.connected or self._reason is not None:
            return
        self._reason = ABORTED
        self.write = ignore
        self._set_option(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
        self._uv.abort()

    def loseWriteConnection(self) -> None:
        if not self.connected or self._write_closing:
            return
        self._write_closing = True
        if self.producer is None:
            self._send_eof()

    def _send_eof(self) -> None:
        self.write = ignore
        self._uv.write_eof()
        if self._uv.get_write_buffer_size():
            self._uv.set_write_buffer_limits(0, 0)  # so that resume_writing tells when all is out
        else:
            self._loop.call_soon(self._tell_write_closed)

    def _tell_write_closed(self) -> None:
        if not IHalfCloseableProtocol.providedBy(self._protocol):
            return
        try:
            self._protocol.writeConnectionLost()
        except Exception as exc:
            self.fail(exc)

    def getHandle(self) -> Any:
        """uvloop's stand-in for the socket: options and addresses, no I/O; None once closed."""
        return self._uv.get_extra_info("socket")

    def fileno(self) -> int:
        """The descriptor, or -1 once closed."""
        handle = self.getHandle()
        return -1 if handle is None else int(handle.fileno())

    def _set_option(self, level: int, option: int, value: int | bytes) -> None:
        try:
            self.getHandle().setsockopt(level, option, value)
        except (OSError, AttributeError):
            # Closed already, or the peer has gone: nothing depends on it.
            log.debug("Could not set socket option {option} of {bridge}", option=option, bridge=self)

    def get_write_buffer_size(self) -> int:
        """Bytes written that the kernel has not taken yet: tells a slow reader from one that reads nothing."""
        return int(self._uv.get_write_buffer_size()) if self.connected else 0

    # IConsumer

    @property
    def streamingProducer(self) -> bool:
        return not isinstance(self.producer, Pump)

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        if self.producer is not None:
            raise RuntimeError(
                f"Cannot register producer {producer}, because producer {self.producer} was never unregistered."
            )
        if not self.connected:
            producer.stopProducing()
        elif streaming:
            self.producer = producer
            if self._full:
                producer.pauseProducing()
        else:
            self.producer = pump = Pump(producer, self._loop, self.fail)
            if not self._full:
                pump.start()

    def unregisterProducer(self) -> None:
        if isinstance(self.producer, Pump):
            self.producer.pauseProducing()
        self.producer = None
        if not self.connected:
            return
        if self.disconnecting:
            self._uv.close()
        elif self._write_closing:
            self._send_eof()

    def stopConsuming(self) -> None:
        self.unregisterProducer()
        self.loseConnection()

    # IPushProducer

    @property
    def reading(self) -> bool:
        """Whether data would be received now."""
        return self.connected and not (self._paused or self.disconnecting or self._read_closed)

    def pauseProducing(self) -> None:
        self._paused = True
        self._uv.pause_reading()

    def resumeProducing(self) -> None:
        if not self.connected or self.disconnecting or self._read_closed:
            return
        self._paused = False
        if self._held is None:
            self._uv.resume_reading()
        else:
            self._loop.call_soon(self._release)

    def stopProducing(self) -> None:
        self.loseConnection()

    startReading = resumeProducing
    stopReading = pauseProducing

    def _hold(self) -> None:
        # uvloop starts to read after connection_made whatever was paused in it.  One turn of the loop may bring data
        # before that can be stopped; it is kept until the protocol resumes.
        self._held = []
        self.data_received = self._keep
        self._uv.set_protocol(self)  # type: ignore[arg-type]
        self._loop.call_soon(self._stop_reading_again)

    def _stop_reading_again(self) -> None:
        if self._paused:
            self._uv.pause_reading()

    def _keep(self, data: bytes) -> None:
        assert self._held is not None
        self._held.append(data)
        self._uv.pause_reading()

    def _release(self) -> None:
        if self._held is None or self._protocol is None or self._paused:
            return
        held, self._held = self._held, None
        self._bind(self._protocol)
        self._uv.resume_reading()
        try:
            if held:
                self._protocol.dataReceived(b"".join(held))
        except Exception as exc:
            self.fail(exc)

    # ILoggingContext

    def logPrefix(self) -> str:
        if ILoggingContext.providedBy(self._protocol):
            prefix: str = self._protocol.logPrefix()
            return prefix
        return type(self._protocol).__name__

    def __repr__(self) -> str:
        state = "open" if self.connected else "closed"
        return f"<{type(self).__name__} of {self._protocol!r}, {state}>"
