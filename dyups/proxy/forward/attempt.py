"""Forwarding one request: servers are asked in turn until one answers, and its answer is passed on.

One Forwarding belongs to one client and is renewed for each of its requests.  It ties four things together: the
client, the group, the peer of the present attempt, and the link to it.  This is the way there, retries included;
``requestbody`` has the body, ``relay`` is the way back, ``plan`` says what a fault means, ``peerlink`` frames what the
server sends.
"""

from __future__ import annotations

from time import monotonic
from typing import Final

from twisted.internet.error import TimeoutError, UserError
from twisted.internet.interfaces import IConnector
from twisted.python.failure import Failure

from dyups.errors import HandshakeFailed
from dyups.proxy.client import ClientSide
from dyups.proxy.deadlines import NEVER
from dyups.proxy.exchange import AttemptRecord, nobody_asked
from dyups.proxy.filters.between import stop
from dyups.proxy.filters.pacing import pace
from dyups.proxy.forward.departed import depart
from dyups.proxy.forward.faults import NOT_IDEMPOTENT, Fault
from dyups.proxy.forward.peerlink import HEAD, TUNNEL, LinkFactory, PeerLink
from dyups.proxy.forward.plan import Channel, ForwardPlan
from dyups.proxy.forward.relay import HeadTaker
from dyups.proxy.forward.requestbody import MOST_KEPT, RequestBody
from dyups.proxy.forward.waiting import Waiting, lacks_room
from dyups.proxy.plane import complain, system_words
from dyups.upstream.group import Group
from dyups.upstream.peer import Peer

#: Bytes of a chunked body that are gathered for a server that speaks HTTP/1.0; beyond that the client has to tell the
#: length itself (411).
MOST_GATHERED: Final = 1 << 20

NOT_TRIED: Final[frozenset[Peer]] = frozenset()
_TIMED_OUT = "upstream timed out (110: Connection timed out)"


