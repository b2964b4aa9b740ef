"""Passing a server's answer on: its head rewritten in one pass, its body as it comes.

The lower half of ``attempt.Forwarding``: what happens from the server's first good byte on.  A small answer is one
write; a body is written piece by piece, held back when the client takes no more.

A client that is no connection of ours (``resource``) takes heads as values and frames bodies itself: it comes with a
:class:`HeadTaker`, and the rest stays as it is.
"""

from __future__ import annotations

from typing import Final, Protocol

from dyups.http1.chunked import LAST_CHUNK, BadChunk, ChunkedReader, chunk
from dyups.http1.reasons import status_line
from dyups.http1.response import ResponseHead
from dyups.proxy.answers import CHUNKED, chunks, end_of_chunks
from dyups.proxy.client import ClientSide
from dyups.proxy.exchange import BEHIND, AttemptRecord, Exchange
from dyups.proxy.filters.accel import intercept, pass_hints
from dyups.proxy.forward.faults import Fault
from dyups.proxy.forward.pairing import Pairing
from dyups.proxy.forward.peerlink import CLOSE, HEAD, TUNNEL, PeerLink
from dyups.proxy.plane import complain
from dyups.upstream.tally import Tally

#: A number of requests beyond any ``keepalive_requests``: such a link is closed when it is given back.
_NOT_AGAIN: Final = 1 << 30


class HeadTaker(Protocol):
    """A client that takes the heads of answers as values, and tells its own side where a body ends."""

    def begin_answer(self, head: ResponseHead, body: bytes) -> None:
        """The head of the answer, with what there is of its body."""
        ...


