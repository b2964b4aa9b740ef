"""A request of our own to a location of the same server, for a client's request: ``auth_request``, ``mirror``, scripts.

A :class:`SubRequest` is the client of an exchange of its own (:class:`~dyups.proxy.client.ClientSide`): the location
serves it as any other, ``internal`` ones too, and it keeps the status, the head, and the body if that is wanted.  As in
nginx the access phase is skipped, and variables are shared with the request that it is for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from dyups.http1.request import RequestHead
from dyups.http1.response import ResponseHead
from dyups.metrics.errorlog import placed
from dyups.proxy import answers
from dyups.proxy.client import BodySink, ClientSide
from dyups.proxy.exchange import MOST_REDIRECTS, Exchange
from dyups.proxy.forward.attempt import Forwarding
from dyups.proxy.forward.plan import ForwardPlan
from dyups.proxy.passage import Passage
from dyups.proxy.plane import complain
from dyups.proxy.rewrite.steps import AGAIN, BREAK, DONE, run_steps
from dyups.proxy.serving import DISCARD
from dyups.upstream.group import Group

if TYPE_CHECKING:
    from dyups.proxy.route import Route

#: Bytes of an answer that are kept where that is wanted; a longer one ends as a failure.
MOST_KEPT = 1 << 20


class SubRequest:
    """One sub-request of ``parent``; ``done`` hears of its end, unless it is cancelled.

    ``detached``: it outlives the request that it is for.
    """

    def __init__(
        self,
        parent: ClientSide,
        done: Callable[[SubRequest], object],
        *,
        head: RequestHead | None = None,
        keep: bool = False,
        detached: bool = False,
    ) -> None:
        main = parent.exchange
        self.plane = parent.plane
        self.secured = parent.secured
        self.write_blocked = False
        self.body = b""
        """The body of the answer, if it is kept."""
        self.failed = False
        """The answer was cut off, or is longer than what is kept."""
        self._done: Callable[[SubRequest], object] | None = done
        self._keep = keep
        self._headed = False
        self.write: Callable[[bytes], None] = self._write
        self._sink: BodySink = DISCARD
        self._forwarding: Forwarding | None = None
        self._address, self._local = parent.client_address(), parent.local_address()
        self._numbers = parent.connection_numbers()
        self._pipelined = parent.pipelined()
        self._since = parent.connected_at()
        self._parent = parent
        self._detached = detached
        exchange = self.exchange = Exchange(self)
        exchange.renew(main.head.without_body() if head is None else head)
        # HTTP/1.0: what is answered ends with the answer, and is never chunked.
        exchange.head = _without_chunks(exchange.head)
        exchange.server = main.server
        exchange.route = main.server.root
        exchange.user = {**main.user} if detached else main.user
        exchange.captures = main.captures
        exchange.real_address = main.real_address
        exchange.request_id = main.request_id
        exchange.sub = True

    @property
    def status(self) -> int:
        """The status of the answer; 0 before it."""
        return self.exchange.status

    def start(self, uri: bytes, args: bytes, body: bytes = b"") -> None:
        """Ask for ``uri`` (decoded) of the same server; ``body`` is all that the request has."""
        exchange = self.exchange
        exchange.move(uri, args)
        exchange.redirects = 1
        exchange.received = len(body)
        self._moved(self._serve(body))

    def cancel(self) -> None:
        """Nobody wants to know any more."""
        self._done = None
        sink, self._sink = self._sink, DISCARD
        sink.client_gone()
        self.exchange.end()

    # -- through the phases, as ``phases`` does it for clients ---------------------------------------------------

    def _serve(self, body: bytes) -> BodySink:
        exchange = self.exchange
        server = exchange.server
        if server.steps and run_steps(exchange, server.steps) == DONE:
            return DISCARD
        return self.locate_again(body, True)

    def locate_again(self, body: bytes, ended: bool) -> BodySink:
        """Find the location for the path."""
        if not self._may_move():
            return DISCARD
        exchange = self.exchange
        route = exchange.route = exchange.server.level.find(exchange) or exchange.server.root
        return self._pass(route, body)

    def _pass(self, route: Route, body: bytes) -> BodySink:
        exchange = self.exchange
        uri = exchange.uri
        verdict = run_steps(exchange, route.steps)
        if verdict == DONE:
            return DISCARD
        if verdict == AGAIN or exchange.uri is not uri:
            if verdict != BREAK:
                return self.locate_again(body, True)
            exchange.place_lost = True
        route = exchange.route
        if route.phases:
            return Passage(self, route.phases, body, True).begin()
        return route.serving.serve(exchange, body, True)

    def _may_move(self) -> bool:
        self.exchange.redirects += 1
        if self.exchange.redirects <= MOST_REDIRECTS + 2:
            return True
        complain("error", self.context("rewrite or internal redirection cycle in a subrequest"))
        answers.send_page(self, 500)
        return False

    def _moved(self, sink: BodySink) -> None:
        if self._done is not None and sink is not DISCARD:
            self._sink = sink

    def redirect(self, uri: bytes, args: bytes, body: bytes = b"", ended: bool = True) -> None:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        self.exchange.move(uri, args)
        self._moved(self._serve(body))

    def redirect_named(self, name: bytes, body: bytes = b"", ended: bool = True) -> None:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        route = self.exchange.server.named.get(name)
        if route is None:
            answers.send_page(self, 500)
        elif self._may_move():
            self.exchange.route = route
            self._moved(self._pass(route, body))

    def waits_for(self, sink: BodySink) -> bool:
        """Is it still ``sink`` that has the request."""
        return self._sink is sink and self._done is not None

    def hand_over(self, before: BodySink, sink: BodySink) -> None:
        """What ``before`` waited for has come."""
        if self._sink is before:
            self._sink = sink

    # -- the answer ----------------------------------------------------------------------------------------------

    def forward(self, plan: ForwardPlan, group: Group, uri: bytes, body: bytes, ended: bool) -> BodySink:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        forwarding = self._forwarding = Forwarding(self, self)
        forwarding.begin(plan, group, uri, body, ended)
        return forwarding

    def begin_answer(self, head: ResponseHead, body: bytes) -> None:
        """See :class:`~dyups.proxy.forward.relay.HeadTaker`."""
        self._headed = True
        self._take(body)

    def _write(self, data: bytes) -> None:
        """Of an answer of ours the head comes in the first piece."""
        if not self._headed:
            self._headed = True
            data = data.partition(b"\r\n\r\n")[2]
        self._take(data)

    def _take(self, data: bytes) -> None:
        if self._keep:
            self.body += data
            if len(self.body) > MOST_KEPT:
                self.failed = True
                self._keep = False

    def answered(self) -> None:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        done, self._done = self._done, None
        self._sink = DISCARD
        exchange = self.exchange
        exchange.end()
        if done is not None:
            if exchange.route.logged and exchange.route.settings.log_subrequest:
                self.plane.log(exchange)
            done(self)

    def cut(self) -> None:
        """The answer is not whole."""
        self.failed = True
        self.answered()

    def refuse(self, status: int, held: bytes | None = b"") -> None:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        answers.send_page(self, status, b"", held)

    def begin_tunnel(self) -> None:
        """Nobody asks for another protocol here."""
        self.cut()

    def end_tunnel(self) -> None:
        """There is none."""

    def answer_tail(self) -> bytes:
        """The end of a head."""
        return b"\r\n"

    def close_after(self) -> None:
        """There is no connection to close."""

    def body_ended(self) -> bool:
        """All of it came with the request."""
        return True

    def body_paused(self) -> bool:
        """All of it is there."""
        return False

    def pass_body(self, data: bytes, ended: bool) -> None:
        """None of it was kept elsewhere."""

    def pause_body(self) -> None:
        """Nothing more comes."""

    def resume_body(self) -> None:
        """Nothing more comes."""

    # -- whom it is for --------------------------------------------------------------------------------------------

    def context(self, message: str, upstream: bytes = b"") -> str:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        if self._detached:
            said = f"*{self._numbers[0]} {message}, client: {self._address[0].decode()}"
            return placed(said, self.exchange.route.settings.error_log)
        return self._parent.context(message, upstream)

    def client_address(self) -> tuple[bytes, int]:
        """The client's."""
        return self._address

    def local_address(self) -> tuple[bytes, int]:
        """Where the client came to."""
        return self._local

    def connection_numbers(self) -> tuple[int, int]:
        """Of the client's connection."""
        return self._numbers

    def connected_at(self) -> float:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        return self._since

    def pipelined(self) -> bool:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        return self._pipelined


def _without_chunks(head: RequestHead) -> RequestHead:
    """The same head, of HTTP/1.0; heads are shared, and never changed."""
    made = RequestHead()
    for name in (
        *("line", "method", "target", "fields", "host", "raw_host", "content_length", "chunked", "length"),
        *("uri", "args", "sent_on"),
    ):
        setattr(made, name, getattr(head, name))
    made.minor = 0
    return made
