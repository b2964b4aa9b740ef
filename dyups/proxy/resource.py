"""This proxy as a Twisted web resource: forwarding inside anybody's ``twisted.web`` site.

    plane = DataPlane(upstreams, deadlines, dial)
    root.putChild(b"api", ReverseProxyResource(plane, "backend", below=True))

Map, balancing, pools, retries and failures are those of ``proxy_pass``, for it is the same
:class:`~dyups.proxy.forward.attempt.Forwarding`; only the client differs.  :class:`ResourceClient` is a request of the
site in the part of a client's connection; it takes heads as values instead of bytes, and bodies unframed.

What the site does stays the site's: it has read the request's body whole before the resource is asked, it frames the
answer, and it adds its own ``Server`` and ``Date``.  No protocol but HTTP passes: there are no tunnels here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from dyups.config.model import Location, LocationSettings, Server, ServerSettings
from dyups.errors import RequestRefused
from dyups.http1.fields import tokens
from dyups.http1.request import RequestHead, read_request
from dyups.http1.response import ResponseHead
from dyups.proxy.answers import page
from dyups.proxy.client import BodySink, TlsSide
from dyups.proxy.contents import NotFound
from dyups.proxy.context import describe, endpoint, printable
from dyups.proxy.deadlines import NEVER
from dyups.proxy.exchange import Exchange
from dyups.proxy.forward.attempt import Forwarding
from dyups.proxy.forward.plan import ForwardPlan
from dyups.proxy.passage import Phase
from dyups.proxy.plane import DataPlane, complain
from dyups.proxy.route import ServerRoutes
from dyups.proxy.serving import DISCARD, Serving
from dyups.upstream.group import Group

#: The name of the upstream that a request is for.
Chooser = Callable[[IRequest], "str | bytes"]

# The site has taken these off, or they speak of its own connection.
_SITES_OWN = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})
_PIECE = 65536


class ReverseProxyResource(Resource):
    """Forwards every request below it to a server of an upstream of ``plane``.

    ``upstream`` is a name, or chooses one for each request; an unknown name is 502 at once.  ``settings`` are those of
    a location (``proxy_read_timeout``, ``proxy_next_upstream``, …).  The server is asked for the request's whole
    target, or with ``below`` for what comes below the place of this resource in the site.
    """

    isLeaf = True

    def __init__(
        self,
        plane: DataPlane,
        upstream: str | bytes | Chooser,
        settings: LocationSettings | None = None,
        *,
        below: bool = False,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        settings = settings or LocationSettings()
        self.plane = plane
        self.plan = ForwardPlan(settings, plane)
        server = Server((), ServerSettings(), settings)
        self.routes = ServerRoutes(server, _Nothing(), plane.deadlines)
        self._upstream = upstream
        self._below = below

    def render(self, request: IRequest) -> int:
        """Begin to forward; errors are answered like any other request's."""
        ResourceClient(self, request).begin()
        return NOT_DONE_YET

    def upstream_for(self, request: IRequest) -> bytes:
        """The upstream's name, in lower case."""
        name = self._upstream
        if callable(name):
            name = name(request)
        return (name.encode("utf-8", "surrogateescape") if isinstance(name, str) else name).lower()

    def uri_for(self, request: Any, target: bytes) -> bytes:
        """What the server is asked for."""
        if not self._below:
            return target
        path, question, args = target.partition(b"?")
        segments = path.split(b"/")[1 + len(request.prepath) :]
        return b"/" + b"/".join(segments) + question + args


class _Nothing:
    """What a server without locations is made of (:class:`~dyups.proxy.route.Maker`)."""

    def serving(self, location: Location) -> Serving:
        """Nothing is there."""
        return NotFound()

    def phases(self, location: Location) -> tuple[Phase, ...]:
        """Nothing is done."""
        return ()


