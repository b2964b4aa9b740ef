"""Forwarding one request: servers are asked in turn until one answers, and its answer is passed on.

One Forwarding belongs to one client and is renewed for each of its requests.  It ties four things together: the
client, the group, the peer of the present attempt, and the link to it.  This is the way there, retries included;
``relay`` is the way back, ``plan`` says what a fault means, ``peerlink`` frames what the server sends.
"""

from __future__ import annotations

import os
from time import monotonic

from twisted.internet.error import TimeoutError, UserError
from twisted.internet.interfaces import IConnector
from twisted.python.failure import Failure

from dyups.http1.chunked import LAST_CHUNK, chunk
from dyups.proxy.client import ClientSide
from dyups.proxy.deadlines import NEVER
from dyups.proxy.exchange import AttemptRecord
from dyups.proxy.peerlink import TUNNEL, LinkFactory, PeerLink
from dyups.proxy.plan import NOT_IDEMPOTENT, Fault, ForwardPlan
from dyups.proxy.plane import complain
from dyups.proxy.relay import Relay
from dyups.upstream.group import Group
from dyups.upstream.peer import Peer

#: Bytes of a request's body that are kept to be sent again; beyond that a request is asked once.
MOST_HELD = 65536

NOT_TRIED: frozenset[Peer] = frozenset()


