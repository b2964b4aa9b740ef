"""A client's connection, the half that gives out: answers, their end, and what follows.

It is what serves a location drives (:class:`~dyups.proxy.client.ClientSide`); ``downstream`` is the half that takes in.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import ITransport

from dyups.errors import RequestRefused
from dyups.proxy import answers
from dyups.proxy.attempt import Forwarding
from dyups.proxy.client import BodySink
from dyups.proxy.context import describe, endpoint
from dyups.proxy.deadlines import NEVER
from dyups.proxy.exchange import Exchange
from dyups.proxy.plan import ForwardPlan
from dyups.proxy.plane import DataPlane, complain
from dyups.proxy.route import ListenRoutes
from dyups.proxy.serving import DISCARD
from dyups.upstream.group import Group

HEAD, BODY, BUSY, TUNNEL, LINGER, GONE = range(6)
STATE_NAMES = ("HEAD", "BODY", "BUSY", "TUNNEL", "LINGER", "GONE")

_KEEP = b"Connection: keep-alive\r\n\r\n"
_CLOSE = b"Connection: close\r\n\r\n"


class ClientAnswers:
    """A connection's state and its way out."""

    __slots__ = (
        "_ahead",
        "_answered",
        "_close",
        "_forwarding",
        "_in_heads",
        "_linger_until",
        "_number",
        "_paused",
        "_requests",
        "_sink",
        "_unsent",
        "deadline",
        "exchange",
        "plane",
        "routes",
        "state",
        "transport",
        "write",
        "write_blocked",
    )

    transport: ITransport
    write: Callable[[bytes], None]
    _number: int

    def __init__(self, plane: DataPlane, routes: ListenRoutes) -> None:
        self.plane = plane
        self.routes = routes
        self.state = HEAD
        self.deadline = NEVER
        self.write_blocked = False
        self.exchange = Exchange(self)
        self.exchange.server = routes.default
        self.exchange.route = routes.default.root
        self._ahead = b""
        """Bytes that came and were not used yet."""
        self._answered = True
        """The present exchange has its whole answer."""
        self._close = False
        self._forwarding: Forwarding | None = None
        self._in_heads = False
        """``_heads`` is at work: it goes on by itself, so that a run of requests does not nest."""
        self._linger_until = 0.0
        self._paused = False
        self._requests = 0
        self._sink: BodySink = DISCARD
        self._unsent = -1

    def __repr__(self) -> str:
        return f"<ClientConnection {STATE_NAMES[self.state]} requests={self._requests}>"

    # -- what serves a location asks for -------------------------------------------------------------------------

    def forward(self, plan: ForwardPlan, group: Group, uri: bytes, body: bytes, ended: bool) -> BodySink:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        forwarding = self._forwarding
        if forwarding is None:
            forwarding = self._forwarding = Forwarding(self)
        forwarding.begin(plan, group, uri, body, ended)
        return forwarding

    def answer_tail(self) -> bytes:
        """Does the connection stay open: the client's wish, ``keepalive_requests``, ``keepalive_timeout``."""
        route = self.exchange.route
        if (
            self._close
            or not self.exchange.head.keep_alive
            or not route.keepalive_timeout
            or self._requests >= route.keepalive_limit
            or self.plane.draining
        ):
            self._close = True
            return _CLOSE
        seconds = route.settings.keepalive_timeout_header
        return b"Keep-Alive: timeout=%d\r\n%b" % (seconds, _KEEP) if seconds else _KEEP

    def close_after(self) -> None:
        """The connection closes after this answer."""
        self._close = True

    def refuse(self, status: int) -> None:
        """Answer with an error page."""
        answers.send_page(self, status)

    def answered(self) -> None:
        """The answer is complete; the next request comes as soon as this one's body has been read."""
        self._answered = True
        self._sink = DISCARD
        if self.state == BUSY:
            self._next()
        elif self.state == BODY and self._close:
            self._linger()

    def cut(self) -> None:
        """The answer cannot be completed."""
        self._answered = True
        self._sink = DISCARD
        self._close_now()

    def context(self, message: str, upstream: bytes = b"") -> str:
        """``message`` as the error log has it."""
        return describe(self._number, message, self.exchange, self.client_address()[0], upstream)

    def client_address(self) -> tuple[bytes, int]:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        return endpoint(self.transport.getPeer())

    def local_address(self) -> tuple[bytes, int]:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        return endpoint(self.transport.getHost())

    def connection_numbers(self) -> tuple[int, int]:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        return self._number, self._requests

    # -- after the answer ----------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Ready for another request, or the end of the connection."""
        if self._close:
            self._linger() if self._ahead else self._close_now()
            return
        self.state = HEAD
        self.deadline = self.plane.deadlines.now + self.exchange.route.keepalive_timeout
        self.resume_body()
        if self._ahead and not self.write_blocked and not self._in_heads:
            self._heads(self._ahead)

    def _refuse_head(self, refusal: RequestRefused) -> None:
        """The request cannot be read: say so and close, for nobody knows where the next one would begin."""
        self._answered = False
        self.state = BUSY
        complain("info", self.context(f"{refusal.reason} while reading client request"))
        self._ahead = b" "  # whatever else comes is part of the same nonsense: linger
        self._close = True
        answers.send_page(self, refusal.status)

    def _linger(self) -> None:
        """``lingering_close``: closing on unread bytes would reset the connection and lose our answer on its way."""
        settings = self.exchange.route.settings
        if settings.lingering_close == "off":
            self._close_now()
            return
        now = self.plane.deadlines.now
        self.state = LINGER
        self._ahead = b""
        self._linger_until = now + settings.lingering_time
        self.deadline = now + settings.lingering_timeout
        self.resume_body()
        self.transport.unregisterProducer()  # type: ignore[attr-defined]
        lose_write = getattr(self.transport, "loseWriteConnection", None)
        if lose_write is None:
            self.transport.loseConnection()
        else:
            lose_write()

    def _close_now(self) -> None:
        """Close; what was written goes out first, but not for ever."""
        if self.state != GONE:
            self.state = LINGER
            self._linger_until = 0.0
            self.deadline = self.plane.deadlines.now + self.exchange.route.send_timeout
            self.transport.unregisterProducer()  # type: ignore[attr-defined]
            self.transport.loseConnection()

    # -- pace ----------------------------------------------------------------------------------------------------

    def pause_body(self) -> None:
        """Read nothing from the client for now."""
        if not self._paused and self.state != GONE:
            self._paused = True
            self.transport.pauseProducing()  # type: ignore[attr-defined]

    def resume_body(self) -> None:
        """Read from the client again."""
        if self._paused:
            self._paused = False
            if self.state != GONE:
                self.transport.resumeProducing()  # type: ignore[attr-defined]

    def pauseProducing(self) -> None:
        """The client takes no more for now (the transport holds enough)."""
        self.write_blocked = True
        self._unsent = -1
        self.deadline = self.plane.deadlines.now + self.exchange.route.send_timeout
        self._sink.client_paused()

    def resumeProducing(self) -> None:
        """The client takes more."""
        self.write_blocked = False
        self.deadline = NEVER
        if self.state == HEAD:
            self._next()
        elif self.state == BODY:
            self.deadline = self.plane.deadlines.now + self.exchange.route.body_timeout
        self._sink.client_resumed()

    def stopProducing(self) -> None:
        """The transport is gone; ``connectionLost`` tells."""

    # -- time limits ---------------------------------------------------------------------------------------------

    def timed_out(self) -> None:
        """The sweep found our deadline passed."""
        if self.write_blocked:
            self._too_slow()
        elif self.state == LINGER:
            self._abort()
        elif self.state == HEAD and not self._ahead:
            self._close_now()  # idle keep-alive, or a connection that never asked
        elif self.state == HEAD or (self.state == BODY and not self.exchange.status):
            complain("info", self.context("client timed out (110: Connection timed out)"))
            sink, self._sink = self._sink, DISCARD
            if not self._answered:
                sink.client_gone()
            self._answered = False
            self.state = BUSY
            self._close = True
            answers.send_page(self, 408)
        else:
            self._abort()

    def _too_slow(self) -> None:
        """``send_timeout`` runs between two writes: a client that took something meanwhile gets another term."""
        unsent = _unsent_bytes(self.transport)
        if 0 <= unsent < self._unsent or (unsent >= 0 and self._unsent < 0):
            self._unsent = unsent
            self.deadline = self.plane.deadlines.now + self.exchange.route.send_timeout
        else:
            complain(
                "info", self.context("client timed out (110: Connection timed out) while sending to client")
            )
            self._abort()

    def _abort(self) -> None:
        self.transport.abortConnection()  # type: ignore[attr-defined]

    # -- tunnels -------------------------------------------------------------------------------------------------

    def begin_tunnel(self) -> None:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        self.state = TUNNEL
        self._answered = False
        self.deadline = NEVER
        first, self._ahead = self._ahead, b""
        if first and self._forwarding is not None:
            self._forwarding.take_body(first, False)

    def end_tunnel(self) -> None:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        self.cut()

    def _heads(self, data: bytes) -> None:
        """Serve what came ahead; ``downstream`` knows how."""
        raise RuntimeError("only a whole connection reads heads")


def _unsent_bytes(transport: object) -> int:
    """Bytes that the transport still holds; -1 where it cannot say."""
    size = getattr(transport, "get_write_buffer_size", None)
    if size is not None:
        return int(size())
    held = getattr(transport, "dataBuffer", None)
    if held is None:
        return -1
    return len(held) - int(getattr(transport, "offset", 0)) + int(getattr(transport, "_tempDataLen", 0))
