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
from dyups.proxy.answers import CHUNKED, end_of_chunks
from dyups.proxy.client import ClientSide
from dyups.proxy.deadlines import NEVER
from dyups.proxy.exchange import AttemptRecord
from dyups.proxy.filters.accel import intercept, pass_hints
from dyups.proxy.forward.faults import Fault
from dyups.proxy.forward.peerlink import CLOSE, HEAD, TUNNEL, PeerLink
from dyups.proxy.forward.plan import ForwardPlan
from dyups.proxy.plane import DataPlane, complain
from dyups.upstream.group import Group
from dyups.upstream.peer import Peer
from dyups.upstream.tally import Tally

#: A number of requests beyond any ``keepalive_requests``: such a link is closed when it is given back.
_NOT_AGAIN: Final = 1 << 30


class HeadTaker(Protocol):
    """A client that takes the heads of answers as values, and tells its own side where a body ends."""

    def begin_answer(self, head: ResponseHead, body: bytes) -> None:
        """The head of the answer, with what there is of its body."""
        ...


class Relay:
    """The way back: from ``link`` to ``client``.  ``peer`` is None while no server works for the client."""

    __slots__ = (
        "_body",
        "_chunks_out",
        "_ended",
        "_group",
        "_plan",
        "_record",
        "_taker",
        "_trailed",
        "client",
        "link",
        "peer",
        "plane",
    )

    _plan: ForwardPlan
    _group: Group
    _ended: bool

    def __init__(self, client: ClientSide, taker: HeadTaker | None = None) -> None:
        self.client = client
        self._taker = taker
        self.plane: DataPlane = client.plane
        self.peer: Peer | None = None
        self.link: PeerLink | None = None
        self._body: list[bytes] = []
        """What is kept of the request's body, as it goes out."""
        self._chunks_out = False
        self._trailed: ChunkedReader | None = None
        """Reads the body whose trailer fields are passed on."""
        self._record: AttemptRecord | None = None

    def failed(self, fault: Fault, detail: str = "") -> None:
        """The attempt failed before anything was sent to the client; ``attempt`` decides what follows."""
        raise RuntimeError("a relay alone cannot try another server")

    def passes_over(self, fault: Fault) -> bool:
        """The answer itself is ``fault``: has another server been asked instead; ``attempt`` decides."""
        raise RuntimeError("a relay alone cannot try another server")

    @property
    def plan(self) -> ForwardPlan:
        """How the location forwards."""
        return self._plan

    def held_body(self) -> bytes | None:
        """What came of the request's body so far, None where it is not kept."""
        return None

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
        exchange = client.exchange
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
        length = head.content_length
        no_body = exchange.head.method == b"HEAD" or status == 204 or status == 304
        bare = exchange.error_status == 204 or exchange.error_status == 304  # error_page says so
        swapped = bare or (self._plan.shape is not None and self._plan.shape.swaps_head(exchange))
        if no_body or swapped:
            # RFC 9110 section 8.6: 204 has no Content-Length, whatever the server says.
            told = b"Content-Length: %d\r\n" % (length if no_body else 0)
            tells = (length >= 0 or swapped) and status != 204 and not bare
            self._write_head(head, told if tells else b"", b"")
            self._finish(head.keep_alive and not rest and not swapped)
        elif length >= 0:
            self._answer_length(head, length, rest, link)
        else:
            self._answer_unknown(head, rest, link)

    def _write_head(self, head: ResponseHead, framing: bytes, body: bytes) -> None:
        """Send the head, with the line that tells the body's length (if any) and what there is of the body."""
        client = self.client
        if self._taker is not None:
            self._taker.begin_answer(head, body)
            return
        exchange = client.exchange
        plan = self._plan
        line = head.status_line
        if exchange.error_status:
            exchange.status = exchange.error_status
            line = status_line(exchange.status)
        sent_on = head.sent_on
        if plan.filter is not None:
            sent_on = plan.filter.lines(exchange, head)
        elif head.marked and plan.for_marked is not None:
            sent_on = plan.for_marked.lines(exchange, head)
        if self._group.sticky is not None and self.peer is not None:
            sent_on = self._group.sticky.answer(exchange, self.peer, exchange.status, sent_on)
        exchange.sent = sent_on
        start = self.plane.head_start(line, plan.server_tokens)
        if plan.start is not None:
            start = plan.start(start, head)
        if exchange.carried is not None:
            sent_on = exchange.carried.lines + sent_on
        message = b"".join((start, sent_on, framing, client.answer_tail(), body))
        size = len(body)
        exchange.head_sent = len(message) - size
        exchange.body_sent = size
        client.write(message)

    def _answer_length(self, head: ResponseHead, length: int, rest: bytes, link: PeerLink) -> None:
        left = length - len(rest)
        body = rest if left >= 0 else rest[:length]
        framing = b"Content-Length: %d\r\n" % length
        exchange = self.client.exchange
        adds = exchange.route.adds
        if (
            adds is not None
            and self._taker is None
            and adds.trails(exchange, exchange.error_status or head.status)
        ):
            self._chunks_out = True  # for fields of ours behind the body (add_trailer)
            framing = CHUNKED
            body = chunk(body) if body else b""
        if left > 0:
            link.await_length(left)
            self._write_head(head, framing, body)
            self._body_goes_on(head, link)
        else:
            self._write_head(head, framing, body + self._last_chunk() if self._chunks_out else body)
            self._finish(head.keep_alive and left == 0)

    def _answer_unknown(self, head: ResponseHead, rest: bytes, link: PeerLink) -> None:
        """A body whose length nobody knows yet: chunked towards HTTP/1.1 clients, else ended by closing."""
        client = self.client
        reader: ChunkedReader | None = None
        if head.chunked:
            reader = ChunkedReader()
            try:
                rest = reader.feed(rest)
            except BadChunk as error:
                self.failed(Fault.BAD_HEAD, f"upstream sent invalid chunked response: {error}")
                return
        body = rest
        framing = b""
        self._chunks_out = self._taker is None and client.exchange.head.minor == 1
        self._trailed = reader if self._plan.trailers else None
        if self._chunks_out:
            framing = CHUNKED
            body = chunk(rest) if rest else b""
        else:
            client.close_after()
        if reader is None:
            link.state = CLOSE
        elif reader.rest is None:
            link.await_chunks(reader)
        else:
            self._write_head(head, framing, body + self._last_chunk() if self._chunks_out else body)
            self._finish(head.keep_alive and not reader.rest)
            return
        self._write_head(head, framing, body)
        self._body_goes_on(head, link)

    def _body_goes_on(self, head: ResponseHead, link: PeerLink) -> None:
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
        client.exchange.body_sent += len(data)
        if not client.write_blocked:
            link.deadline = self.plane.deadlines.now + self._plan.read_timeout
        client.write(chunk(data) if self._chunks_out else data)

    def last_body(self, data: bytes, beyond: bytes) -> None:
        """The last piece of the body; ``beyond`` came after its end and makes the connection suspect."""
        client = self.client
        client.exchange.body_sent += len(data)
        if self._chunks_out:
            client.write((chunk(data) if data else b"") + self._last_chunk())
        elif data:
            client.write(data)
        self._finish(not beyond)

    def _last_chunk(self) -> bytes:
        """The end of a chunked body, with the server's trailer fields where they are passed on, and with our own."""
        trailed, self._trailed = self._trailed, None
        adds = self.client.exchange.route.adds
        if trailed is None and adds is None:
            return LAST_CHUNK
        theirs = b"" if trailed is None else trailed.trailer_lines()
        return end_of_chunks(theirs + (b"" if adds is None else adds.trailers(self.client.exchange)))

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
            peer.tally.note(self.client.exchange.status, self.client.exchange.started)
        if self._record is not None:
            self._record.end(True, link.received)
            self._record = None
        if self._body:
            self._body = []
        spec = self._group.spec
        if (
            reusable
            and self._ended
            and not link.blocked
            and self._plan.head.keeps
            and link.requests < spec.keepalive_requests
            and self.plane.deadlines.now - link.made < spec.keepalive_time
            and peer.keep_idle(link)
        ):
            link.rest(spec.keepalive_timeout)
        else:
            link.discard()
        if peer.pool.queue is not None:
            peer.pool.queue.released()
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

    def _upstream(self) -> bytes:
        return self.peer.name if self.peer is not None else b""

    # -- tunnels -------------------------------------------------------------------------------------------------

    def _switch(self, head: ResponseHead, rest: bytes, link: PeerLink) -> None:
        """101: the protocol changes on both sides (RFC 9110 section 15.2.2), if the client asked and so did we."""
        client = self.client
        asked = client.exchange.head.upgrade
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
        client.exchange.sent = head.sent_on + upgrade
        client.exchange.head_sent = len(message)
        client.exchange.body_sent = len(rest)
        client.write(message + rest)
        client.begin_tunnel()

    def tunnel_ended(self) -> None:
        """The server closed its side of the tunnel, or was silent for too long."""
        peer = self.peer
        if peer is not None and peer.fails:
            peer.note_success()
        self._drop()
        self.client.end_tunnel()

    # -- pace and time -------------------------------------------------------------------------------------------

    def client_paused(self) -> None:
        """The client takes no more for now: neither do we from the server."""
        link = self.link
        if link is not None:
            link.pause()
            self.set_deadline(link)

    def client_resumed(self) -> None:
        """The client takes more."""
        link = self.link
        if link is not None:
            link.resume()
            if self.link is link:
                self.set_deadline(link)

    def set_deadline(self, link: PeerLink) -> None:
        """How long ``link`` may stay as it is; for whenever more has changed than that a piece came."""
        now = self.plane.deadlines.now
        if link.blocked:
            link.deadline = now + self._plan.send_timeout
        elif link.paused or (link.state == HEAD and not self._ended):
            link.deadline = NEVER  # the client's own send_timeout, or client_body_timeout, counts
        else:
            link.deadline = now + self._plan.read_timeout
