"""A connection to a server: it frames the server's answers and hands them to the forwarding it is lent to.

Between requests it lies idle in its peer's pool.  States, and what data means in each:

    IDLE     nothing was asked: any byte is out of turn, the connection closes
    HEAD     a response head is due
    LENGTH   a body of known length
    CHUNKED  a chunked body
    CLOSE    a body that ends with the connection
    TUNNEL   bytes both ways as they come (101)
    GONE     closed, or closing: what was written still goes out, for :data:`LAST_WORDS` at most
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, IPushProducer, ITransport
from twisted.python.failure import Failure
from zope.interface import classImplements

from dyups.errors import BadResponse
from dyups.http1.chunked import BadChunk, ChunkedReader
from dyups.http1.request import BARE_END
from dyups.http1.response import read_response
from dyups.proxy.deadlines import NEVER
from dyups.proxy.forward.faults import Fault
from dyups.proxy.forward.plan import Channel

if TYPE_CHECKING:
    from dyups.proxy.forward.attempt import Forwarding
    from dyups.proxy.plane import DataPlane
    from dyups.upstream.peer import Peer

IDLE: Final = 0
HEAD: Final = 1
LENGTH: Final = 2
CHUNKED: Final = 3
CLOSE: Final = 4
TUNNEL: Final = 5
GONE: Final = 6
STATE_NAMES = ("IDLE", "HEAD", "LENGTH", "CHUNKED", "CLOSE", "TUNNEL", "GONE")

#: Seconds that a closing connection may take to bring out what was written to it.
LAST_WORDS = 10.0

_READING = " while reading response header from upstream"


def probe(transport: ITransport) -> None:
    """``proxy_socket_keepalive``; a unix socket has nothing to probe."""
    set_keep_alive = getattr(transport, "setTcpKeepAlive", None)
    if set_keep_alive is not None:
        set_keep_alive(True)


class PeerLink:
    """One connection to ``peer``."""

    __slots__ = (
        "_held",
        "_reader",
        "blocked",
        "channel",
        "deadline",
        "forwarding",
        "heard",
        "left",
        "made",
        "paused",
        "peer",
        "plane",
        "received",
        "requests",
        "state",
        "transport",
        "write",
    )

    def __init__(self, plane: DataPlane, peer: Peer, forwarding: Forwarding) -> None:
        self.plane = plane
        self.peer = peer
        self.forwarding: Forwarding | None = forwarding
        """None while it lies idle, and from its end on."""
        self.channel: Channel | None = None
        """What it has in common with those that it may stand for; None for a plain connection."""
        self.state = HEAD
        self.deadline = NEVER
        self.requests = 0
        self.paused = False
        """The client is slow: we read nothing."""
        self.blocked = False
        """The server is slow: it takes no more for now."""
        self.left = 0
        self.heard = False
        """Something of the present answer has come."""
        self.received = 0
        """Bytes of the present answer so far."""
        self._held = b""
        self._reader: ChunkedReader | None = None

    def __repr__(self) -> str:
        return f"<PeerLink {self.peer.name.decode()} {STATE_NAMES[self.state]} requests={self.requests}>"

    # -- life --------------------------------------------------------------------------------------------------

    def makeConnection(self, transport: ITransport) -> None:
        """The connection stands: send what it was opened for."""
        self.transport = transport
        self.write = transport.write
        self.made = self.plane.deadlines.now
        transport.registerProducer(self, True)  # type: ignore[attr-defined]
        self.plane.deadlines.watch(self)
        forwarding = self.forwarding
        assert forwarding is not None  # a dial that nobody waits for makes no link
        if forwarding.plan.probes:
            probe(transport)
        forwarding.connected(self)

    def connectionMade(self) -> None:
        """``makeConnection`` does it all."""

    def lend(self, forwarding: Forwarding) -> None:
        """Out of the pool: serve ``forwarding``."""
        self.forwarding = forwarding
        self.state = HEAD
        self.heard = False
        self.received = 0

    def rest(self, timeout: float) -> None:
        """Into the pool: close after ``timeout`` seconds without use."""
        self.forwarding = None
        self.state = IDLE
        self.deadline = self.plane.deadlines.now + timeout
        if self.paused:
            self.resume()

    def pause(self) -> None:
        """Read nothing for now."""
        if not self.paused and self.state != GONE:
            self.paused = True
            self.transport.pauseProducing()  # type: ignore[attr-defined]

    def resume(self) -> None:
        """Read again."""
        if self.paused:
            self.paused = False
            if self.state != GONE:
                self.transport.resumeProducing()  # type: ignore[attr-defined]

    def discard(self) -> None:
        """Close; what was written goes out first, unless the server has stopped taking it."""
        if self.state != GONE:
            self.state = GONE
            self.forwarding = None
            if self.blocked:
                self._abort()
            else:
                self.deadline = self.plane.deadlines.now + LAST_WORDS
                self.transport.unregisterProducer()  # type: ignore[attr-defined]
                self.transport.loseConnection()

    def _abort(self) -> None:
        self.deadline = NEVER
        self.transport.abortConnection()  # type: ignore[attr-defined]

    def connectionLost(self, reason: Failure) -> None:
        """The server closed, or the network did."""
        state, forwarding = self.state, self.forwarding
        self.state = GONE
        self.forwarding = None
        self.plane.deadlines.forget(self)
        if state == IDLE:
            self.peer.drop_idle(self)
        elif forwarding is not None:
            self._tell_lost(state, forwarding, reason.check(ConnectionDone) is not None)

    def _tell_lost(self, state: int, forwarding: Forwarding, clean: bool) -> None:
        """A body without a length is whole only if the server closed in good order (RFC 9112 section 8)."""
        if state == TUNNEL:
            forwarding.tunnel_ended()
        elif state == CLOSE and clean:
            forwarding.body_ended()
        elif state != HEAD:
            reset = "recv() failed (104: Connection reset by peer)"
            forwarding.broke_off(
                f"{'upstream prematurely closed connection' if clean else reset} while reading upstream"
            )
        elif clean:
            forwarding.failed(Fault.CLOSED)
        else:
            forwarding.failed(Fault.CLOSED, f"recv() failed (104: Connection reset by peer){_READING}")

    def timed_out(self) -> None:
        """The sweep found our deadline passed."""
        state, forwarding = self.state, self.forwarding
        if state == IDLE:
            self.peer.drop_idle(self)
            self.discard()
        elif forwarding is not None:
            forwarding.timed_out()
        else:
            self._abort()

    # -- what the server sends ---------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the server."""
        state = self.state
        forwarding = self.forwarding
        if forwarding is None:
            if state == IDLE:
                self.peer.drop_idle(self)
                self.discard()
            return
        self.received += len(data)
        if state == HEAD:
            self._head(data, forwarding)
        elif state == LENGTH:
            self._length(data, forwarding)
        elif state == CHUNKED:
            self._chunked(data, forwarding)
        else:
            forwarding.body(data)

    def _head(self, data: bytes, forwarding: Forwarding) -> None:
        self.heard = True
        if self._held:
            start = max(0, len(self._held) - 3)  # before that there is no end of a head
            data = self._held + data
            self._held = b""
            if data.find(b"\r\n\r\n", start) < 0 and BARE_END(data, start) is None:
                self._hold(data, forwarding)
                return
        while True:
            raw, mark, rest = data.partition(b"\r\n\r\n")  # costs a third of find and two slices
            if not mark:
                bare = BARE_END(data)
                if bare is None:
                    self._hold(data, forwarding)
                    return
                raw = data[: bare.end()]  # the reader finds the end again
            if len(raw) > forwarding.plan.head_limit:
                self._too_big(forwarding)
                return
            try:
                head = read_response(raw)
            except BadResponse as error:
                forwarding.failed(Fault.BAD_HEAD, f"{error}{_READING}")
                return
            if head.length != len(raw) + 4:
                rest = data[head.length :]
            if head.status >= 200 or head.status == 101:
                break
            # 100 and 102 are for us alone, 103 mostly; the head that counts follows.
            if head.status == 103 and forwarding.plan.hints:
                forwarding.hints_came(head)
            data = rest
            if not data:
                return
        forwarding.head_came(head, rest)

    def _hold(self, data: bytes, forwarding: Forwarding) -> None:
        if len(data) > forwarding.plan.head_limit + 3:
            self._too_big(forwarding)
        elif data[:7] != b"HTTP/1."[: len(data)]:
            forwarding.failed(Fault.BAD_HEAD, f"upstream sent no valid HTTP/1.0 header{_READING}")
        else:
            self._held = data

    def _too_big(self, forwarding: Forwarding) -> None:
        forwarding.failed(Fault.BAD_HEAD, f"upstream sent too big header{_READING}")

    def await_length(self, left: int) -> None:
        """The rest of the body has ``left`` bytes."""
        self.state = LENGTH
        self.left = left

    def await_chunks(self, reader: ChunkedReader) -> None:
        """The rest of the body is chunked."""
        self.state = CHUNKED
        self._reader = reader

    def _length(self, data: bytes, forwarding: Forwarding) -> None:
        left = self.left - len(data)
        if left > 0:
            self.left = left
            forwarding.body(data)
        elif left == 0:
            self.left = 0
            forwarding.last_body(data, b"")
        else:
            whole = self.left
            self.left = 0
            forwarding.last_body(data[:whole], data[whole:])

    def _chunked(self, data: bytes, forwarding: Forwarding) -> None:
        reader = self._reader
        assert reader is not None
        try:
            body = reader.feed(data)
        except BadChunk as error:
            forwarding.broke_off(f"upstream sent invalid chunked response: {error}")
            return
        if reader.rest is None:
            if body:
                forwarding.body(body)
        else:
            self._reader = None
            forwarding.last_body(body, reader.rest)

    # -- the transport about our writes --------------------------------------------------------------------------

    def pauseProducing(self) -> None:
        """The server takes no more of the request for now."""
        self.blocked = True
        if self.forwarding is not None:
            self.forwarding.server_paused()

    def resumeProducing(self) -> None:
        """The server takes more."""
        self.blocked = False
        if self.forwarding is not None:
            self.forwarding.server_resumed()

    def stopProducing(self) -> None:
        """The transport is gone; ``connectionLost`` tells."""


