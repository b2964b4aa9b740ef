"""A client's connection, the half that gives out: answers, their end, and what follows.

It is what serves a location drives (:class:`~dyups.proxy.client.ClientSide`); ``downstream`` is the half that takes in.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import ITransport

from dyups.errors import RequestRefused
from dyups.http1.request import RequestHead
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
from dyups.proxy.unsent import in_flight, unsent_bytes
from dyups.upstream.group import Group

HEAD, BODY, BUSY, TUNNEL, LINGER, GONE = range(6)
STATE_NAMES = ("HEAD", "BODY", "BUSY", "TUNNEL", "LINGER", "GONE")

_KEEP = b"Connection: keep-alive\r\n\r\n"
_KEEP_FOR = b"Connection: keep-alive\r\nKeep-Alive: timeout=%d\r\n\r\n"
_CLOSE = b"Connection: close\r\n\r\n"
#: Bytes of a broken request line that the error log shows.
_MOST_SHOWN = 1024


class ClientAnswers:
    """A connection's state and its way out."""

    __slots__ = (
        "_ahead",
        "_answered",
        "_client_address",
        "_close",
        "_forwarding",
        "_in_heads",
        "_linger_until",
        "_local_address",
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
        self._client_address: tuple[bytes, int] | None = None
        self._close = False
        self._forwarding: Forwarding | None = None
        self._in_heads = False
        """``_heads`` is at work: it goes on by itself, so that a run of requests does not nest."""
        self._linger_until = 0.0
        """In LINGER: when to end it; NEVER while what was written is still going out, 0 where nothing is waited for."""
        self._local_address: tuple[bytes, int] | None = None
        self._paused = False
        self._requests = 0
        self._sink: BodySink = DISCARD
        self._unsent = -1
        """Bytes that were on their way when we last looked, where the client is slow."""

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
        return _KEEP_FOR % seconds if seconds else _KEEP

    def close_after(self) -> None:
        """The connection closes after this answer."""
        self._close = True

    def refuse(self, status: int) -> None:
        """Answer with an error page."""
        answers.send_page(self, status)

    def answered(self) -> None:
        """The answer is complete; the next request comes as soon as this one's body has been read."""
        self._over()
        if self.state == BUSY:
            self._next()
        elif self.state == BODY:
            if self._close:
                self._linger()
            elif self._paused:
                self.resume_body()

    def cut(self) -> None:
        """The answer cannot be completed."""
        self._over()
        self._close_now()

    def _over(self) -> None:
        """Whatever became of the request, it is known now: its line goes to the access logs."""
        self._answered = True
        self._sink = DISCARD
        if self.exchange.route.logged:
            self.plane.log(self.exchange)

    def context(self, message: str, upstream: bytes = b"") -> str:
        """``message`` as the error log has it."""
        return describe(self._number, message, self.exchange, self.client_address()[0], upstream)

    def client_address(self) -> tuple[bytes, int]:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        found = self._client_address
        if found is None:
            found = self._client_address = endpoint(self.transport.getPeer())
        return found

    def local_address(self) -> tuple[bytes, int]:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        found = self._local_address
        if found is None:
            found = self._local_address = endpoint(self.transport.getHost())
        return found

    def connection_numbers(self) -> tuple[int, int]:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        return self._number, self._requests

    # -- after the answer ----------------------------------------------------------------------------------------

    def _next(self) -> None:
        """Ready for another request, or the end of the connection."""
        if self._close:
            if self._ahead or self.exchange.route.settings.lingering_close == "always":
                self._linger()
            else:
                self._close_now()
            return
        self.state = HEAD
        if self.write_blocked:
            return  # send_timeout counts, and resumeProducing goes on from here
        self.deadline = self.plane.deadlines.now + self.exchange.route.keepalive_timeout
        if self._in_heads:
            return
        if self._ahead:
            self._heads(self._ahead)
        elif self._paused:
            self.resume_body()

    def _unread(self, data: bytes) -> None:
        """``data`` begins a head that nobody could read: a request all the same, whose line is all we know."""
        exchange = self.exchange
        head = RequestHead()
        head.line = data[:_MOST_SHOWN].partition(b"\n")[0].rstrip(b"\r")
        exchange.renew(head)
        exchange.server = self.routes.default
        exchange.route = self.routes.default.root
        self._requests += 1
        self.plane.counters.requests += 1

    def _drop_sink(self) -> None:
        """What took the request's body learns that there will be no more of it."""
        sink, self._sink = self._sink, DISCARD
        if not self._answered:
            sink.client_gone()

    def _refuse_head(self, refusal: RequestRefused, doing: str = "reading client request headers") -> None:
        """The request cannot be read: say so and close, for nobody knows where the next one would begin."""
        self._answered = False
        self.state = BUSY
        complain("info", self.context(f"{refusal.reason} while {doing}"))
        self._ahead = b" "  # whatever else comes is part of the same nonsense: linger
        self._close = True
        answers.send_page(self, refusal.status)

    def _linger(self) -> None:
        """``lingering_close``: closing on unread bytes would reset the connection and lose our answer on its way."""
        if self.exchange.route.settings.lingering_close == "off":
            self._close_now()
            return
        self.state = LINGER
        self._ahead = b""
        if unsent_bytes(self.transport) > 0:
            self._unsent = in_flight(self.transport)
            self._linger_until = NEVER
            self.deadline = self.plane.deadlines.now + self.exchange.route.send_timeout
        else:
            self._linger_from_now()
        self.resume_body()
        self.transport.unregisterProducer()  # type: ignore[attr-defined]
        lose_write = getattr(self.transport, "loseWriteConnection", None)
        if lose_write is None:
            self.transport.loseConnection()
        else:
            lose_write()
        self.write = ignore

    def _linger_from_now(self) -> None:
        route, now = self.exchange.route, self.plane.deadlines.now
        self._linger_until = now + route.lingering_time
        self.deadline = min(self._linger_until, now + route.lingering_timeout)

    def _lingered(self) -> None:
        """Something came that nobody wants: the client is still there."""
        if 0 < self._linger_until < NEVER:
            now = self.plane.deadlines.now
            self.deadline = min(self._linger_until, now + self.exchange.route.lingering_timeout)

    def _close_now(self) -> None:
        """Close; what was written goes out first, but not for ever."""
        if self.state != GONE:
            self.state = LINGER
            self._linger_until = 0.0
            self._unsent = in_flight(self.transport)
            self.deadline = self.plane.deadlines.now + self.exchange.route.send_timeout
            self.transport.unregisterProducer()  # type: ignore[attr-defined]
            self.transport.loseConnection()
            self.write = ignore

    # -- pace ----------------------------------------------------------------------------------------------------

    def pause_body(self) -> None:
        """Read nothing from the client for now; meanwhile it is not the client that is slow."""
        if not self._paused and self.state != GONE:
            self._paused = True
            if self.state == BODY and not self.write_blocked:
                self.deadline = NEVER
            self.transport.pauseProducing()  # type: ignore[attr-defined]

    def resume_body(self) -> None:
        """Read from the client again."""
        if self._paused:
            self._paused = False
            if self.state == BODY and not self.write_blocked:
                self.deadline = self.plane.deadlines.now + self.exchange.route.body_timeout
            if self.state != GONE:
                self.transport.resumeProducing()  # type: ignore[attr-defined]

    def pauseProducing(self) -> None:
        """The client takes no more for now (the transport holds enough)."""
        self.write_blocked = True
        self._unsent = in_flight(self.transport)
        self.deadline = self.plane.deadlines.now + self.exchange.route.send_timeout
        self._sink.client_paused()

    def resumeProducing(self) -> None:
        """The client takes more."""
        self.write_blocked = False
        if self.state == HEAD:
            self._next()
            return
        waits = self.state == BODY and not self._paused
        self.deadline = self.plane.deadlines.now + self.exchange.route.body_timeout if waits else NEVER
        self._sink.client_resumed()

    def stopProducing(self) -> None:
        """The transport is gone; ``connectionLost`` tells."""

    # -- time limits ---------------------------------------------------------------------------------------------

    def end_idle(self, until: float) -> None:
        """The process is to end: close at ``until`` (reactor seconds) if no request comes before.

        One that comes is answered with ``Connection: close``, as :attr:`DataPlane.draining` says.
        """
        if self.state == HEAD and not self._ahead and not self.write_blocked:
            self.deadline = min(self.deadline, until)

    def timed_out(self) -> None:
        """The sweep found our deadline passed."""
        if self.state == LINGER:
            self._still_leaving()
        elif self.write_blocked:
            self._too_slow()
        elif self.state == HEAD and not self._ahead:
            self._close_now()  # idle keep-alive, or a connection that never asked
        elif self.state == HEAD:
            self._late("reading client request headers")
        elif self.state != BODY or (self.exchange.head_sent and not self._answered):
            complain("info", self.context("client timed out (110: Connection timed out)"))
            self._abort()
        elif self._answered:
            self._close_now()  # nobody waits for the rest of that body
        else:
            self._late("reading client request body")

    def _late(self, doing: str) -> None:
        """The client did not send what it began: 408."""
        if self.state == HEAD:
            self._unread(self._ahead)
        self._drop_sink()
        self._refuse_head(RequestRefused(408, "client timed out (110: Connection timed out)"), doing)

    def _too_slow(self) -> None:
        """``send_timeout`` runs between two writes: a client that took something meanwhile gets another term."""
        unsent = in_flight(self.transport)
        if 0 <= unsent != self._unsent:
            self._unsent = unsent
            self.deadline = self.plane.deadlines.now + self.exchange.route.send_timeout
        else:
            complain(
                "info", self.context("client timed out (110: Connection timed out) while sending to client")
            )
            self._abort()

    def _still_leaving(self) -> None:
        """Everything is written: as long as it goes out we wait, then for the client to have read it, then not."""
        held, unsent = unsent_bytes(self.transport), in_flight(self.transport)
        if held > 0 and unsent < self._unsent:
            self._unsent = unsent
            self.deadline = self.plane.deadlines.now + self.exchange.route.send_timeout
        elif held > 0 or not self._linger_until:
            self._abort()
        elif self._linger_until == NEVER:
            self._linger_from_now()
        else:
            self._close_now()

    def _abort(self) -> None:
        self.write = ignore
        self.transport.abortConnection()  # type: ignore[attr-defined]

    # -- tunnels -------------------------------------------------------------------------------------------------

    def begin_tunnel(self) -> None:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        self.state = TUNNEL
        self._answered = False
        if not self.write_blocked:
            self.deadline = NEVER
        first, self._ahead = self._ahead, b""
        paused, self._paused = self._paused, False
        if first and self._forwarding is not None:
            self._forwarding.take_body(first, False)
        if paused and not self._paused:  # nothing may come before what came ahead
            self.transport.resumeProducing()  # type: ignore[attr-defined]

    def end_tunnel(self) -> None:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        self.cut()

    def _heads(self, data: bytes) -> None:
        """Serve what came ahead; ``downstream`` knows how."""
        raise RuntimeError("only a whole connection reads heads")


def ignore(data: bytes) -> None:
    """Stands for ``write`` once nothing more may be written: uvloop raises where Twisted's transports ignore."""
