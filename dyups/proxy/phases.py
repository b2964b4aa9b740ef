"""A client's connection, the part that takes a request through nginx's phases and sends it on within the server.

Server rewrite, location, rewrite, then what the location has of phases that may wait (``passage``), then its content.
``downstream`` begins it with a head; an internal redirect (``error_page``, ``try_files``, ``X-Accel-Redirect``) comes
back here.
"""

from __future__ import annotations

from dyups.proxy import answers
from dyups.proxy.answering import ClientAnswers
from dyups.proxy.client import BodySink
from dyups.proxy.exchange import MOST_REDIRECTS
from dyups.proxy.pace import BODY, GONE
from dyups.proxy.passage import Passage
from dyups.proxy.plane import complain
from dyups.proxy.rewrite.steps import AGAIN, BREAK, DONE, run_steps
from dyups.proxy.route import Route
from dyups.proxy.serving import DISCARD


class ClientPhases(ClientAnswers):
    """From a head that was read to whoever answers it."""

    __slots__ = ()

    def _serve(self, body: bytes, ended: bool, size: int) -> BodySink:
        """Let the request's location serve it; ``size`` is what is known of the body's.  Who takes the body."""
        exchange = self.exchange
        server = exchange.server
        method = exchange.head.method
        if method == b"TRACE" or method == b"CONNECT":
            self.close_after()  # what follows may be meant for somebody else (ngx_http_process_request_header)
            answers.send_page(self, 405)
            return DISCARD
        if server.steps:
            exchange.held = body
            if run_steps(exchange, server.steps) == DONE:
                return DISCARD
            exchange.held = b""
        route = exchange.route = server.level.find(exchange) or server.root
        if size > route.body_limit:
            self._too_large()
            return DISCARD
        if route.plain:
            return route.serving.serve(exchange, body, ended)
        return self._pass(route, body, ended)

    def _pass(self, route: Route, body: bytes, ended: bool) -> BodySink:
        """Everything that may stand between the location and its content."""
        exchange = self.exchange
        uri = exchange.uri
        exchange.held = body
        verdict = run_steps(exchange, route.steps)
        if verdict == DONE:
            return DISCARD
        if verdict == AGAIN or exchange.uri is not uri:
            if verdict != BREAK:
                return self.locate_again(body, ended)
            exchange.place_lost = True  # ngx_http_script_break_code
        route = exchange.route  # an "if" may have put another in its place
        if route.phases:
            return Passage(self, route.phases, body, ended).begin()
        exchange.held = b""
        return route.serving.serve(exchange, body, ended)

    # -- sent elsewhere ------------------------------------------------------------------------------------------

    def locate_again(self, body: bytes, ended: bool) -> BodySink:
        """The path was rewritten: find its location (``NGX_HTTP_POST_REWRITE_PHASE``)."""
        if not self._may_move("processing"):
            return DISCARD
        exchange = self.exchange
        server = exchange.server
        route = exchange.route = server.level.find(exchange) or server.root
        if self._announced() > route.body_limit:
            self._too_large()
            return DISCARD
        return self._pass(route, body, ended)

    def redirect(self, uri: bytes, args: bytes, body: bytes = b"", ended: bool = True) -> None:
        """Serve the request as ``uri`` instead (``ngx_http_internal_redirect``); nothing of an answer was sent.

        ``uri`` is decoded.  ``body`` is what came of the request's body and ``ended`` that nothing follows; after
        :meth:`Exchange.drop_body` there is none.
        """
        exchange = self.exchange
        exchange.move(uri, args)
        if self._may_move("internally redirecting to"):
            exchange.route = exchange.server.root
            self._moved(self._serve(body, ended, self._announced()))

    def redirect_named(self, name: bytes, body: bytes = b"", ended: bool = True) -> None:
        """Serve the request by the named location ``name``, with its ``@`` (``ngx_http_named_location``)."""
        exchange = self.exchange
        if not self._may_move("redirecting to named location"):
            return
        route = exchange.server.named.get(name)
        if route is None:
            complain("error", self.context(f'could not find named location "{name.decode("latin-1")}"'))
            exchange.route = exchange.server.root
            answers.send_page(self, 500)
            return
        exchange.route = route
        self._moved(self._pass(route, body, ended))

    def waits_for(self, sink: BodySink) -> bool:
        """Is it still ``sink`` that has the request."""
        return self._sink is sink and not self._answered

    def hand_over(self, before: BodySink, sink: BodySink) -> None:
        """What ``before`` waited for has come: ``sink`` takes the rest of the request's body."""
        if not self._answered and self._sink is before:
            self._sink = sink
            if self._paused and self.state == BODY:
                self.resume_body()

    def pass_body(self, data: bytes, ended: bool) -> None:
        """See :class:`~dyups.proxy.client.PhasedClient`."""
        if self.exchange.head.has_body():
            self._sink.take_body(data, ended)

    def _moved(self, sink: BodySink) -> None:
        """``sink`` serves a request that came from within, maybe while the one before it is still being begun."""
        if self._answered or self.state == GONE:
            return
        if sink is not DISCARD:
            self._sink = sink
        if self._paused and self.state == BODY:
            self.resume_body()

    def _may_move(self, doing: str) -> bool:
        """Count a redirect; a request that goes in circles ends with 500."""
        exchange = self.exchange
        exchange.redirects += 1
        if exchange.redirects <= MOST_REDIRECTS:
            return True
        shown = exchange.uri.decode("latin-1")
        complain("error", self.context(f'rewrite or internal redirection cycle while {doing} "{shown}"'))
        exchange.route = exchange.server.root
        answers.send_page(self, 500)
        return False

    def _announced(self) -> int:
        """What is known of the size of the request's body; nothing of one that was dropped."""
        head = self.exchange.head
        return max(head.content_length, self.exchange.received) if head.has_body() else 0

    def _too_large(self) -> None:
        complain("error", self.context("client intended to send too large body"))
        if self.exchange.head_sent:
            self.cut()
        else:
            answers.send_page(self, 413)
