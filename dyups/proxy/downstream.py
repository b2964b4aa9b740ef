"""A client's connection, the half that takes in: request heads and bodies, one request at a time.

``answering`` is the half that gives out.  States, and what data means in each:

    HEAD     a request head is due, or has begun
    BODY     the request's body is coming; its answer may be under way or done already
    BUSY     the request is whole, its answer is under way; more bytes are the next request's (pipelining)
    TUNNEL   bytes both ways as they come
    LINGER   we are done and have said so; what comes is dropped until the client has read our answer
    GONE     closed

What the transport reports comes in at the top (``dataReceived``, ``pauseProducing``, ``connectionLost``); what serves a
location drives the rest through :class:`~dyups.proxy.client.ClientSide`.
"""

from __future__ import annotations

from typing import Final

from twisted.internet.interfaces import IProtocol, IPushProducer, ITransport
from twisted.python.failure import Failure
from zope.interface import classImplements

from dyups.errors import RegexFailed, RequestRefused
from dyups.http1.chunked import BadChunk, ChunkedReader
from dyups.http1.request import BARE_END, RequestHead, read_request
from dyups.http1.target import normalise
from dyups.proxy import answers
from dyups.proxy.client import TlsSide
from dyups.proxy.deadlines import NEVER
from dyups.proxy.exchange import BROKEN_OFF
from dyups.proxy.pace import BODY, BUSY, GONE, HEAD, LINGER, TUNNEL, ignore
from dyups.proxy.phases import ClientPhases
from dyups.proxy.plane import DataPlane, complain
from dyups.proxy.route import ListenRoutes
from dyups.proxy.serving import DISCARD

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
#: Bytes of further requests that are taken in while one is answered.
MOST_AHEAD: Final = 65536
#: No request begins with a byte below this one.
_FIRST_TEXT: Final = 0x20