class Forwarding(RequestBody):
    """A client's request on its way to a server and back."""

    __slots__ = (
        "_connector",
        "_factory",
        "_gathered",
        "_message",
        "_reused",
        "_sent",
        "_tried",
        "_uri",
        "_waiting",
    )

    def __init__(self, client: ClientSide, taker: HeadTaker | None = None) -> None:
        super().__init__(client, taker)
        self._waiting: Waiting | None = None
        self._connector: IConnector | None = None
        self._factory: LinkFactory | None = None
        self._gathered: bytearray | None = None

    def begin(self, plan: ForwardPlan, group: Group, uri: bytes, body: bytes, ended: bool) -> None:
        """Ask a server of ``group`` for ``uri``."""
        exchange = self.exchange = self.client.exchange
        head = exchange.head
        if exchange.attempts:
            exchange.attempts.append(AttemptRecord(b""))  # ``a : b``, see variables
        self._plan = plan
        self._group = group
        self._tried = NOT_TRIED
        self._ended = ended
        self._sent = self._reused = False
        self._replayable = True
        self._held = 0
        self._chunks_out = False
        self._chunks_in = head.chunked
        if self._body:
            self._body = []
        if plan.rates is not None or exchange.user:
            pace(self)
        shape = plan.shape
        method = head.method if shape is None else shape.method(exchange)
        self._own_body = shape is not None and shape.own_body
        framing = b""
        if shape is not None and shape.own_body:
            framing = self._swap_body(shape.body(exchange))
            body = b""
        elif head.content_length >= 0:
            framing = b"Content-Length: %d\r\n" % head.content_length
        elif head.chunked:
            if plan.gathers:
                self._uri = uri
                self._gathered = bytearray()
                self._gather(body, ended)
                return
            framing = b"Transfer-Encoding: chunked\r\n"
        self._message = plan.head.write(exchange, method, uri, framing)
        if body or self._chunks_in:
            self._keep(self._wire(body, ended))
        self._attempt()

    def _gather(self, data: bytes, ended: bool) -> None:
        """A chunked body for a server that knows no chunks: keep it until its length is known."""
        gathered = self._gathered
        assert gathered is not None
        gathered += data
        self._ended = ended
        if len(gathered) > MOST_GATHERED:
            self._gathered = None
            complain("info", self.client.context("client sent chunked body that is too large to be gathered"))
            self._refuse(411)
        elif ended:
            self._gathered = None
            self._chunks_in = False
            framing = b"Content-Length: %d\r\n" % len(gathered)
            exchange = self.exchange
            self._message = self._plan.head.write(exchange, self._plan.method(exchange), self._uri, framing)
            self._keep(self._wire(bytes(gathered), True))
            self._attempt()

    # -- one attempt -------------------------------------------------------------------------------------------

    def _attempt(
        self, fault: Fault = Fault.CONNECT, again: Peer | None = None, found: Peer | None = None
    ) -> None:
        """Ask the next server, or on a fresh connection the one that is to be asked ``again``, or who was ``found``.

        Where nobody is left, answer as ``fault`` says.
        """
        peer: Peer | None = again or found
        if peer is None:
            peer = self._group.pick(self.exchange, self._tried, self.plane.deadlines.now)
            if peer is None:
                self._nobody(fault)
                return
        self.peer = peer
        peer.active += 1
        peer.requests += 1
        if self.plane.attempts_wanted or self._group.measures:
            self._record = AttemptRecord(peer.name, peer.times)
            self.exchange.attempts.append(self._record)
        secured = self._plan.secured
        channel = None if secured is None else secured.channel(self.exchange)
        link = peer.take_idle(channel) if again is None else None
        if link is None:
            self._dial(peer, channel)
        else:
            assert isinstance(link, PeerLink)
            self._reused = True
            link.lend(self)
            self.link = link
            if self._record is not None:
                self._record.connect_time = 0.0
            self._send(link)

    def _nobody(self, fault: Fault) -> None:
        """No server may be asked: each has been (the last failure tells the status), or some are out (502)."""
        exchange, group = self.exchange, self._group
        tried = self._tried
        queue = group.pool.queue
        if queue is not None and lacks_room(group, tried):
            self._waiting = Waiting(self, queue)
            if not self._waiting.begin():
                self.waited_in_vain("upstream queue is full")
            return
        if not tried or any(not peer.down and peer not in tried for peer in group.all_peers()):
            name = group.spec.name.encode()
            complain("error", self.client.context("no live upstreams while connecting to upstream", name))
            fault = Fault.CONNECT
            if self.plane.attempts_wanted:
                exchange.attempts.append(nobody_asked(name, fault.status))
        self._refuse(fault.status)

    # -- a server with room (waiting.Waiting) ----------------------------------------------------------------------

    def peer_for_waiting(self) -> Peer | None:
        """Who may be asked now."""
        return self._group.pick(self.exchange, self._tried, self.plane.deadlines.now)

    def go_on(self, peer: Peer | None) -> None:
        """The waiting is over: ask ``peer``, or whom the upstream has that took the place of this one."""
        self._waiting = None
        if peer is None:
            self._group = self.plane.upstreams.get(self._group.key) or self._group
        self._attempt(found=peer)
        if self.link is not None:
            self._take_more(self.link)

    def waited_in_vain(self, why: str) -> None:
        """There was none in time, or too many wait."""
        self._waiting = None
        name = self._group.spec.name.encode()
        complain("error", self.client.context(f"{why} while connecting to upstream", name))
        self._refuse(502)

    def _dial(self, peer: Peer, channel: Channel | None) -> None:
        self._reused = False
        factory = LinkFactory(self.plane, peer, self)
        self._factory = factory
        if channel is None:
            connector = self.plane.dial(peer.address, factory, self._plan.connect_timeout)
        else:
            connector = channel.dial(self.plane, peer, factory, self._plan.connect_timeout)
        if self._dials(factory):
            self._connector = connector

    def _dials(self, factory: LinkFactory) -> bool:
        """Is this dial still under way: one that failed at once has told us so already, and may have begun another."""
        return self._factory is factory

    def connected(self, link: PeerLink) -> None:
        """The dialled connection stands."""
        self._connector = None
        self._factory = None
        self.link = link
        if self._record is not None:
            self._record.connect_time = monotonic() - self._record.began
        self._send(link)
        self._take_more(link)

    def _take_more(self, link: PeerLink) -> None:
        """The client may have been held back while there was no server to give its body to."""
        if self.link is link and not link.blocked:
            self.client.resume_body()

    def _send(self, link: PeerLink) -> None:
        self._sent = True
        link.requests += 1
        link.deadline = self.plane.deadlines.now + self._plan.read_timeout if self._ended else NEVER
        message = self._message
        if self._body:
            message += b"".join(self._body)
            self._forget_if_long()
        if self._record is not None:
            self._record.sent += len(message)
        link.write(message)

    # -- the request's body --------------------------------------------------------------------------------------

    def take_body(self, data: bytes, ended: bool) -> None:
        """See :class:`~dyups.proxy.client.BodySink`."""
        link = self.link
        if link is not None and link.state == TUNNEL:
            link.write(data)
            self.set_deadline(link)
            return
        if self._own_body:
            return
        if self.peer is None and self._waiting is None:
            if self._gathered is not None:
                self._gather(data, ended)
            return  # answered already: the rest is nobody's
        self._ended = ended
        wire = self._wire(data, ended)
        self._keep(wire)
        if link is None:
            if self._held > MOST_KEPT:
                self.client.pause_body()
            return
        self._forget_if_long()
        if wire:
            if self._record is not None:
                self._record.sent += len(wire)
            link.write(wire)
        if ended:
            self.set_deadline(link)

    def server_paused(self) -> None:
        """The server takes no more of the body for now."""
        link = self.link
        assert link is not None
        self.set_deadline(link)
        if not self._ended or link.state == TUNNEL:
            self.client.pause_body()

    def server_resumed(self) -> None:
        """The server takes more of the body."""
        link = self.link
        assert link is not None
        self.set_deadline(link)
        self.client.resume_body()

    # -- failures ------------------------------------------------------------------------------------------------

    def dial_failed(self, reason: Failure) -> None:
        """There is no connection to the server."""
        self._connector = None
        self._factory = None
        if reason.check(TimeoutError, UserError):
            self.failed(Fault.CONNECT_TIMEOUT)
            return
        if reason.check(HandshakeFailed):
            late = getattr(reason.value, "late", False)
            self.failed(Fault.CONNECT_TIMEOUT if late else Fault.CONNECT, str(reason.value))
            return
        self.failed(
            Fault.CONNECT, f"connect() failed ({system_words(reason.value)}) while connecting to upstream"
        )

    def timed_out(self) -> None:
        """The link's deadline has passed."""
        link = self.link
        assert link is not None  # a deadline is set on a link that is lent alone
        if link.state == HEAD:
            self.failed(Fault.SEND_TIMEOUT if link.blocked else Fault.READ_TIMEOUT)
        elif link.state == TUNNEL:
            complain(
                "error",
                self.client.context(f"{_TIMED_OUT} while proxying upgraded connection", self._upstream()),
            )
            self.tunnel_ended()
        else:
            self.broke_off(
                f"{_TIMED_OUT} while {'sending request to' if link.blocked else 'reading'} upstream"
            )

    def failed(self, fault: Fault, detail: str = "") -> None:
        """The attempt failed before anything was sent to the client: ask another server, or say so."""
        client = self.client
        peer, link = self.peer, self.link
        assert peer is not None
        # A server may close an idle connection at the moment we use it again: that is no failure of the server.
        stale = self._reused and fault is Fault.CLOSED and link is not None and not link.heard
        if self._record is not None:
            self._record.status = fault.status
        self.exchange.status = 0
        if stale:
            peer.stay()  # nobody else is to have its place before it is asked again
        self._drop()
        if not stale:
            if fault.blames:
                peer.note_failure(self.plane.deadlines.now)
            self._tried = self._tried | {peer}
        again = self._may_retry(fault, stale, len(self._tried))
        harmless = fault.answered or (stale and again)
        complain("info" if harmless else "error", client.context(detail or fault.text, peer.name))
        if not again:
            if stale:
                peer.leave()
            self._refuse(fault.status)
            return
        self._attempt(fault, peer if stale else None)
        if self.link is not None:
            self._take_more(self.link)

    def passes_over(self, fault: Fault) -> bool:
        """The answer itself is ``fault`` (``http_500`` …): ask another server, if there is one to ask.

        Else the client gets this answer (``ngx_http_upstream_test_next``).
        """
        tried = self._tried
        others = sum(not peer.down and peer not in tried for peer in self._group.all_peers()) > 1
        if not others or not self._may_retry(fault, False, len(tried) + 1):
            return False
        self.failed(fault)
        return True

    def _may_retry(self, fault: Fault, stale: bool, asked: int) -> bool:
        """May a request that ``asked`` servers have failed on be sent once more; ``stale``: to the same."""
        plan = self._plan
        if not self._replayable:
            return False
        once = self._sent and self.exchange.head.method in NOT_IDEMPOTENT
        if once and "non_idempotent" not in plan.retry_words:
            return False
        if stale:
            return True
        if fault.word not in plan.retry_words or 0 < plan.retry_limit <= asked:
            return False
        spent = monotonic() - self.exchange.started
        return not plan.retry_seconds or spent < plan.retry_seconds

    def _refuse(self, status: int) -> None:
        held = self.held_body()
        self._body = []
        if not self._ended:
            self.client.close_after()
        self.client.refuse(status, held)

    def client_gone(self) -> None:
        """The client left: the server need not go on, unless the location wants it to."""
        stop(self.client)
        if self.peer is not None and self._ended and self._plan.ignores_abort:
            depart(self)
            return
        if self._factory is not None:
            self._factory.forget()
            self._factory = None
        connector, self._connector = self._connector, None
        if connector is not None:
            connector.stopConnecting()
        if self._waiting is not None:
            self._waiting.end()
            self._waiting = None
        self._body = []
        self._gathered = None
        self._drop()