class Relay(Pairing):
    """The way back: from ``link`` to ``client``."""

    __slots__ = ("_body", "_chunks_out", "_crowded", "_record", "_taker", "_trailed")

    def __init__(self, client: ClientSide, taker: HeadTaker | None = None) -> None:
        super().__init__(client)
        self._taker = taker
        self._body: list[bytes] = []
        """What is kept of the request's body, as it goes out."""
        self._chunks_out = False
        self._crowded = False
        """Something came behind the answer, which makes the connection suspect."""
        self._trailed: ChunkedReader | None = None
        """Reads the body whose trailer fields are passed on."""
        self._record: AttemptRecord | None = None

    def hints_came(self, head: ResponseHead) -> None:
        """103 (RFC 8297): a head before the one that counts."""
        if self._taker is None:
            pass_hints(self.client, self._plan, head)

    def set_aside(self) -> None:
        """The server has done its part, and its answer goes no further."""
        peer = self.peer
        if peer is not None and peer.fails:
            peer.note_success()
        self._body = []
        self._drop()

    # -- the answer ----------------------------------------------------------------------------------------------

    def head_came(self, head: ResponseHead, rest: bytes) -> None:
        """The server's head, with what came after it in the same read."""
        client = self.client
        exchange = self.exchange
        status = exchange.status = head.status
        exchange.upstream_head = head
        link = self.link
        assert link is not None
        if self._record is not None:
            self._record.head_came(status, link.received, link.received - len(rest))
        if status == 101:
            self._switch(head, rest, link)
            return
        statuses = self._plan.retry_statuses
        if statuses and status in statuses and self.passes_over(statuses[status]):
            return
        if status >= 300 and self._plan.intercepts and intercept(self, head):
            return
        if head.marked and self._plan.accel is not None and self._plan.accel.heed(self, head):
            return
        edits = self._plan.edits
        if edits is not None and self._taker is None:
            edited = edits.edited(self, head)
            if edited is None:
                return
            head = edited
        if not self._ended:
            client.close_after()  # the server answered before it had the whole request
        bodies = self._plan.bodies
        if bodies is None or self._taker is not None:
            self.answer(head, self.lines(head), rest)
        else:
            bodies.pass_on(self, head, rest)

    def lines(self, head: ResponseHead) -> bytes:
        """The lines of the head for the client, each with its line end; what frames the body is not among them."""
        sent_on = head.sent_on
        if self._taker is not None:
            return sent_on
        exchange = self.exchange
        plan = self._plan
        if exchange.error_status:
            exchange.status = exchange.error_status
        if plan.filter is not None:
            sent_on = plan.filter.lines(exchange, head)
        elif head.marked and plan.for_marked is not None:
            sent_on = plan.for_marked.lines(exchange, head)
        if self._group.sticky is not None and self.peer is not None:
            sent_on = self._group.sticky.answer(exchange, self.peer, exchange.status, sent_on)
        exchange.sent = sent_on
        return sent_on if exchange.carried is None else exchange.carried.lines + sent_on

    def bodiless(self, head: ResponseHead) -> bool:
        """Does the client get no body, whatever the server sends?"""
        exchange = self.exchange
        status = head.status
        return exchange.head.method == b"HEAD" or status == 204 or status == 304 or self._drops_body(exchange)

    def _drops_body(self, exchange: Exchange) -> bool:
        """The server sends a body that is not the client's, or none where the client should have one."""
        if exchange.error_status == 204 or exchange.error_status == 304:  # error_page says so
            return True
        return self._plan.shape is not None and self._plan.shape.swaps_head(exchange)

    def answer(self, head: ResponseHead, lines: bytes, rest: bytes, told: bool = True) -> None:
        """Pass on ``head`` as ``lines``, and the body as it comes.

        A head alone tells the body's length if it is to be ``told``.
        """
        if self.bodiless(head):
            self._answer_bare(head, lines, rest, told)
            return
        body = self.first_of(head, rest)
        if body is None:
            return
        framing = self._framing(head)
        if self._chunks_out:
            body = chunk(body) if body else b""
            if self.whole():
                body += self._last_chunk()
        self._write_head(head, lines, framing, body)
        self.await_rest(head)

    def _answer_bare(self, head: ResponseHead, lines: bytes, rest: bytes, told: bool) -> None:
        exchange = self.exchange
        status, length = head.status, head.content_length
        drops = self._drops_body(exchange)
        framing = b""
        # RFC 9110 section 8.6: 204 has no Content-Length, whatever the server says.
        if told and status != 204 and exchange.error_status != 204 and exchange.error_status != 304:
            if exchange.head.method != b"HEAD" and status != 304:
                length = 0
            if length >= 0:
                framing = b"Content-Length: %d\r\n" % length
        self._write_head(head, lines, framing, b"")
        self._finish(head.keep_alive and not rest and not drops)

    def head_of(self, head: ResponseHead, lines: bytes, framing: bytes, body: bytes = b"") -> bytes:
        """The whole head for the client, and ``body`` behind it."""
        exchange = self.exchange
        plan = self._plan
        line = status_line(exchange.status) if exchange.error_status else head.status_line
        start = self.plane.head_start(line, plan.server_tokens)
        if plan.start is not None:
            start = plan.start(start, head)
        made = b"".join((start, lines, framing, self.client.answer_tail(), body))
        exchange.head_sent = len(made) - len(body)
        return made

    def _write_head(self, head: ResponseHead, lines: bytes, framing: bytes, body: bytes) -> None:
        """Send the head, with the line that tells the body's length (if any) and what there is of the body."""
        client = self.client
        if self._taker is not None:
            self._taker.begin_answer(head, body)
            return
        message = self.head_of(head, lines, framing, body)
        self.exchange.body_sent = len(body)
        client.write(message)

    # -- its body ------------------------------------------------------------------------------------------------

    def first_of(self, head: ResponseHead, rest: bytes) -> bytes | None:
        """What ``rest`` has of the body; the link awaits what is missing.  None where it can be no body: it failed."""
        link = self.link
        assert link is not None
        length = head.content_length
        self._trailed = None
        if length >= 0:
            left = length - len(rest)
            if left > 0:
                link.await_length(left)
            self._crowded = left < 0
            return rest if left >= 0 else rest[:length]
        if not head.chunked:
            link.state = CLOSE
            return rest
        reader = ChunkedReader()
        try:
            body = reader.feed(rest)
        except BadChunk as error:
            self.failed(Fault.BAD_HEAD, f"upstream sent invalid chunked response: {error}")
            return None
        if self._plan.trailers:
            self._trailed = reader
        if reader.rest is None:
            link.await_chunks(reader)
        else:
            self._crowded = bool(reader.rest)
        return body

    def whole(self) -> bool:
        """Is what came all of the answer?"""
        return self.link is not None and self.link.state == HEAD

    def _framing(self, head: ResponseHead) -> bytes:
        """How the body is framed for the client: the line that says so."""
        exchange = self.exchange
        if head.content_length >= 0:
            adds = exchange.route.adds
            if adds is None or self._taker is not None or not adds.trails(exchange, exchange.status):
                return head.length_line
        elif (
            self._taker is not None
            or exchange.head.minor != 1
            or not (exchange.route.settings.chunked_transfer_encoding or chunks(exchange))
        ):
            self.client.close_after()
            return b""
        self._chunks_out = True
        return CHUNKED

    def await_rest(self, head: ResponseHead) -> None:
        """The head is out: the answer is complete, or the rest of its body is awaited, or it has failed already."""
        link = self.link
        if link is None:
            return
        if link.state == HEAD:
            self._finish(head.keep_alive and not self._crowded)
            return
        if not head.keep_alive:
            link.requests = _NOT_AGAIN
        if self.client.write_blocked:
            link.pause()
        self.set_deadline(link)

    def body(self, data: bytes) -> None:
        """A piece of the body."""
        link = self.link
        assert link is not None
        client = self.client
        self.exchange.body_sent += len(data)
        if not client.write_blocked:
            link.deadline = self.plane.deadlines.now + self._plan.read_timeout
        client.write(chunk(data) if self._chunks_out else data)

    def last_body(self, data: bytes, beyond: bytes) -> None:
        """The last piece of the body; ``beyond`` came after its end and makes the connection suspect."""
        client = self.client
        self.exchange.body_sent += len(data)
        if self._chunks_out:
            client.write((chunk(data) if data else b"") + self._last_chunk())
        elif data:
            client.write(data)
        self._finish(not beyond)

    def _last_chunk(self) -> bytes:
        """The end of a chunked body."""
        if self._trailed is None and self.exchange.route.adds is None:
            return LAST_CHUNK
        return end_of_chunks(self.trailers())

    def trailers(self) -> bytes:
        """The lines behind a chunked body: the server's where they are passed on, and our own."""
        trailed, self._trailed = self._trailed, None
        adds = self.exchange.route.adds
        theirs = b"" if trailed is None else trailed.trailer_lines()
        if theirs:
            self.exchange.user[BEHIND] = theirs
        return theirs + (b"" if adds is None else adds.trailers(self.exchange))

    def body_ended(self) -> None:
        """The server closed, which ends a body without a length."""
        if self._chunks_out:
            self.client.write(self._last_chunk())
        self._finish(False)

    def _finish(self, reusable: bool) -> None:
        """The answer is complete: give the link back and tell the client's side."""
        peer, link = self.peer, self.link
        assert peer is not None and link is not None
        self.peer = None
        self.link = None
        peer.ended()
        if peer.fails:
            peer.note_success()
        if self.plane.tallied:
            if peer.tally is None:
                peer.tally = Tally()
            peer.tally.note(self.exchange.status, self.exchange.started)
        if self._record is not None:
            self._record.end(True, link.received)
            self._record = None
        if self._body:
            self._body = []
        pool = peer.pool
        if (
            reusable
            and self._ended
            and not link.blocked
            and self._plan.head.keeps
            and link.requests < pool.most_requests
            and self.plane.deadlines.now - link.made < pool.lasts
            and peer.keep_idle(link)
        ):
            link.rest(pool.waits)
        else:
            link.discard()
        if pool.queue is not None:
            pool.queue.released()
        self.client.answered()

    def broke_off(self, text: str) -> None:
        """The server failed in the midst of its answer: the client must see that it is not whole.

        As in nginx this is no failure in the sense of ``max_fails``, which looks no further than the head.
        """
        complain("error", self.client.context(text, self._upstream()))
        self._drop()
        self.client.cut()

    def _drop(self) -> None:
        """Let go of the server: the attempt is over, the link is of no use."""
        peer, link = self.peer, self.link
        self.peer = None
        self.link = None
        if self._record is not None:
            self._record.end(False, 0 if link is None else link.received)
            self._record = None
        if link is not None:
            link.discard()
        if peer is not None:
            peer.ended()
            if peer.pool.queue is not None:
                peer.pool.queue.released()

    # -- tunnels -------------------------------------------------------------------------------------------------

    def _switch(self, head: ResponseHead, rest: bytes, link: PeerLink) -> None:
        """101: the protocol changes on both sides (RFC 9110 section 15.2.2), if the client asked and so did we."""
        client = self.client
        asked = self.exchange.head.upgrade
        if not asked or not self._plan.switches:
            self.failed(Fault.BAD_HEAD, "upstream switched protocols unasked")
            return
        if not self._ended:
            self.failed(Fault.BAD_HEAD, "upstream switched protocols before it had the whole request")
            return
        link.state = TUNNEL
        self.set_deadline(link)
        self._body = []
        start = client.plane.head_start(head.status_line, self._plan.server_tokens)
        upgrade = b"Upgrade: %b\r\nConnection: upgrade\r\n\r\n" % (head.upgrade or asked)
        message = b"".join((start, head.sent_on, upgrade))
        self.exchange.sent = head.sent_on + upgrade
        self.exchange.head_sent = len(message)
        self.exchange.body_sent = len(rest)
        client.write(message + rest)
        client.begin_tunnel()

    def tunnel_ended(self) -> None:
        """The server closed its side of the tunnel, or was silent for too long."""
        peer = self.peer
        if peer is not None and peer.fails:
            peer.note_success()
        self._drop()
        self.client.end_tunnel()
