"""A client's connection, the half that gives out: answers, their end, and what follows.

It is what serves a location drives (:class:`~dyups.proxy.client.ClientSide`); ``downstream`` is the half that takes in.
"""

from __future__ import annotations

from typing import Final

from dyups.errors import RequestRefused
from dyups.http1.request import RequestHead
from dyups.proxy import answers
from dyups.proxy.browsers import is_minded
from dyups.proxy.client import BodySink
from dyups.proxy.deadlines import NEVER
from dyups.proxy.exchange import BROKEN_OFF, Exchange
from dyups.proxy.forward.attempt import Forwarding
from dyups.proxy.forward.plan import ForwardPlan
from dyups.proxy.pace import BODY, BUSY, HEAD, LINGER, TUNNEL, ClientPace
from dyups.proxy.plane import DataPlane, complain
from dyups.proxy.route import ListenRoutes
from dyups.proxy.serving import DISCARD
from dyups.upstream.group import Group

_CLOSE: Final = b"Connection: close\r\n\r\n"
#: Bytes of a broken request line that the error log shows.
_MOST_SHOWN = 1024


class ClientAnswers(ClientPace):
    """A connection's way out."""

    __slots__ = ()

    def __init__(self, plane: DataPlane, routes: ListenRoutes) -> None:
        super().__init__(plane, routes)
        exchange = self.exchange = Exchange(self)
        exchange.server = routes.default
        exchange.route = routes.default.root

    # -- what serves a location asks for -------------------------------------------------------------------------

    def forward(self, plan: ForwardPlan, group: Group, uri: bytes, body: bytes, ended: bool) -> BodySink:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        forwarding = self._forwarding
        if forwarding is None:
            forwarding = self._forwarding = Forwarding(self)
        forwarding.begin(plan, group, uri, body, ended)
        return forwarding

    def answer_tail(self) -> bytes:
        """Does the connection stay open: the client's wish, ``keepalive_requests``, ``keepalive_time…``."""
        route = self.exchange.route
        if (
            self._close
            or not self.exchange.head.keep_alive
            or not route.keepalive_timeout
            or self._requests >= route.keepalive_limit
            or self.exchange.started - self._since >= route.keepalive_time
            or self.plane.draining
            or ((route.browsers > 1 or self.exchange.head.method == b"POST") and self._has_minded_browser())
        ):
            self._close = True
            return _CLOSE
        return route.tail

    def _has_minded_browser(self) -> bool:
        """``keepalive_disable``: mostly a question of POST requests alone."""
        exchange = self.exchange
        return exchange.route.browsers != 0 and is_minded(exchange.head, exchange.route.browsers)

    def close_after(self) -> None:
        """The connection closes after this answer."""
        self._close = True

    def refuse(self, status: int, held: bytes | None = b"") -> None:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        answers.send_page(self, status, b"", held)

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
        self.exchange.user[BROKEN_OFF] = b"1"
        self._over()
        self._close_now()

    def _over(self) -> None:
        """Whatever became of the request, it is known now: its line goes to the access logs."""
        self._answered = True
        self._sink = DISCARD
        exchange = self.exchange
        if exchange.at_end:
            exchange.end()
        if exchange.route.logged:
            self.plane.log(exchange)

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
            self._ahead_of = self._requests + 1
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

    # -- time limits ---------------------------------------------------------------------------------------------

    def end_idle(self, until: float) -> None:
        """The process is to end: close at ``until`` (reactor seconds) if no request comes before.

        One that comes is answered with ``Connection: close``, as :attr:`DataPlane.draining` says.
        """
        if self.state != HEAD or self._ahead or self.write_blocked:
            return
        route = self.exchange.route
        if not (route.keepalive_min and self._requests):
            self.deadline = min(self.deadline, until)
        elif not self._close:
            self._close = True  # said once: then the deadline tells no more since when it is idle
            idle_since = self.deadline - route.keepalive_timeout
            self.deadline = min(self.deadline, max(until, idle_since + route.keepalive_min))

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
        self._over()
        self._close_now()

    def _heads(self, data: bytes) -> None:
        """Serve what came ahead; ``downstream`` knows how."""
        raise RuntimeError("only a whole connection reads heads")

    def redirect(self, uri: bytes, args: bytes, body: bytes = b"", ended: bool = True) -> None:
        """Serve the request as ``uri`` instead; ``phases`` knows how."""
        raise RuntimeError("only a whole connection redirects")

    def redirect_named(self, name: bytes, body: bytes = b"", ended: bool = True) -> None:
        """Serve the request by the named location ``name``; ``phases`` knows how."""
        raise RuntimeError("only a whole connection redirects")
