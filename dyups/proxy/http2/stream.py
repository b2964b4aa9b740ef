"""One request of an HTTP/2 connection: the transport of the ``ClientConnection`` that serves it.

What that connection writes goes out as frames, as fast as the client's windows allow; what the client sends goes in,
and the client's window opens again as fast as somebody takes it.  So back-pressure and time limits are those of any
client's connection.  ``connection`` has the streams and calls them; the frames are ``wire``'s.

A stream is over once all of the answer is sent and its ``ClientConnection`` has closed, which it does behind every
answer; or at once, if either side gives it up.  What a client still sends of a body that nobody wants is read on for a
while, as ``lingering_close`` says, and so long the last frame of the answer waits, unless it is an error: it could go
(RFC 9113 section 8.1), but some clients stall then (curl 7.88), or forget the answer when they are told to stop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IConsumer, IPushProducer, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

from dyups.errors import RequestRefused
from dyups.http1.chunked import LAST_CHUNK, chunk
from dyups.proxy.downstream import ClientConnection
from dyups.proxy.http2.answer import AnswerReader
from dyups.proxy.http2.fields import Fields
from dyups.proxy.http2.wire import ErrorCodes

if TYPE_CHECKING:
    from dyups.proxy.http2.connection import Http2Connection

#: Bytes of an answer that wait for the client: with more than the first, whoever writes is held back, until there are
#: no more than the second.
HIGH: Final = 65536
LOW: Final = 16384
#: What a client may send of a body at a time, once it is served.
BODY_WINDOW: Final = 65536
_DONE: Final = Failure(ConnectionDone())


@implementer(ITransport, IConsumer, IPushProducer)
class Http2Stream:
    """Stream ``number`` of ``connection``."""

    __slots__ = (
        "_chunked",
        "_closing",
        "_connection",
        "_held",
        "_in_ended",
        "_out",
        "_paused",
        "_producer",
        "_reader",
        "_released",
        "_sent",
        "_told",
        "_trailers",
        "client",
        "number",
    )

    def __init__(self, connection: Http2Connection, number: int) -> None:
        self.number = number
        self._connection = connection
        self.client: ClientConnection | None = None
        """Serves the request; None once the stream is over."""
        self._reader = AnswerReader(False)
        self._out = bytearray()
        """What waits of the answer's body."""
        self._trailers: list[tuple[bytes, bytes]] = []
        self._sent = False
        """All of the answer is on its way."""
        self._closing = False
        """Nothing more will be written; what comes is dropped."""
        self._released = False
        """The answer may end before the request has."""
        self._producer: ClientConnection | None = None
        self._told = False
        """Whoever writes was told to wait."""
        self._in_ended = False
        """All of the request has come."""
        self._chunked = False
        self._paused = False
        self._held: list[tuple[bytes, int]] = []
        """What has come of the body while nobody takes it, with the bytes of window that each piece took."""

    def __repr__(self) -> str:
        return f"<Http2Stream {self.number} of {self.client!r}, {len(self._out)} bytes wait>"

    # -- the request ---------------------------------------------------------------------------------------------

    def begin(self, fields: Fields, ended: bool) -> None:
        """The fields have come; ``ended`` if there is no body."""
        connection = self._connection
        client = self.client = self._producer = ClientConnection(connection.plane, connection.terms.routes)
        client.carry(connection.face, self, connection.requests)
        self._in_ended = ended
        try:
            head = connection.terms.heads.read(fields, ended)
        except RequestRefused as refusal:
            told = dict(fields)
            method = told.get(b":method", b"")
            self._reader = AnswerReader(method == b"HEAD")
            client.refuse_head(b"%b %b HTTP/2.0" % (method, told.get(b":path", b"")), refusal)
            return
        self._chunked = head.chunked
        self._reader = AnswerReader(head.method == b"HEAD")
        client.serve_head(head)
        narrow = BODY_WINDOW - connection.terms.settings.http2_body_preread_size
        if not ended and narrow > 0 and not self._sent:
            connection.wire.widen(self.number, narrow)

    def take(self, data: bytes, size: int, ended: bool) -> None:
        """A piece of the body, which took ``size`` bytes of the window; ``ended`` with the last one."""
        self._in_ended = self._in_ended or ended
        if self._chunked:
            data = (chunk(data) if data else b"") + (LAST_CHUNK if ended else b"")
        if self._paused:
            if data or size or ended:  # an empty frame takes no window: there may be any number of them
                self._held.append((data, size))
        else:
            self._deliver(data, size)

    def _deliver(self, data: bytes, size: int) -> None:
        if self.client is not None and data:
            self.client.dataReceived(data)
        if size:
            self._connection.wire.credit(self.number, size)
        if self._in_ended and not self._held:
            if self._sent:
                self._end_if_done()
            else:
                self.send_all()

    def pauseProducing(self) -> None:
        """Whoever serves the request takes no more of the body for now: the client's window fills."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The body is wanted again."""
        self._paused = False
        while self._held and not self._paused:
            self._deliver(*self._held.pop(0))
        self._connection.flush_soon()

    def stopProducing(self) -> None:
        """See ``IPushProducer``."""
        self.abortConnection()

    # -- the answer ----------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """A piece of the answer, as HTTP/1.1 has it."""
        reader = self._reader
        body = reader.feed(data)
        if reader.ended:
            self._trailers = reader.trailers()
        if reader.heads and (body or not reader.ended or self._trailers or self._may_end()):
            self._send_heads(not body and reader.ended and not self._trailers)
        self._out += body
        self.send_all()
        self.keep_pace()
        self._connection.flush_soon()

    def writeSequence(self, data: Any) -> None:
        """See ``ITransport``."""
        self.write(b"".join(data))

    def _send_heads(self, whole: bool) -> None:
        """``whole``: there is nothing behind the last of them."""
        heads, self._reader.heads = self._reader.heads, []
        for head in heads:
            last = whole and head is heads[-1]
            self._connection.wire.send_fields(self.number, head.fields, last)
            self._connection.guard.carried(head.size)
            if last:
                self._is_sent()

    def _may_end(self) -> bool:
        """Is the answer whole, and may it end now?"""
        reader = self._reader
        return reader.ended and (self._in_ended or self._released or reader.status >= 400)

    def _withheld(self) -> bool:
        """Is what is left the last frame, and the request has not ended?"""
        return self._reader.ended and not self._may_end() and len(self._out) <= self._room()

    def waits(self) -> bool:
        """Is there something to be sent, as soon as the window allows?"""
        return not self._sent and (bool(self._out) or self._may_end())

    def send_all(self) -> None:
        """Send what may go."""
        while self.send_piece():
            pass

    def send_piece(self) -> bool:
        """Send one frame of what waits, if that may be; True where there may be another one at once."""
        if not self.waits() or self._connection.write_blocked or self._withheld():
            return False
        if self._reader.heads:
            self._send_heads(True)
            return False
        out, wire, number = self._out, self._connection.wire, self.number
        piece = b""
        if out:
            room = self._room()
            if room <= 0:
                return False
            piece = bytes(out[:room])
            del out[:room]
        last = not out and self._may_end()
        if piece or not self._trailers:
            wire.send_body(number, piece, last and not self._trailers)
            self._connection.sent(len(piece))
        if last:
            if self._trailers:
                wire.send_fields(number, self._trailers, True)
            self._is_sent()
        return bool(out)

    def _room(self) -> int:
        """How many bytes the next frame may have."""
        client = self.client
        if client is None:
            return 0
        return min(self._connection.wire.room(self.number), client.exchange.route.settings.http2_chunk_size)

    def _is_sent(self) -> None:
        self._sent = True
        self._end_if_done()

    def _end_if_done(self) -> None:
        """All of the answer is on its way: is that the end?"""
        if self._released and not self._in_ended:
            self._in_ended = True
            self._connection.wire.reset(self.number, ErrorCodes.NO_ERROR)
        if self._closing and self._in_ended:
            self.over()

    def keep_pace(self) -> None:
        """Hold back whoever writes, while much waits."""
        held = len(self._out)
        producer = self._producer
        if producer is None:
            return
        if self._told:
            if held <= LOW:
                self._told = False
                producer.resumeProducing()
        elif held > HIGH:
            self._told = True
            producer.pauseProducing()

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for the client's window; not those that wait for its request."""
        return 0 if self._withheld() else len(self._out)

    # -- the end -------------------------------------------------------------------------------------------------

    def loseWriteConnection(self) -> None:
        """Nothing more will be written; what comes is read on."""
        if self.client is None:
            return
        self._closing = True
        if self._sent:
            self._end_if_done()
        elif not self._reader.close():
            self.abortConnection()  # the answer is not whole
        else:
            self.send_all()
            self._connection.flush_soon()

    def loseConnection(self) -> None:
        """Nothing more will be written, and what comes is not wanted."""
        self._released = True
        self.loseWriteConnection()

    def abortConnection(self) -> None:
        """Give the stream up."""
        if self.client is not None:
            self._connection.wire.reset(self.number, ErrorCodes.INTERNAL_ERROR)
            self.over()

    def over(self, reason: Failure = _DONE) -> None:
        """The stream is over, for whatever reason."""
        client, self.client = self.client, None
        if client is None:
            return
        self._producer = None
        self._sent = True
        self._out.clear()
        unread, self._held = sum(size for _, size in self._held), []
        if unread:
            self._connection.wire.credit(self.number, unread)
        client.connectionLost(reason)
        self._connection.forget(self)

    # -- what the transport below knows --------------------------------------------------------------------------

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """The connection above is told from the beginning."""

    def unregisterProducer(self) -> None:
        """It need not be told any more."""
        self._producer = None

    def getPeer(self) -> Any:
        """See ``ITransport``."""
        return self._connection.transport.getPeer()

    def getHost(self) -> Any:
        """See ``ITransport``."""
        return self._connection.transport.getHost()
