"""How one location forwards, put together once from its settings.

``forwards`` makes a plan for each location, ``filters.shaping`` gives it what the location changes; ``attempt`` and
``relay`` read it for every request.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from twisted.internet.interfaces import IConnector

from dyups.config.model import LocationSettings, fold
from dyups.http1.response import ResponseHead
from dyups.interfaces import Getter
from dyups.proxy.exchange import Exchange
from dyups.proxy.filters.pacing import SomeRates
from dyups.proxy.forward.faults import Fault
from dyups.proxy.forward.requesthead import HeadPlan
from dyups.proxy.plane import DataPlane
from dyups.upstream.peer import Peer

if TYPE_CHECKING:
    from dyups.proxy.forward.peerlink import LinkFactory
    from dyups.proxy.forward.relay import Relay


class HeadFilter(Protocol):
    """Makes of a server's head what the client gets (``proxy_hide_header``, ``proxy_redirect``, ``add_header`` …)."""

    def lines(self, exchange: Exchange, head: ResponseHead) -> bytes:
        """The lines to pass on instead of ``head.sent_on``, each with its line end."""
        ...


class Shape(Protocol):
    """What a location makes of the method and the body of a request; ``shaping`` has the one that runs."""

    own_body: bool
    """What the client sends as a body is not what the server gets."""

    def method(self, exchange: Exchange) -> bytes:
        """The method that the server is asked with."""
        ...

    def swaps_head(self, exchange: Exchange) -> bool:
        """Is only one of the two, the client's method and the server's, HEAD."""
        ...

    def body(self, exchange: Exchange) -> bytes | None:
        """The body that the server gets in place of the client's; None for none at all."""
        ...


class Accelerates(Protocol):
    """What a location heeds of ``X-Accel-…``; ``accel`` has the one that runs."""

    def heed(self, relay: Relay, head: ResponseHead) -> bool:
        """Do what ``head`` says; True where something else is answered in its place."""
        ...


class Channel(Protocol):
    """What connections to a server have in common that may stand for one another; ``securedial`` has TLS."""

    def dial(self, plane: DataPlane, peer: Peer, factory: LinkFactory, timeout: float) -> IConnector:
        """Connect as the channel wants it; ``factory`` hears of the outcome."""
        ...


class Channels(Protocol):
    """The channels of one location's TLS."""

    def channel(self, exchange: Exchange) -> Channel:
        """The channel of a request: the name that it checks may come from a variable."""
        ...


def cookies_for(upstream: str, plane: DataPlane) -> Getter | None:
    """What servers get of a request's cookies (``session_sticky_hide_cookie``); None for all of them."""
    if not upstream:
        return None
    key = fold(upstream)

    def read(exchange: Exchange) -> bytes:
        cookies = b"; ".join([field.value for field in exchange.head.fields if field.name == b"cookie"])
        group = plane.upstreams.get(key)
        return cookies if group is None or group.sticky is None else group.sticky.without(cookies)

    return read


class ChangesBodies(Protocol):
    """What a location changes of the bodies of answers; ``filters.relayed`` has the one that runs."""

    def pass_on(self, relay: Relay, head: ResponseHead, rest: bytes) -> None:
        """Pass the answer on, of whose body ``rest`` has come."""
        ...


class HeadEdits(Protocol):
    """Changes a server's head before anything else is done with it; ``script`` has those that run."""

    def edited(self, relay: Relay, head: ResponseHead) -> ResponseHead | None:
        """Another head to go on with; None where the request has been answered otherwise."""
        ...


class ForwardPlan:
    """One location's way of forwarding.  Limits are padded for the sweep but ``connect_timeout``, which has a timer."""

    __slots__ = (
        "accel",
        "bodies",
        "connect_timeout",
        "edits",
        "filter",
        "for_marked",
        "gathers",
        "head",
        "head_limit",
        "hints",
        "ignores_abort",
        "intercepts",
        "probes",
        "rates",
        "read_timeout",
        "retry_limit",
        "retry_seconds",
        "retry_statuses",
        "retry_words",
        "secured",
        "send_timeout",
        "server_tokens",
        "shape",
        "start",
        "switches",
        "trailers",
    )

    def __init__(self, settings: LocationSettings, plane: DataPlane) -> None:
        limit = plane.deadlines.limit
        self.head = HeadPlan(settings, cookies_for(settings.session_sticky_hide_cookie, plane))
        self.filter: HeadFilter | None = None
        """What is done with every head of a server beyond what is always done."""
        self.for_marked: HeadFilter | None = None
        """The same, of heads that are marked alone."""
        self.start: Callable[[bytes, ResponseHead], bytes] | None = None
        """Changes the beginning of the answer's head, ``Server`` and ``Date`` (``proxy_pass_header``)."""
        self.edits: HeadEdits | None = None
        """Scripts and hooks that change heads of servers."""
        self.bodies: ChangesBodies | None = None
        """What is done with bodies of answers."""
        self.accel: Accelerates | None = None
        """What is done of what servers say by ``X-Accel-…``."""
        self.shape: Shape | None = None
        """What becomes of the request's method and body."""
        self.rates: SomeRates | None = None
        """How fast answers may go out."""
        self.head_limit = settings.proxying.proxy_buffer_size - 4
        """Bytes of a server's head, its empty line left away."""
        self.hints = settings.proxying.early_hints
        self.ignores_abort = settings.proxying.proxy_ignore_client_abort
        self.intercepts = settings.proxying.proxy_intercept_errors
        self.probes = settings.proxying.proxy_socket_keepalive
        self.trailers = settings.proxying.proxy_pass_trailers
        self.connect_timeout = settings.proxy_connect_timeout
        self.secured: Channels | None = None
        """TLS towards servers; None for plain connections."""
        self.send_timeout = limit(settings.proxy_send_timeout)
        self.read_timeout = limit(settings.proxy_read_timeout)
        words = settings.proxy_next_upstream
        self.retry_words: frozenset[str] = frozenset() if "off" in words else words
        self.retry_statuses = {
            fault.status: fault for fault in Fault if fault.answered and fault.word in self.retry_words
        }
        """Answers that are failures; nearly always empty."""
        self.retry_limit = settings.proxy_next_upstream_tries
        self.retry_seconds = settings.proxy_next_upstream_timeout
        self.server_tokens = settings.server_tokens
        self.gathers = settings.proxy_http_version == "1.0"
        """HTTP/1.0 knows no chunks (RFC 9112 section 6.1): such a body is gathered to be sent with its length."""
        self.switches = any(name.lower() == "upgrade" for name, _ in settings.proxy_set_header)
        """Servers are asked for another protocol at all (``proxy_set_header Upgrade``)."""

    def method(self, exchange: Exchange) -> bytes:
        """The method that servers are asked with."""
        return exchange.head.method if self.shape is None else self.shape.method(exchange)
