"""A Twisted web resource behind a location: Klein's, or anybody's.

The resource sees a real ``twisted.web.server.Request``.  Its channel is :class:`_Channel`, a small adapter on our
connection, in the way of Twisted's own HTTP/2 stream.  The location's prefix is stripped, so the same resource serves
under ``/`` and under ``/dyups/``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.internet._producer_helpers import _PullToPush
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import Request, Site

from dyups.config.model import Location
from dyups.http1.reasons import PHRASES
from dyups.http1.target import escape
from dyups.proxy.client import BodySink, ClientSide
from dyups.proxy.exchange import Exchange
from dyups.proxy.serving import DISCARD

_OURS = frozenset({b"server", b"date", b"connection"})


class ResourceServing:
    """Serves a location with ``resource``."""

    __slots__ = ("_prefix", "_site")

    def __init__(self, resource: IResource, location: Location, reactor: IReactorTime) -> None:
        self._prefix = location.pattern.encode() if location.regex is None else b""
        # Bodies are read by the resource itself; a form in them means nothing here.
        self._site = Site(resource, reactor=reactor, parsePOSTFormSubmission=False)
        self._site.displayTracebacks = False

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """Begin a request of the resource; it is processed once its body is whole."""
        channel = _Channel(exchange, self._site, self._path(exchange))
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


class _Channel:
    """What ``Request`` takes for its ``HTTPChannel``; also what takes the request's body from our side."""

    # Request looks for these on its channel.
    transport = None
    factory = None

    def __init__(self, exchange: Exchange, site: Site, path: bytes) -> None:
        self.site = site
        self.done = False
        self._exchange = exchange
        self._client: ClientSide = exchange.client
        self._path = path
        self._producer: Any = None
        self._request = Request(self)
        self._begin()

    def _begin(self) -> None:
        head = self._exchange.head
        request = self._request
        for field in head.fields:
            request.requestHeaders.addRawHeader(field.line.partition(b":")[0], field.value)
        request.gotLength(max(head.content_length, 0) if not head.chunked else None)
        request.parseCookies()

    # -- from the client -----------------------------------------------------------------------------------------

    def take_body(self, data: bytes, ended: bool) -> None:
        """See :class:`~dyups.proxy.client.BodySink`."""
        if self.done:
            return
        if data:
            self._request.handleContentChunk(data)
        if ended:
            head = self._exchange.head
            version = b"HTTP/1.1" if head.minor else b"HTTP/1.0"
            self._request.requestReceived(head.method, self._path, version)

    def client_paused(self) -> None:
        """The client takes no more for now."""
        if self._producer is not None:
            self._producer.pauseProducing()

    def client_resumed(self) -> None:
        """The client takes more."""
        if self._producer is not None:
            self._producer.resumeProducing()

    def client_gone(self) -> None:
        """The client left: the resource hears of it through ``notifyFinish``."""
        if not self.done:
            self.done = True
            self._request.connectionLost(Failure(ConnectionDone()))

    # -- what Request calls on its channel -------------------------------------------------------------------------

    def getPeer(self) -> IPv4Address | UNIXAddress:
        """The client."""
        return _address(self._client.client_address())

    def getHost(self) -> IPv4Address | UNIXAddress:
        """The address it came to."""
        return _address(self._client.local_address())

    def isSecure(self) -> bool:
        """TLS is not spoken here."""
        return False

    def writeHeaders(self, version: bytes, code: bytes, reason: bytes, headers: Any) -> None:
        """The head of the answer: the resource's fields with our own ``Server``, ``Date`` and ``Connection``."""
        exchange, client = self._exchange, self._client
        status = exchange.status = int(code)
        pairs = list(headers.getAllRawHeaders() if hasattr(headers, "getAllRawHeaders") else headers)
        lines = list(_lines(pairs))
        names = {name.lower() for name, _ in pairs}
        if not names & {b"content-length", b"transfer-encoding"} and status not in (204, 304):
            client.close_after()
        line = b"HTTP/1.1 %d %b" % (status, PHRASES.get(status, reason))
        start = client.plane.head_start(line, exchange.route.settings.server_tokens)
        message = b"%b%b%b" % (start, b"".join(lines), client.answer_tail())
        exchange.head_sent = len(message)
        client.write(message)

    def write(self, data: bytes) -> None:
        """A piece of the body, framed already."""
        if not self.done:
            self._exchange.body_sent += len(data)
            self._client.write(data)

    def writeSequence(self, pieces: Iterable[bytes]) -> None:
        """Pieces of the body in one write."""
        self.write(b"".join(pieces))

    def requestDone(self, request: Request) -> None:
        """The answer is complete."""
        if not self.done:
            self.done = True
            self._client.answered()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """A resource that produces its body at the client's pace."""
        if not streaming:
            producer = _PullToPush(producer, self)
            producer.startStreaming()
        self._producer = producer
        if self._client.write_blocked:
            producer.pauseProducing()

    def unregisterProducer(self) -> None:
        """The resource has produced all."""
        producer, self._producer = self._producer, None
        if isinstance(producer, _PullToPush):
            producer.stopStreaming()

    def loseConnection(self) -> None:
        """The resource wants the connection closed."""
        if not self.done:
            self.done = True
            self._client.cut()

    def _respondToBadRequestAndDisconnect(self) -> None:
        if not self.done:
            self.done = True
            self._client.refuse(400)


def _lines(pairs: Iterable[tuple[bytes, Any]]) -> Iterable[bytes]:
    for name, values in pairs:
        if name.lower() not in _OURS:
            for value in values if isinstance(values, list) else [values]:
                yield b"%b: %b\r\n" % (name, value)


def _address(endpoint: tuple[bytes, int]) -> IPv4Address | UNIXAddress:
    host, port = endpoint
    return UNIXAddress(None) if host == b"unix:" else IPv4Address("TCP", host.decode(), port)