class LinkFactory:
    """Makes the link of one dial, and hears if there is none."""

    __slots__ = ("_forwarding", "_peer", "_plane", "channel")

    noisy = False

    def __init__(self, plane: DataPlane, peer: Peer, forwarding: Forwarding) -> None:
        self._plane = plane
        self._peer = peer
        self._forwarding: Forwarding | None = forwarding
        self.channel: Channel | None = None
        """What the link may stand in for; None for a plain one."""

    def forget(self) -> None:
        """Nobody waits for this dial any more."""
        self._forwarding = None

    def doStart(self) -> None:
        """Twisted's factory life cycle."""

    def doStop(self) -> None:
        """Twisted's factory life cycle."""

    def startedConnecting(self, connector: object) -> None:
        """Twisted's client factory life cycle."""

    def buildProtocol(self, addr: IAddress) -> PeerLink | None:
        """The connection stands."""
        forwarding, self._forwarding = (
            self._forwarding,
            None,
        )  # the connector keeps us for as long as the link lives
        if forwarding is None:
            return None
        link = PeerLink(self._plane, self._peer, forwarding)
        link.channel = self.channel
        return link

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        """There will be no connection."""
        if self._forwarding is not None:
            self._forwarding.dial_failed(reason)

    def clientConnectionLost(self, connector: object, reason: Failure) -> None:
        """The link knows already."""


# Not by the decorator: mypyc compiles no class that is decorated.
classImplements(PeerLink, IProtocol, IPushProducer)
classImplements(LinkFactory, IProtocolFactory)
