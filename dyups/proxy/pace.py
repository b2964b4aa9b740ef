"""A client's connection: its state, its pace and its end.

Back-pressure both ways, ``send_timeout``, ``lingering_close``: what holds for a connection whatever it serves.
``answering`` is the half above it that gives out.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Final

from twisted.internet.interfaces import ITransport

from dyups.proxy.client import BodySink, TlsSide
from dyups.proxy.context import describe, endpoint
from dyups.proxy.deadlines import NEVER
from dyups.proxy.exchange import Exchange
from dyups.proxy.forward.attempt import Forwarding
from dyups.proxy.plane import DataPlane, complain
from dyups.proxy.route import ListenRoutes
from dyups.proxy.serving import DISCARD
from dyups.proxy.unsent import in_flight, unsent_bytes

if TYPE_CHECKING:
    from dyups.proxy.access.announced import Announcement

HEAD: Final = 0
BODY: Final = 1
BUSY: Final = 2
TUNNEL: Final = 3
LINGER: Final = 4
GONE: Final = 5
STATE_NAMES = ("HEAD", "BODY", "BUSY", "TUNNEL", "LINGER", "GONE")


class ClientPace:
    """What a connection is, how fast it goes and how it ends."""

    __slots__ = (
        "_ahead",
        "_ahead_of",
        "_answered",
        "_client_address",
        "_close",
        "_forwarding",
        "_in_heads",
        "_linger_until",
        "_local_address",
        "_number",
        "_overfull",
        "_paused",
        "_requests",
        "_since",
        "_sink",
        "_unsent",
        "announced",
        "deadline",
        "exchange",
        "plane",
        "routes",
        "secured",
        "state",
        "transport",
        "write",
        "write_blocked",
    )

    transport: ITransport
    write: Callable[[bytes], None]
    exchange: Exchange
    _number: int

    def __init__(self, plane: DataPlane, routes: ListenRoutes) -> None:
        self.plane = plane
        self.routes = routes
        self.state = HEAD
        self.deadline = NEVER
        self.write_blocked = False
        self.announced: Announcement | None = None
        """Whose connection it is and where that went, by a proxy in front (``listen … proxy_protocol``)."""
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
        self._overfull = False
        """While ``_paused``: it is for what came ahead alone, and whoever takes the body wants more."""
        self._paused = False
        self._requests = 0
        self._ahead_of = -1
        """The number of the last request that was pipelined."""
        self._since = monotonic()
        self._sink: BodySink = DISCARD
        self.secured: TlsSide | None = None
        """What stands between us and the network where the address speaks TLS."""
        self._unsent = -1
        """Bytes that were on their way when we last looked, where the client is slow."""

    def __repr__(self) -> str:
        return f"<ClientConnection {STATE_NAMES[self.state]} requests={self._requests}>"

    # -- who it is -------------------------------------------------------------------------------------------------

    def context(self, message: str, upstream: bytes = b"") -> str:
        """``message`` as the error log has it."""
        return describe(self._number, message, self.exchange, self.client_address()[0], upstream)

    def client_address(self) -> tuple[bytes, int]:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        return self.exchange.real_address or self.connection_address()

    def connection_address(self) -> tuple[bytes, int]:
        """Where the connection comes from, whatever a proxy says."""
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

    def connected_at(self) -> float:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        return self._since

    def is_over(self) -> bool:
        """Has the present request its whole answer, or will it never have one?"""
        return self._answered

    def pipelined(self) -> bool:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        return self._ahead_of == self._requests

    # -- the end -------------------------------------------------------------------------------------------------

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
            # Nearly always all is out, and then there is nothing to ask the system about.
            self._unsent = in_flight(self.transport) if unsent_bytes(self.transport) > 0 else 0
            self.deadline = self.plane.deadlines.now + self.exchange.route.send_timeout
            self.transport.unregisterProducer()  # type: ignore[attr-defined]
            self.transport.loseConnection()
            self.write = ignore

    def body_ended(self) -> bool:
        """See :class:`~dyups.proxy.client.ClientSide`."""
        return self.state != BODY

    # -- pace ----------------------------------------------------------------------------------------------------

    def pause_body(self) -> None:
        """Read nothing from the client for now; meanwhile it is not the client that is slow."""
        self._overfull = False
        if not self._paused and self.state != GONE:
            self._paused = True
            if self.state == BODY and not self.write_blocked:
                self.deadline = NEVER
            self.transport.pauseProducing()  # type: ignore[attr-defined]

    def body_paused(self) -> bool:
        """See :class:`~dyups.proxy.client.PhasedClient`."""
        return self._paused and not self._overfull

    def _pause_ahead(self) -> None:
        """Too much came ahead."""
        if not self._paused:
            self.pause_body()
            self._overfull = True

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

    def _next(self) -> None:
        """The answer is out: what comes next; ``answering`` knows."""
        raise RuntimeError("only a whole connection goes on")


def ignore(data: bytes) -> None:
    """Stands for ``write`` once nothing more may be written: uvloop raises where Twisted's transports ignore."""
