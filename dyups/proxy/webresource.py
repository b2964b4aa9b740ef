"""A Twisted web resource behind a location: Klein's, or anybody's.

The resource sees a real ``twisted.web.server.Request``.  Its channel is :class:`_Channel`, a small adapter on our
connection, in the way of Twisted's own HTTP/2 stream.  The location's prefix is stripped, so the same resource serves
under ``/`` and under ``/dyups/``.

Whatever a resource does, the connection stays in step or is cut: an exception is a 500 page, or the end of an answer
that had begun; a body that is not as long as its ``Content-Length`` said is never followed by another answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from twisted.web.http import RESPONSES, parse_qs
from twisted.web.http_headers import Headers
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from dyups.config.model import Location
from dyups.http1.fields import clean, length, tokens
from dyups.http1.reasons import PHRASES
from dyups.http1.target import escape
from dyups.proxy.answers import page
from dyups.proxy.client import BodySink, ClientSide
from dyups.proxy.exchange import Exchange
from dyups.proxy.filters.answerhead import AnswerHead
from dyups.proxy.filters.between import holds
from dyups.proxy.filters.coded import begin_coded
from dyups.proxy.filters.coding import Coder
from dyups.proxy.filters.pacing import paced
from dyups.proxy.plane import complain
from dyups.proxy.serving import DISCARD

_log = Logger(namespace="dyups.proxy")

_OURS = frozenset({b"server", b"date", b"connection", b"transfer-encoding"})

#: ``IReactorTime.callLater``.
Later = Callable[[float, Callable[[], None]], Any]


class ResourceServing:
    """Serves a location with ``resource``."""

    __slots__ = ("_later", "_prefix", "_site")

    def __init__(self, resource: IResource, location: Location, reactor: IReactorTime) -> None:
        self._prefix = location.pattern.encode() if location.regex is None else b""
        self._later: Later = reactor.callLater
        self._site = Site(resource, reactor=reactor)

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """Begin a request of the resource; it is processed once its body is whole."""
        channel = _Channel(exchange, self._site, self._path(exchange), self._later)
        channel.take_body(body, ended)
        return DISCARD if ended and channel.done else channel

    def _path(self, exchange: Exchange) -> bytes:
        """The path below the location, still percent-encoded, with the arguments."""
        prefix = self._prefix
        path = exchange.head.target.partition(b"?")[0]
        if path.startswith(prefix) and b"//" not in path and b"/." not in path:
            below = path[len(prefix) :]
        else:
            below = escape(exchange.uri[len(prefix) :])
        below = b"/" + below.lstrip(b"/")
        return b"%b?%b" % (below, exchange.args) if exchange.args else below


class _Request(Request):
    """Twisted's request with two differences: bodies are the resource's to read, and failures are answered by us."""

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """All of it is here; a form in the body means nothing here, and is not read into memory."""
        request: Any = self
        request.content.seek(0)
        request.method, request.uri, request.clientproto = command, path, version
        request.path, _, arguments = path.partition(b"?")
        request.args = parse_qs(arguments, 1) if arguments else {}
        request.process()

    def write(self, data: bytes) -> None:
        """Head and body in one write, where they come together."""
        request: Any = self
        channel: _Channel | None = request.channel
        Request.write(self, data)
        if channel is not None:
            channel.flush()

    def processingFailed(self, reason: Failure) -> Failure:
        """The resource raised: 500, or the end of the connection if the answer had begun."""
        request: Any = self
        channel: _Channel | None = request.channel
        if channel is not None and not request.finished:
            channel.tell_failure(reason)
            if request.startedWriting:
                channel.loseConnection()
            else:
                text = channel.failure_page()
                request._encoder = None
                request.cookies = []
                request.responseHeaders = Headers({b"Content-Type": [b"text/html"]})
                request.setHeader(b"Content-Length", b"%d" % len(text))
                request.setResponseCode(500)
                request.write(text)
                request.finish()
        return reason


class _Channel:
    """What ``Request`` takes for its ``HTTPChannel``; also what takes the request's body from our side."""

    # Request looks for these on its channel.
    transport = None
    factory = None

    def __init__(self, exchange: Exchange, site: Site, path: bytes, later: Later) -> None:
        self.site = site
        self.done = False
        self._exchange = exchange
        self._client: ClientSide = exchange.client
        if exchange.route.rates is not None or exchange.user:
            self._client = paced(exchange.client, self)
        self._later = later
        self._left = -1
        """Bytes of the body that ``Content-Length`` has promised still; -1 where it is framed otherwise."""
        self._overran = False
        self._first = b""
        """The head of the answer, until the write that made it is over."""
        self._path = path
        self._producer: Any = None
        self._request: Any = _twisted_request(self)
        self._begin()

    def _begin(self) -> None:
        head = self._exchange.head
        request = self._request
        for field in head.fields:
            with suppress(ValueError):  # ignore_invalid_headers off: a name that Twisted does not take
                request.requestHeaders.addRawHeader(field.line.partition(b":")[0], field.value)
        request.gotLength(max(head.content_length, 0) if not head.chunked else None)
        request.parseCookies()

    # -- from the client -----------------------------------------------------------------------------------------

    def take_body(self, data: bytes, ended: bool) -> None:
        """See :class:`~dyups.proxy.client.BodySink`."""
        if self.done:
            return
        if data:
            try:
                self._request.handleContentChunk(data)
            except OSError as error:  # a long body lies in a temporary file
                complain("crit", self._client.context(f"writing a request's body failed ({error})"))
                self._end()
                self._client.refuse(500)
                return
        if ended:
            head = self._exchange.head
            version = b"HTTP/1.1" if head.minor else b"HTTP/1.0"
            self._request.requestReceived(head.method, self._path, version)

    def client_paused(self) -> None:
        """The client takes no more for now."""
        if self._producer is not None:
            self._producer.pauseProducing()

    def client_resumed(self) -> None:
        """The client takes more, of what is held on the way first."""
        if self._producer is not None and not holds(self._client):
            self._producer.resumeProducing()

    def client_gone(self) -> None:
        """The client left: the resource hears of it through ``notifyFinish``, its producer by ``stopProducing``."""
        if not self.done:
            self._end()

    def _end(self) -> None:
        self.done = True
        producer, self._producer = self._producer, None
        if producer is not None:
            try:
                producer.stopProducing()
            except Exception:
                self.tell_failure(Failure())
        self._request.connectionLost(Failure(ConnectionDone()))

    # -- what Request calls on its channel -------------------------------------------------------------------------

    def getPeer(self) -> IPv4Address | IPv6Address | UNIXAddress:
        """The client."""
        return _address(self._client.client_address())

    def getHost(self) -> IPv4Address | IPv6Address | UNIXAddress:
        """The address it came to."""
        return _address(self._client.local_address())

    def isSecure(self) -> bool:
        """Does the client speak TLS."""
        return self._client.secured is not None and not self._client.secured.plain

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Headers) -> None:
        """The head of the answer: the resource's fields with our own ``Server``, ``Date`` and ``Connection``."""
        exchange, client = self._exchange, self._client
        status = exchange.status = int(code)
        lines: list[bytes] = []
        for name, values in headers.getAllRawHeaders():
            lowered = name.lower()
            if lowered == b"connection" and any(b"close" in tokens(value) for value in values):
                client.close_after()
            if lowered == b"content-length":
                self._left = length(values[0])
                values = values[:1] if self._left >= 0 and status != 204 else []
            if lowered not in _OURS:
                lines += [b"%b: %b\r\n" % (name, value) for value in values]
        size = self._left
        if exchange.head.method == b"HEAD" or status in (204, 304):
            self._left = 0
        elif self._request.chunked:
            lines.append(b"Transfer-Encoding: chunked\r\n")
        elif self._left < 0:
            client.close_after()  # only the connection's end tells where the body ends
        if not reason or reason == RESPONSES.get(status):
            reason = PHRASES.get(status, reason)  # nginx's words, unless the resource has some of its own
        line = b"HTTP/1.1 %d %b" % (status, clean(reason))
        start = client.plane.head_start(line, exchange.route.settings.server_tokens)
        sent_on = b"".join(lines)
        if exchange.route.adds is not None:
            sent_on = exchange.route.adds.apply(exchange, sent_on)
        coder: Coder | None = None
        if exchange.route.bodies is not None:
            answer = AnswerHead(exchange, sent_on, size)
            coder = exchange.route.bodies.begin(answer)
            sent_on = answer.lines
        if coder is None or exchange.head.method == b"HEAD" or status in (204, 304):
            self._begin_with(self._head(start + sent_on))
        else:
            self._request.chunked = 0
            self._client = begin_coded(client, coder, lambda line: self._head(start + sent_on + line))

    def _begin_with(self, head: bytes) -> None:
        """The head goes out with the first of the body; by itself where pieces are held on the way."""
        if self._client is self._exchange.client:
            self._first = head
        else:
            self._client.write(head)

    def flush(self) -> None:
        """Write the head, where nothing of the body has come with it."""
        first, self._first = self._first, b""
        if first and not self.done:
            self._client.write(first)

    def _head(self, head: bytes) -> bytes:
        """``head`` with its end."""
        message = head + self._client.answer_tail()
        self._exchange.head_sent = len(message)
        return message

    def write(self, data: bytes) -> None:
        """A piece of the body, framed already."""
        if self.done:
            return
        if self._left >= 0:
            if len(data) > self._left:
                self._overran = True
                data = data[: self._left]
            self._left -= len(data)
        if data:
            self._exchange.body_sent += len(data)
            first, self._first = self._first, b""
            self._client.write(first + data if first else data)

    def writeSequence(self, pieces: Iterable[bytes]) -> None:
        """Pieces of the body in one write."""
        self.write(b"".join(pieces))

    def requestDone(self, request: Request) -> None:
        """The answer is complete, if the resource has kept its word about the length."""
        if self.done:
            return
        self.done = True
        if self._left > 0 or self._overran:
            complain(
                "error", self._client.context("resource sent a body that is not its Content-Length long")
            )
            self._client.cut()
        else:
            self._client.answered()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """A resource that produces its body at the client's pace."""
        self._producer = (
            producer if streaming else Pump(producer, self._later, self._request.processingFailed)
        )
        if self._client.write_blocked:
            producer = self._producer
            producer.pauseProducing()
        elif not streaming:
            self._producer.resumeProducing()

    def unregisterProducer(self) -> None:
        """The resource has produced all."""
        producer, self._producer = self._producer, None
        if isinstance(producer, Pump):
            producer.pauseProducing()

    def loseConnection(self) -> None:
        """The resource wants the connection closed."""
        if not self.done:
            self.done = True
            self._client.cut()
            self._end()

    # -- failures ------------------------------------------------------------------------------------------------

    def tell_failure(self, reason: Failure) -> None:
        """The resource's fault, for the error log."""
        text = self._client.context("resource failed")
        _log.failure("{text}", reason, LogLevel.error, text=text, nginx_level="error")

    def failure_page(self) -> bytes:
        """The page of 500."""
        tokens_on = self._exchange.route.settings.server_tokens
        return page(500, self._client.plane.server_name(tokens_on))


