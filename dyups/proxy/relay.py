"""Passing a server's answer on: its head rewritten in one pass, its body as it comes.

The lower half of ``attempt.Forwarding``: what happens from the server's first good byte on.  A small answer is one
write; a body is written piece by piece, held back when the client takes no more.
"""

from __future__ import annotations

from time import monotonic

from dyups.http1.chunked import LAST_CHUNK, BadChunk, ChunkedReader, chunk
from dyups.http1.response import ResponseHead
from dyups.proxy.client import ClientSide
from dyups.proxy.deadlines import NEVER
from dyups.proxy.exchange import AttemptRecord
from dyups.proxy.peerlink import CLOSE, TUNNEL, PeerLink
from dyups.proxy.plan import Fault, ForwardPlan
from dyups.proxy.plane import DataPlane, complain
from dyups.upstream.group import Group
from dyups.upstream.peer import Peer


class Relay:
    """The way back: from ``link`` to ``client``.  ``peer`` is None while no server works for the client."""

    __slots__ = (
        "_chunks_out",
        "_ended",
        "_group",
        "_plan",
        "_record",
        "client",
        "link",
        "peer",
        "plane",
    )

    _plan: ForwardPlan
    _group: Group
    _ended: bool

    def __init__(self, client: ClientSide) -> None:
        self.client = client
        self.plane: DataPlane = client.plane
        self.peer: Peer | None = None
        self.link: PeerLink | None = None
        self._chunks_out = False
        self._record: AttemptRecord | None = None

    def failed(self, fault: Fault, detail: str = "") -> None:
        """The attempt failed before anything was sent to the client; ``attempt`` decides what follows."""
        raise RuntimeError("a relay alone cannot try another server")

    # -- the answer ----------------------------------------------------------------------------------------------

    def head_came(self, head: ResponseHead, rest: bytes) -> None:
        """The server's head, with what came after it in the same read."""
        client = self.client
        exchange = client.exchange
        status = exchange.status = head.status
        link = self.link
        assert link is not None
        if self._record is not None:
            self._record.status = status
            self._record.header_time = monotonic() - self._record.began
        if status == 101:
            self._switch(head, rest, link)
            return
        if not self._ended:
            client.close_after()  # the server answered before it had the whole request
        bodiless = exchange.head.method == b"HEAD" or status == 204 or status == 304
        length = head.content_length
        if bodiless:
            self._write_head(head, b"Content-Length: %d" % length if length >= 0 else b"", b"", link)
            self._finish(head.keep_alive and not rest)
        elif length >= 0:
            self._answer_length(head, length, rest, link)
        else:
            self._answer_unknown(head, rest, link)

    def _write_head(self, head: ResponseHead, framing: bytes, body: bytes, link: PeerLink) -> None:
        client = self.client
        exchange = client.exchange
        lines = head.lines
        if framing:
            lines.append(framing)
        lines.append(client.answer_tail())
        start = client.plane.head_start(head.status_line, self._plan.server_tokens)
        message = start + b"\r\n".join(lines)
        exchange.head_sent = len(message)
        exchange.body_sent = len(body)
        client.write(message + body if body else message)

    def _answer_length(self, head: ResponseHead, length: int, rest: bytes, link: PeerLink) -> None:
        left = length - len(rest)
        if left > 0:
            self._write_head(head, b"Content-Length: %d" % length, rest, link)
            link.await_length(left)
            self._body_goes_on(head, link)
        else:
            body = rest if left == 0 else rest[:length]
            self._write_head(head, b"Content-Length: %d" % length, body, link)
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
        self._chunks_out = client.exchange.head.minor == 1
        if self._chunks_out:
            framing = b"Transfer-Encoding: chunked"
            body = chunk(rest) if rest else b""
        else:
            framing = b""
            body = rest
            client.close_after()
        if reader is not None and reader.rest is not None:
            if self._chunks_out:
                body += LAST_CHUNK
            self._write_head(head, framing, body, link)
            self._finish(head.keep_alive and not reader.rest)
            return
        self._write_head(head, framing, body, link)
        if reader is None:
            link.state = CLOSE
        else:
            link.await_chunks(reader)
        self._body_goes_on(head, link)

    def _body_goes_on(self, head: ResponseHead, link: PeerLink) -> None:
        if not head.keep_alive:
            link.requests = 1 << 30  # beyond any keepalive_requests: it closes when it is given back
        if self.client.write_blocked:
            self.client_paused()
        elif self._ended:
            link.deadline = self.plane.deadlines.now + self._plan.read_timeout

    def body(self, data: bytes) -> None:
        """A piece of the body."""
        link = self.link
        assert link is not None
        client = self.client
        client.exchange.body_sent += len(data)
        if not client.write_blocked:
            link.deadline = self.plane.deadlines.now + self._plan.read_timeout
        client.write(chunk(data) if self._chunks_out and link.state != TUNNEL else data)

    def last_body(self, data: bytes, beyond: bytes) -> None:
        """The last piece of the body; ``beyond`` came after its end and makes the connection suspect."""
        client = self.client
        client.exchange.body_sent += len(data)
        if self._chunks_out:
            client.write((chunk(data) if data else b"") + LAST_CHUNK)
        elif data:
            client.write(data)
        self._finish(not beyond)

    def body_ended(self, beyond: bytes | None) -> None:
        """The server closed, which ends a body without a length."""
        if self._chunks_out:
            self.client.write(LAST_CHUNK)
        self.link = None
        self._finish(False)

    def _finish(self, reusable: bool) -> None:
        """The answer is complete: give the link back and tell the client's side."""
        peer, link = self.peer, self.link
        assert peer is not None
        self.peer = self.link = None
        peer.active -= 1
        if peer.fails:
            peer.note_success()
        if self._record is not None:
            self._record.response_time = monotonic() - self._record.began
            self._record = None
        if link is not None:
            spec = self._group.spec
            now = self.plane.deadlines.now
            if (
                reusable
                and self._ended
                and self._plan.head.keeps
                and link.requests < spec.keepalive_requests
                and now - link.made < spec.keepalive_time
                and peer.keep_idle(link)
            ):
                link.rest(spec.keepalive_timeout)
            else:
                link.discard()
        self.client.answered()

    def broke_off(self, text: str) -> None:
        """The server failed in the midst of its answer: the client must see that it is not whole."""
        complain("error", self.client.context(text, self._upstream()))
        peer = self.peer
        if peer is not None:
            peer.note_failure(self.plane.deadlines.now)
        self._drop()
        self.client.cut()

    def _drop(self) -> None:
        """Let go of the server: the attempt is over, the link is of no use."""
        peer, link = self.peer, self.link
        self.peer = self.link = None
        if self._record is not None:
            self._record.response_time = monotonic() - self._record.began
            self._record = None
        if peer is not None:
            peer.active -= 1
        if link is not None:
            link.abort()

    def _upstream(self) -> bytes:
        return self.peer.name if self.peer is not None else b""

    # -- tunnels -------------------------------------------------------------------------------------------------

    def _switch(self, head: ResponseHead, rest: bytes, link: PeerLink) -> None:
        """101: the protocol changes on both sides (RFC 9110 section 15.2.2), if the client asked for it."""
        client = self.client
        if not client.exchange.head.upgrade:
            self.failed(Fault.BAD_HEAD, "upstream switched protocols unasked")
            return
        link.state = TUNNEL
        link.deadline = self.plane.deadlines.now + self._plan.read_timeout
        lines = [*head.lines, b"Upgrade: " + head.upgrade, b"Connection: upgrade", b"", b""]
        start = client.plane.head_start(head.status_line, self._plan.server_tokens)
        message = start + b"\r\n".join(lines)
        client.exchange.head_sent = len(message)
        client.write(message + rest)
        client.begin_tunnel()

    def tunnel_ended(self) -> None:
        """The server closed its side of the tunnel."""
        self.link = None
        self._drop()
        self.client.end_tunnel()

    # -- the client's pace ---------------------------------------------------------------------------------------

    def client_paused(self) -> None:
        """The client takes no more for now: neither do we from the server."""
        link = self.link
        if link is not None:
            link.deadline = NEVER  # the client's send_timeout counts now
            link.pause()

    def client_resumed(self) -> None:
        """The client takes more."""
        link = self.link
        if link is not None:
            link.resume()
            if self._ended:
                link.deadline = self.plane.deadlines.now + self._plan.read_timeout