class ResourceClient:
    """A request of a ``twisted.web`` site as a client (:class:`~dyups.proxy.client.ClientSide`)."""

    __slots__ = (
        "_content",
        "_done",
        "_left",
        "_paused",
        "_request",
        "_resource",
        "_send_timeout",
        "_sink",
        "deadline",
        "exchange",
        "plane",
        "secured",
        "write",
        "write_blocked",
    )

    def __init__(self, resource: ReverseProxyResource, request: Any) -> None:
        self.plane = resource.plane
        self.exchange = Exchange(self)
        self.exchange.server = resource.routes
        self.exchange.route = resource.routes.root
        self.deadline = NEVER
        self.secured: TlsSide | None = None
        self.write: Callable[[bytes], None] = self._write_body
        self.write_blocked = False
        self._content = request.content
        self._done = False
        self._left = 0
        """Bytes of the request's body that have not been passed on yet."""
        self._paused = False
        self._request = request
        self._resource = resource
        self._send_timeout = resource.routes.root.send_timeout
        self._sink: BodySink = DISCARD

    # -- the request ---------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Ask a server."""
        request, exchange, resource = self._request, self.exchange, self._resource
        request.notifyFinish().addErrback(self._gone)
        self.plane.counters.requests += 1
        self._left = self._content.seek(0, 2)
        self._content.seek(0)
        try:
            head = self._read_head()
            exchange.renew(head)
            exchange.uri, exchange.args = head.uri, head.args
            if self._left > exchange.route.body_limit:
                raise RequestRefused(413, "client intended to send too large body")
        except RequestRefused as refusal:
            self._refuse(refusal.status, refusal.reason)
            return
        key = resource.upstream_for(request)
        group = self.plane.upstreams.wake(key)
        if group is None:
            self._refuse(502, f'no host "{printable(key)}" to pass the request to: no upstream of that name')
            return
        exchange.proxy_host = key
        exchange.proxy_uri = resource.uri_for(request, head.target)
        request.registerProducer(self, True)
        self.plane.deadlines.watch(self)
        first = self._piece()
        self.forward(resource.plan, group, exchange.proxy_uri, first, not self._left)
        self._pump()

    def _read_head(self) -> RequestHead:
        """The request by the rules that hold for our own connections, less what the site has dealt with."""
        request = self._request
        version = b"HTTP/1.0" if request.clientproto == b"HTTP/1.0" else b"HTTP/1.1"
        lines = [b"%b %b %b" % (request.method, request.uri, version)]
        for name, values in request.requestHeaders.getAllRawHeaders():
            if name.lower() not in _SITES_OWN:
                lines += [name + b": " + value for value in values]
        if self._left or request.requestHeaders.hasHeader(b"content-length"):
            # As a line, not set on the head that was read: heads are remembered, and nobody changes one.
            lines.append(b"Content-Length: %d" % self._left)
        head = read_request(b"\r\n".join(lines), self._resource.routes.acceptance)
        if head.method in (b"TRACE", b"CONNECT"):
            raise RequestRefused(405, "client sent TRACE or CONNECT method")
        return head

    def forward(self, plan: ForwardPlan, group: Group, uri: bytes, body: bytes, ended: bool) -> BodySink:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        way = self._sink = Forwarding(self, self)
        way.begin(plan, group, uri, body, ended)
        return way

    def _piece(self) -> bytes:
        piece: bytes = self._content.read(_PIECE)
        self._left -= len(piece)
        return piece

    def _pump(self) -> None:
        """Pass the request's body on, as fast as the server takes it."""
        while self._left and not (self._paused or self._done):
            piece = self._piece()
            self._sink.take_body(piece, not self._left)

    def pause_body(self) -> None:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        self._paused = True

    def resume_body(self) -> None:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        self._paused = False
        self._pump()

    # -- the answer ----------------------------------------------------------------------------------------------

    def begin_answer(self, head: ResponseHead, body: bytes) -> None:
        """The server's head, less what means something to the next hop only, and the body's beginning."""
        request = self._request
        # RFC 9110 section 7.6.1: what Connection names goes no further.
        named = tokens(head.value(b"connection"))
        for field in head.fields:
            if not field.kind and field.name not in named:
                self._add_field(field.line.partition(b":")[0], field.value)
        if head.content_length >= 0 and head.status != 204:
            self._add_field(b"Content-Length", b"%d" % head.content_length)
        request.defaultContentType = None  # an answer without a type stays so
        request.setResponseCode(head.status, head.status_line.partition(b" ")[2][4:])
        request.write(b"")  # the head; else it would wait for a body's first byte
        if body:
            self.write(body)

    def _add_field(self, name: bytes, value: bytes) -> None:
        try:
            self._request.responseHeaders.addRawHeader(name, value)
        except ValueError:
            complain("info", self.context(f'upstream sent odd field name "{printable(name)}", dropped'))

    def _write_body(self, data: bytes) -> None:
        """``write`` of :class:`~dyups.proxy.client.ClientSide`: what is written here is a body alone."""
        self.exchange.body_sent += len(data)
        self._request.write(data)

    def answer_tail(self) -> bytes:
        """The site ends its heads itself."""
        return b""

    def close_after(self) -> None:
        """Whether its connection stays is the site's to decide; it frames the answer."""

    def refuse(self, status: int, held: bytes | None = b"") -> None:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        request = self._request
        text = page(status, self.plane.server_name(self._resource.plan.server_tokens))
        self.exchange.status = status
        request.setResponseCode(status)
        request.setHeader(b"Content-Type", b"text/html")
        request.setHeader(b"Content-Length", b"%d" % len(text))
        self.write(text)
        self.answered()

    def _refuse(self, status: int, reason: str) -> None:
        complain("error" if status >= 500 else "info", self.context(reason))
        self.refuse(status)

    def body_ended(self) -> bool:
        """A site hands out requests when they are whole."""
        return True

    def redirect(self, uri: bytes, args: bytes, body: bytes = b"", ended: bool = True) -> None:
        """There is nowhere else within a site's resource."""
        self._refuse(500, "internal redirects need a server of our own")

    def redirect_named(self, name: bytes, body: bytes = b"", ended: bool = True) -> None:
        """See :meth:`redirect`."""
        self.redirect(name, b"")

    def answered(self) -> None:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        self._end()
        self._request.finish()

    def cut(self) -> None:
        """See :class:`~dyups.proxy.client.ClientSide`; by a reset, for the site may end bodies by closing."""
        self._end()
        request = self._request
        for end in (request.channel, getattr(request.channel, "transport", None)):
            abort = getattr(end, "abortConnection", None)
            if abort is not None:
                abort()
                return
        request.loseConnection()

    def _end(self) -> None:
        self._done = True
        self.deadline = NEVER
        self.plane.deadlines.forget(self)
        if self._request.producer is self:
            self._request.unregisterProducer()

    def begin_tunnel(self) -> None:
        """No other protocol is ever asked for."""
        raise RuntimeError("a request of a site cannot become a tunnel")

    def end_tunnel(self) -> None:
        """There is none."""

    # -- the client's pace, its end, its time limit --------------------------------------------------------------

    def _gone(self, reason: Failure) -> None:
        """The client left; from ``notifyFinish``."""
        if not self._done:
            self._done = True
            self.plane.deadlines.forget(self)
            self.exchange.status = 499
            sink, self._sink = self._sink, DISCARD
            sink.client_gone()

    def pauseProducing(self) -> None:
        """The client takes no more for now."""
        self.write_blocked = True
        self.deadline = self.plane.deadlines.now + self._send_timeout
        self._sink.client_paused()

    def resumeProducing(self) -> None:
        """The client takes more."""
        self.write_blocked = False
        self.deadline = NEVER
        self._sink.client_resumed()

    def stopProducing(self) -> None:
        """The transport is gone; ``notifyFinish`` tells."""

    def timed_out(self) -> None:
        """``send_timeout``: the client took nothing for too long."""
        complain("info", self.context("client timed out (110: Connection timed out) while sending to client"))
        sink, self._sink = self._sink, DISCARD
        sink.client_gone()
        self.cut()

    # -- facts ---------------------------------------------------------------------------------------------------

    def context(self, message: str, upstream: bytes = b"") -> str:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        return describe(0, message, self.exchange, self.client_address()[0], upstream)

    def client_address(self) -> tuple[bytes, int]:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        return endpoint(self._request.getClientAddress())

    def local_address(self) -> tuple[bytes, int]:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        return endpoint(self._request.getHost())

    def connection_numbers(self) -> tuple[int, int]:
        """A site does not number its connections."""
        return 0, 1

    def connected_at(self) -> float:
        """See :class:`~dyups.proxy.client.ClientSide`: of this request's connection nothing is known here."""
        return self.exchange.started

    def pipelined(self) -> bool:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        return False