class Pump:
    """Makes a pull producer push: asks for one piece after another, one in each turn of the reactor.

    ``failed`` hears of what the producer raises.
    """

    __slots__ = ("_call", "_failed", "_later", "_producer", "_running")

    def __init__(self, producer: Any, later: Later, failed: Callable[[Failure], object]) -> None:
        self._producer = producer
        self._later = later
        self._failed = failed
        self._running = False
        self._call: Any = None

    def resumeProducing(self) -> None:
        """Ask on."""
        self._running = True
        if self._call is None:
            self._call = self._later(0, self._ask)

    def pauseProducing(self) -> None:
        """Ask no more for now."""
        self._running = False
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def stopProducing(self) -> None:
        """Nobody takes the rest."""
        self.pauseProducing()
        self._producer.stopProducing()

    def _ask(self) -> None:
        self._call = None
        try:
            self._producer.resumeProducing()
        except Exception:
            self._running = False
            self._failed(Failure())
        if self._running:
            self.resumeProducing()


def _twisted_request(channel: _Channel) -> Any:
    make: Any = _Request  # Twisted's types want a connection of its own here
    return make(channel)


def _address(endpoint: tuple[bytes, int]) -> IPv4Address | IPv6Address | UNIXAddress:
    host, port = endpoint
    if host == b"unix:":
        return UNIXAddress(None)
    return (IPv6Address if b":" in host else IPv4Address)("TCP", host.decode(), port)
