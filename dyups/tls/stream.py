"""One connection that speaks TLS: a protocol for the transport below, a transport for the protocol above.

Owns the bytes' way through OpenSSL's memory BIOs, the handshake, and the two ends of a connection (close_notify and the
network's).  Leaves contexts to ``contexts`` and ``terms``; what follows from a handshake is its :class:`Owner`'s
(``proxy.secured`` towards clients, ``proxy.securedial`` towards servers).

Why not Twisted's ``TLSMemoryBIOProtocol``: it gathers writes until the reactor's next turn, with a timer for each, and
tells nobody when a handshake is done or what failed in it.  Here a whole answer is one ``SSL_write`` and one write to
the transport, and what one read of the network brought goes up in one piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from OpenSSL import SSL
from twisted.internet.interfaces import IConsumer, IProtocol, IPushProducer, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

from dyups.tls.openssl import Pipe, ReadFailed, words_of

HANDSHAKE, OPEN, ENDING, OVER = range(4)
STATES = ("HANDSHAKE", "OPEN", "ENDING", "OVER")


class Owner(Protocol):
    """Who made the stream, and hears how its handshake goes."""

    def handshaken(self, stream: TlsStream) -> bool:
        """The handshake is done; False where it is not good enough, and the stream was closed."""
        ...

    def not_handshaken(self, stream: TlsStream, reason: str) -> None:
        """OpenSSL gave up, in nginx's words; its alert has been sent, closing is the owner's."""
        ...

    def refuses(self, stream: TlsStream) -> bytes:
        """An alert to be sent in place of what OpenSSL has to say, after which it is over; empty to go on."""
        ...

    def lost(self, stream: TlsStream, reason: Failure, early: bool) -> None:
        """The connection ended; ``early``: before the handshake was done."""
        ...


@implementer(IProtocol, ITransport, IConsumer, IPushProducer)
class TlsStream:
    """See the module.  ``inner`` is the protocol above, None until there is one."""

    __slots__ = (
        "__weakref__",
        "_client",
        "_owner",
        "_pipe",
        "_producer",
        "_waiting",
        "connection",
        "inner",
        "raw",
        "state",
        "write_raw",
    )

    TLS = True

    def __init__(self, context: SSL.Context, owner: Owner, *, client: bool) -> None:
        self.connection = SSL.Connection(context, None)
        if client:
            self.connection.set_connect_state()
        else:
            self.connection.set_accept_state()
        self._pipe = Pipe(self.connection)
        self._client = client
        self.state = HANDSHAKE
        self.inner: Any = None
        self.raw: Any = None
        self.write_raw: Callable[[bytes], None] = _ignore
        self._owner: Owner | None = owner
        self._producer: Any = None
        self._waiting: list[bytes] = []

    def __repr__(self) -> str:
        return f"<TlsStream of {self.inner!r} {STATES[self.state]}>"

    # -- what the transport below calls --------------------------------------------------------------------------

    def makeConnection(self, transport: Any) -> None:
        """The connection stands; a client says hello."""
        self.raw = transport
        self.write_raw = transport.write
        if self._client:
            self._shake()

    def connectionMade(self) -> None:
        """``makeConnection`` does it all."""

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the network."""
        if self.state == OVER:
            return
        self._pipe.feed(data)
        if self.state == HANDSHAKE:
            self._shake()
            if self.state == HANDSHAKE:
                return
        self._read()

    def connectionLost(self, reason: Failure) -> None:
        """The connection is gone."""
        state, self.state = self.state, OVER
        owner, self._owner = self._owner, None
        self._waiting = []
        if state != HANDSHAKE:
            # However it ended: OpenSSL would forget a session whose connection was not shut down in good order.
            self.connection.set_shutdown(SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN)
        if owner is not None:
            owner.lost(self, reason, state == HANDSHAKE)
        self.connection.set_app_data(None)
        inner, self.inner = self.inner, None
        if inner is not None:
            inner.connectionLost(reason)

    # -- the handshake -------------------------------------------------------------------------------------------

    def _shake(self) -> None:
        owner = self._owner
        assert owner is not None
        failure: Exception | None = None
        done = False
        try:
            self.connection.do_handshake()
            done = True
        except SSL.WantReadError:
            pass
        except Exception as error:  # what a callback raised comes out here too
            failure = error
        if alert := owner.refuses(self):
            self.write_raw(alert)
            self._not_shaken("handshake rejected")
            return
        self._flush()
        if failure is not None:
            self._not_shaken(f"SSL_do_handshake() failed {words_of(failure)}")
        elif done:
            self.state = OPEN
            if owner.handshaken(self) and self._waiting:
                waiting, self._waiting = self._waiting, []
                self.write(b"".join(waiting))

    def _not_shaken(self, reason: str) -> None:
        self.state = OVER
        owner = self._owner
        if owner is not None:
            owner.not_handshaken(self, reason)

    # -- bytes ---------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Bring up what can be read: in one piece, for what is above may be closed or paused by each."""
        problem = ""
        try:
            pieces, ended = self._pipe.read()
        except ReadFailed as failure:
            pieces, ended = failure.pieces, True
            # A connection that ended without a goodbye has ended, as with nginx.
            problem = "" if isinstance(failure.error, SSL.SysCallError) else words_of(failure.error)
        inner = self.inner
        if pieces and inner is not None and self.state != OVER:
            inner.dataReceived(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if ended and self.state != OVER:
            self._ended(problem)

    def _ended(self, problem: str) -> None:
        """The peer has said goodbye, or nonsense: no more comes from it."""
        self._flush()  # the alert, where there is one
        if problem:
            self.raw.abortConnection()
        else:
            self.loseConnection()

    def write(self, data: bytes) -> None:
        """Encrypt and send; what is written before the handshake is done waits for it."""
        if self.state == OPEN:
            if data:
                try:
                    self._pipe.write(data)
                except SSL.Error:
                    self.abortConnection()
                    return
                self._flush()
        elif self.state == HANDSHAKE:
            self._waiting.append(data)

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """See ``ITransport``."""
        self.write(b"".join(data))

    def _flush(self) -> None:
        """Send what OpenSSL has ready."""
        data = self._pipe.take()
        if data:
            self.write_raw(data)

    # -- closing -------------------------------------------------------------------------------------------------

    def _say_goodbye(self) -> None:
        if self.state == OPEN:
            self.state = ENDING
            try:
                self.connection.shutdown()
            except SSL.Error:
                return
            self._flush()

    def loseConnection(self) -> None:
        """Close, once everything has gone out."""
        self._say_goodbye()
        if self._producer is not None:
            self._producer = None
            self.raw.unregisterProducer()
        self.raw.loseConnection()

    def loseWriteConnection(self) -> None:
        """Say that no more will come from us, and go on reading."""
        self._say_goodbye()
        lose = getattr(self.raw, "loseWriteConnection", None)
        if lose is None:
            self.raw.loseConnection()
        else:
            lose()

    def abortConnection(self) -> None:
        """Close at once."""
        self.raw.abortConnection()

    # -- pace ----------------------------------------------------------------------------------------------------

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Everything is in the transport below the moment it is written: it is the one that says stop."""
        self._producer = producer
        self.raw.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        """See ``IConsumer``."""
        if self._producer is not None:
            self._producer = None
            self.raw.unregisterProducer()

    def pauseProducing(self) -> None:
        """Read nothing for now."""
        self.raw.pauseProducing()

    def resumeProducing(self) -> None:
        """Read again."""
        self.raw.resumeProducing()

    def stopProducing(self) -> None:
        """See ``IPushProducer``."""
        self.loseConnection()

    # -- what the transport below knows --------------------------------------------------------------------------

    def getPeer(self) -> Any:
        """See ``ITransport``."""
        return self.raw.getPeer()

    def getHost(self) -> Any:
        """See ``ITransport``."""
        return self.raw.getHost()

    def setTcpNoDelay(self, enabled: bool) -> None:
        """See ``ITCPTransport``."""
        set_no_delay = getattr(self.raw, "setTcpNoDelay", None)
        if set_no_delay is not None:
            set_no_delay(enabled)

    def get_write_buffer_size(self) -> int:
        """Bytes that wait below, -1 where it cannot be known; Twisted's own transports have no call for it."""
        raw = self.raw
        size = getattr(raw, "get_write_buffer_size", None)
        if size is not None:
            return int(size())
        held = getattr(raw, "dataBuffer", None)
        return -1 if held is None else len(held) - int(raw.offset) + int(raw._tempDataLen)

    def fileno(self) -> int:
        """The descriptor, or -1."""
        number = getattr(self.raw, "fileno", None)
        return -1 if number is None else int(number())


def _ignore(data: bytes) -> None:
    """Nothing can be written yet."""