class ClientConnection(ClientPhases):
    """One connection of a client to ``routes``."""

    __slots__ = ("_body_left", "_counted", "_reader", "_started_head")

    def __init__(self, plane: DataPlane, routes: ListenRoutes) -> None:
        super().__init__(plane, routes)
        self._body_left = 0
        self._reader: ChunkedReader | None = None
        self._started_head = False
        self._counted = 1
        """How many connections it is: 0 for a part of another one."""

    # -- life --------------------------------------------------------------------------------------------------

    def makeConnection(self, transport: ITransport) -> None:
        """A client connected."""
        self.transport = transport
        self.write = transport.write
        counters = self.plane.counters
        counters.accepted += 1
        counters.active += 1
        self._number = counters.accepted
        self.deadline = self.plane.deadlines.now + self.routes.header_timeout
        self.plane.deadlines.watch(self)
        set_no_delay = getattr(transport, "setTcpNoDelay", None)  # a unix socket has none
        if set_no_delay is not None:
            set_no_delay(self.routes.no_delay)
        transport.registerProducer(self, True)  # type: ignore[attr-defined]

    def carry(self, face: ClientConnection, transport: ITransport, nth: int) -> None:
        """Serve the ``nth`` request of ``face``, which carries several at a time: ``transport`` is its part of it.

        The head comes by :meth:`serve_head` or :meth:`refuse_head`; the transport ends with the answer.
        """
        self.transport = transport
        self.write = transport.write
        self._counted = 0
        self._close = True
        self._number, self._since, self._requests = face._number, face._since, nth - 1
        self.secured, self.announced = face.secured, face.announced
        self._client_address, self._local_address = face.connection_address(), face.local_address()
        self.plane.deadlines.watch(self)

    def connectionMade(self) -> None:
        """``makeConnection`` does it all."""

    def connectionLost(self, reason: Failure) -> None:
        """The client is gone."""
        if self.state != GONE:
            self._leave()

    def _leave(self) -> None:
        state, self.state = self.state, GONE
        self.write = ignore
        self.deadline = NEVER
        self.plane.deadlines.forget(self)
        self.plane.counters.active -= self._counted
        sink, self._sink = self._sink, DISCARD
        done = self._answered and state != TUNNEL
        if not done:
            if not self.exchange.status:
                self.exchange.status = 499
            if state != TUNNEL:
                self.exchange.user[BROKEN_OFF] = b"1"
            self._answered = True
            sink.client_gone()
            self._over()
        elif state == HEAD and self._started_head:
            self._unread(self._ahead)  # a request all the same: nginx logs it as 400
            self.exchange.status = 400
            self._over()
        if done:
            self._forwarding = None
            self.exchange.forget_client()

    def waits(self) -> bool:
        """Is it idle, before a request that has not begun to come?"""
        return self.state == HEAD and not self._started_head

    # -- what the client sends ---------------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        state = self.state
        if state == HEAD and not self.write_blocked:
            self._heads(self._ahead + data if self._ahead else data)
        elif state == BODY:
            self._body(data)
        elif state in (BUSY, HEAD):
            self._ahead += data
            if len(self._ahead) > MOST_AHEAD:
                self._pause_ahead()
        elif state == TUNNEL:
            self._sink.take_body(data, False)
        elif state == LINGER:
            self._lingered()

    def _heads(self, data: bytes) -> None:
        """Serve request after request, as long as whole heads are there and answers are done."""
        self._in_heads = True
        self._serve_heads(data)
        self._in_heads = False
        if self._paused or len(self._ahead) > MOST_AHEAD:
            self._keep_pace()

    def _keep_pace(self) -> None:
        """Take in as much as can be of use: what comes ahead is bounded, but a head that is due must come whole."""
        waits = self.state == BUSY or self.write_blocked
        if self.state in (HEAD, BUSY):
            if waits and len(self._ahead) > MOST_AHEAD:
                self._pause_ahead()
            else:
                self.resume_body()

    def _serve_heads(self, data: bytes) -> None:
        while True:
            if len(data) and (data[0] == 13 or data[0] == 10):
                data = data.lstrip(b"\r\n")  # RFC 9112 section 2.2: empty lines before a request do not count
            raw, mark, rest = data.partition(b"\r\n\r\n")  # costs a third of find and two slices
            if not mark:
                bare = BARE_END(data)
                if bare is None:
                    self._part_of_head(data)
                    return
                raw = data[: bare.end()]  # the reader finds the end again
            if len(raw) > self.routes.line_limit and not self._fits(data, len(raw)):
                return
            self._begin(data, raw, rest)
            if self.state != HEAD or self.write_blocked or not self._ahead:
                return
            self._ahead_of = self._requests + 1
            data = self._ahead

    def _part_of_head(self, data: bytes) -> None:
        self._ahead = data
        if data and not self._started_head:
            if data[0] < _FIRST_TEXT:  # a TLS handshake may, and waits for an answer
                self._unread(data)
                self._refuse_head(RequestRefused(400, "client sent invalid method"))
                return
            self._started_head = True
            self.deadline = self.plane.deadlines.now + self.routes.header_timeout
        if len(data) > self.routes.line_limit:
            self._fits(data, len(data))

    def _fits(self, data: bytes, end: int) -> bool:
        """``large_client_header_buffers``: no line beyond the size of one buffer, all lines within all buffers."""
        bare = BARE_END(data, 0, end)
        if bare is not None:
            end = bare.start()
        line_limit = self.routes.line_limit
        first = data.find(b"\n", 0, end)
        if data[0] < _FIRST_TEXT:
            refusal = RequestRefused(400, "client sent invalid method")
        elif (first if first >= 0 else end) > line_limit:
            refusal = RequestRefused(414, "client sent too long URI")
        elif end > self.routes.head_limit or any(len(x) > line_limit for x in data[:end].split(b"\n")):
            refusal = RequestRefused(431, "client sent too large request")
        else:
            return True
        self._unread(data)
        self._refuse_head(refusal)
        return False

    def _begin(self, data: bytes, raw: bytes, rest: bytes) -> None:
        """``raw`` is a whole head, ``rest`` follows in ``data`` if it ends as most do: read it, route it, serve it."""
        exchange = self.exchange
        try:
            head = read_request(raw, self.routes.default.acceptance, exchange.head)
        except RequestRefused as refusal:
            self._unread(data)
            self._refuse_head(refusal)
            return
        self._ahead = rest if head.length == len(raw) + 4 else data[head.length :]
        self.serve_head(head)

    def refuse_head(self, line: bytes, refusal: RequestRefused) -> None:
        """Nobody can serve the request whose head began with ``line``."""
        self._unread(line)
        self._refuse_head(refusal)

    def serve_head(self, head: RequestHead) -> None:
        """A head was read: route it, serve it; what follows it is in ``_ahead`` or yet to come."""
        exchange = self.exchange
        self._started_head = False
        self._requests += 1
        self._answered = False
        self.plane.counters.requests += 1
        self.deadline = NEVER
        exchange.renew(head)
        try:
            exchange.server = server = self.routes.server_for(exchange)
        except RegexFailed as failure:
            self._nobodys(failure)
            return
        exchange.route = server.root
        exchange.args = head.args
        exchange.uri = head.uri if server.merge_slashes else normalise(head.target, merge_slashes=False)[0]
        if self.secured is not None and self._turned_away(self.secured, head):
            return
        if head.has_body() or head.expects_continue:
            self._serve_with_body(head)
        else:
            self.state = BUSY
            sink = self._serve(b"", True, 0)
            if not self._answered and self._sink is DISCARD:  # else it was sent elsewhere meanwhile
                self._sink = sink

    def _nobodys(self, failure: RegexFailed) -> None:
        """Whose request it is takes too long to find out: no answer (``ngx_http_set_virtual_server``)."""
        exchange = self.exchange
        exchange.server = self.routes.default
        exchange.route = exchange.server.root
        complain("alert", self.context(str(failure)))
        exchange.status = 500
        self.cut()

    def _turned_away(self, secured: TlsSide, head: RequestHead) -> bool:
        """Plain HTTP where TLS is due, or not the certificate that is: a page, and the connection's end."""
        status = secured.refusal(self.exchange.server)
        if not status:
            return False
        self.state = BUSY
        self._close = True
        if head.has_body():
            self._ahead = b" "  # whatever there is of it: linger
        answers.send_page(self, status, b"", None)
        return True

    # -- the request's body ------------------------------------------------------------------------------------

    def _serve_with_body(self, head: RequestHead) -> None:
        self._reader = ChunkedReader() if head.chunked else None
        self._body_left = max(head.content_length, 0)
        data, self._ahead = self._ahead, b""
        try:
            piece, ended = self._cut_body(data)
        except BadChunk as error:
            self._refuse_head(RequestRefused(400, f"client sent invalid chunked body: {error}"))
            return
        self.exchange.received = len(piece)
        self.state = BUSY if ended else BODY
        # Too much had come ahead, so nothing was read; whoever takes the body may want that again.
        behind = self._paused and not ended
        if behind:
            self._paused = False
        # RFC 9110 section 10.1.1: without 100 the client may leave the body away, so that nobody knows what comes next.
        asks = head.expects_continue and not data
        self._close = self._close or (asks and not ended)
        sink = self._serve(piece, ended, max(head.content_length, len(piece)))
        if not self._answered:
            if self._sink is DISCARD:
                self._sink = sink
            if asks and not self.exchange.head_sent:
                self._close = False
                self.write(_CONTINUE)
        if self.state == BODY and not (self._paused or self.write_blocked):
            self.deadline = self.plane.deadlines.now + self.exchange.route.body_timeout
        if behind and not self._paused and self.state != GONE:
            self.transport.resumeProducing()  # type: ignore[attr-defined]

    def _cut_body(self, data: bytes) -> tuple[bytes, bool]:
        """The part of ``data`` that is body, and whether it is the last; what follows goes to ``_ahead``."""
        reader = self._reader
        if reader is not None:
            piece = reader.feed(data)
            if reader.rest is not None:
                self._ahead = reader.rest
                return piece, True
            return piece, False
        left = self._body_left
        if len(data) < left:
            self._body_left = left - len(data)
            return data, False
        self._body_left = 0
        self._ahead = data[left:]
        return data[:left], True

    def _body(self, data: bytes) -> None:
        exchange = self.exchange
        if not self.write_blocked:
            self.deadline = self.plane.deadlines.now + exchange.route.body_timeout
        try:
            piece, ended = self._cut_body(data)
        except BadChunk as error:
            self._bad_body(f"client sent invalid chunked body: {error}")
            return
        exchange.received += len(piece)
        if exchange.received > exchange.route.body_limit and not self._answered and exchange.head.has_body():
            self._drop_sink()
            self._too_large()
        elif not ended:
            if exchange.head.has_body():
                self._sink.take_body(piece, False)
        elif self._answered:
            self._next()
        else:
            self.state = BUSY
            if not self.write_blocked:
                self.deadline = NEVER
            if exchange.head.has_body():
                self._sink.take_body(piece, True)

    def _bad_body(self, reason: str) -> None:
        """Nobody knows where this body ends: whatever was answered, the connection does."""
        reading = "reading client request body"
        if self.exchange.head_sent:
            complain("info", self.context(f"{reason} while {reading}"))
            if self._answered:
                self._linger()
            else:
                self._drop_sink()
                self.cut()
        else:
            self._drop_sink()
            self._refuse_head(RequestRefused(400, reason), reading)


# Not by the decorator: mypyc compiles no class that is decorated.
classImplements(ClientConnection, IProtocol, IPushProducer)