class Forwarding(Relay):
    """A client's request on its way to a server and back."""

    __slots__ = (
        "_body",
        "_chunks_in",
        "_connector",
        "_factory",
        "_held",
        "_message",
        "_replayable",
        "_reused",
        "_sent",
        "_tried",
    )

    def __init__(self, client: ClientSide) -> None:
        super().__init__(client)
        self._body: list[bytes] = []
        self._connector: IConnector | None = None
        self._factory: LinkFactory | None = None

    def begin(self, plan: ForwardPlan, group: Group, uri: bytes, body: bytes, ended: bool) -> None:
        """Ask a server of ``group`` for ``uri``."""
        exchange = self.client.exchange
        head = exchange.head
        self._plan = plan
        self._group = group
        self._tried = NOT_TRIED
        self._ended = ended
        self._sent = False
        self._replayable = True
        self._held = 0
        self._chunks_out = False
        self._chunks_in = head.chunked
        framing = b""
        if head.content_length >= 0:
            framing = b"Content-Length: %d\r\n" % head.content_length
        elif head.chunked:
            framing = b"Transfer-Encoding: chunked\r\n"
        self._message = plan.head.write(exchange, head.method, uri, framing)
        if self._body:
            self._body = []
        if body or head.chunked:
            self._keep(self._wire(body, ended))
        self._attempt()

    # -- one attempt -------------------------------------------------------------------------------------------

    def _attempt(self, fault: Fault = Fault.CONNECT) -> None:
        """Ask the next server; where none is left, answer as ``fault`` says."""
        peer: Peer | None = self._group.pick(self.client.exchange, self._tried, self.plane.deadlines.now)
        if peer is None:
            if not self._tried:
                complain("error", self.client.context("no live upstreams while connecting to upstream"))
            self._refuse(fault.status)
            return
        self.peer = peer
        peer.active += 1
        peer.requests += 1
        if self.plane.attempts_wanted:
            self._record = AttemptRecord(peer.name)
            self.client.exchange.attempts.append(self._record)
        link = peer.take_idle()
        if link is None:
            self._dial(peer)
        else:
            assert isinstance(link, PeerLink)
            self._reused = True
            link.lend(self)
            self.link = link
            self._send(link)

    def _dial(self, peer: Peer) -> None:
        self._reused = False
        self._factory = factory = LinkFactory(self.plane, peer, self)
        connector = self.plane.dial(peer.address, factory, self._plan.connect_timeout)
        if self._factory is factory:
            self._connector = connector

    def connected(self, link: PeerLink) -> None:
        """The dialled connection stands."""
        self._connector = self._factory = None
        self.link = link
        if self._record is not None:
            self._record.connect_time = monotonic() - self._record.began
        self._send(link)
        self.client.resume_body()

    def _send(self, link: PeerLink) -> None:
        self._sent = True
        link.requests += 1
        now = self.plane.deadlines.now
        link.deadline = now + self._plan.read_timeout if self._ended else NEVER
        if self._body:
            link.write(self._message + b"".join(self._body))
            self._forget_if_long()
        else:
            link.write(self._message)

    # -- the request's body --------------------------------------------------------------------------------------

    def take_body(self, data: bytes, ended: bool) -> None:
        """See :class:`~dyups.proxy.client.BodySink`."""
        link = self.link
        if link is not None and link.state == TUNNEL:
            link.deadline = self.plane.deadlines.now + self._plan.read_timeout
            link.write(data)
            return
        if self.peer is None:  # answered already: the rest is nobody's
            return
        self._ended = ended
        wire = self._wire(data, ended)
        self._keep(wire)
        if link is None:
            if self._held > MOST_HELD:
                self.client.pause_body()
            return
        self._forget_if_long()
        if wire:
            link.write(wire)
        if ended:
            link.deadline = self.plane.deadlines.now + self._plan.read_timeout

    def _wire(self, data: bytes, ended: bool) -> bytes:
        if not self._chunks_in:
            return data
        framed = chunk(data) if data else b""
        return framed + LAST_CHUNK if ended else framed

    def _keep(self, wire: bytes) -> None:
        if wire and self._replayable:
            self._body.append(wire)
            self._held += len(wire)

    def _forget_if_long(self) -> None:
        if self._held > MOST_HELD:
            self._replayable = False
            self._body = []
            self._held = 0

    def server_paused(self) -> None:
        """The server takes no more of the body for now."""
        link = self.link
        if link is not None:
            link.deadline = self.plane.deadlines.now + self._plan.send_timeout
        self.client.pause_body()

    def server_resumed(self) -> None:
        """The server takes more of the body."""
        link = self.link
        if link is not None:
            ended = self._ended or link.state == TUNNEL
            link.deadline = self.plane.deadlines.now + self._plan.read_timeout if ended else NEVER
        self.client.resume_body()

    # -- failures ------------------------------------------------------------------------------------------------

    def dial_failed(self, reason: Failure) -> None:
        """There is no connection to the server."""
        self._connector = self._factory = None
        if reason.check(TimeoutError, UserError):
            self.failed(Fault.CONNECT_TIMEOUT)
        else:
            error = reason.value
            number = getattr(error, "osError", None)
            words = os.strerror(number) if isinstance(number, int) else str(error)
            self.failed(Fault.CONNECT, f"connect() failed ({number}: {words}) while connecting to upstream")

    def timed_out(self) -> None:
        """The link's deadline has passed."""
        link = self.link
        if link is None:
            return
        if link.state == TUNNEL:
            link.discard()
            self.tunnel_ended()
        elif self.client.exchange.status:
            self.broke_off("upstream timed out (110: Connection timed out) while reading upstream")
        else:
            self.failed(Fault.READ_TIMEOUT if self._ended else Fault.SEND_TIMEOUT)

    def failed(self, fault: Fault, detail: str = "") -> None:
        """The attempt failed before anything was sent to the client: ask another server, or say so."""
        client = self.client
        peer, link = self.peer, self.link
        assert peer is not None
        # A server may close an idle connection at the moment we use it again: that is no failure of the server.
        stale = self._reused and fault is Fault.CLOSED and link is not None and not link.heard
        complain(
            "info" if stale else "error",
            client.context(detail or fault.text, peer.name),
        )
        if self._record is not None:
            self._record.status = fault.status
        client.exchange.status = 0
        self._drop()
        if not stale:
            peer.note_failure(self.plane.deadlines.now)
            self._tried = self._tried | {peer}
        if not self._may_retry(fault, stale):
            self._refuse(fault.status)
        elif stale:
            self._again(peer)
        else:
            self._attempt(fault)

    def _again(self, peer: Peer) -> None:
        """Ask the same server on a fresh connection."""
        self.peer = peer
        peer.active += 1
        self._dial(peer)

    def _may_retry(self, fault: Fault, stale: bool) -> bool:
        plan = self._plan
        if not self._replayable:
            return False
        once = self._sent and self.client.exchange.head.method in NOT_IDEMPOTENT
        if once and "non_idempotent" not in plan.retry_words:
            return False
        if stale:
            return True
        if fault.word not in plan.retry_words:
            return False
        if plan.retry_limit and len(self._tried) >= plan.retry_limit:
            return False
        spent = monotonic() - self.client.exchange.started
        return not plan.retry_seconds or spent < plan.retry_seconds

    def _refuse(self, status: int) -> None:
        if not self._ended:
            self.client.close_after()
        self.client.refuse(status)

    def client_gone(self) -> None:
        """The client left: the server need not go on."""
        if self._factory is not None:
            self._factory.forget()
            self._factory = None
        connector, self._connector = self._connector, None
        if connector is not None:
            connector.stopConnecting()
        link = self.link
        if link is not None and link.state == TUNNEL:
            self.link = None
            link.discard()
        self._drop()
