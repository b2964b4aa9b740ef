"""One request and what became of it: what contents act on and variables read.

A connection owns one Exchange and renews it for every request.  Nothing here decides anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from dyups.balancing.times import Times
from dyups.config.matching import Match
from dyups.http1.request import RequestHead
from dyups.http1.response import ResponseHead
from dyups.http1.target import escape

if TYPE_CHECKING:
    from dyups.proxy.client import ClientSide
    from dyups.proxy.route import Route, ServerRoutes

#: How often a request may be sent elsewhere within the server (``NGX_HTTP_MAX_URI_CHANGES``).
MOST_REDIRECTS: Final = 10

#: Where ``user`` says that the answer was not completed; no variable can have this name.
BROKEN_OFF: Final = "broken off"
#: Where it has the lines that a server sent behind its answer, where they are passed on.
BEHIND: Final = "upstream trailers"

# What would end a request line, or a line of a head.
_SPLITS = re.compile(rb"[\x00-\x20\x7f]")

#: Of a connection that has had no request yet; nobody changes a head.
NO_HEAD: Final = RequestHead()

_NOBODY: Final[Any] = object()


class AttemptRecord:
    """One server that was asked; times in seconds since the attempt began, -1 where it never came to that.

    Kept only where a text of the configuration reads a ``$upstream_*`` variable.
    """

    __slots__ = (
        "address",
        "before_body",
        "began",
        "connect_time",
        "header_time",
        "received",
        "response_time",
        "sent",
        "status",
        "times",
    )

    def __init__(self, address: bytes, times: Times | None = None) -> None:
        self.address = address
        """Empty for none: it stands between what was asked before a redirect within the server and after it."""
        self.began = monotonic()
        self.times = times
        """What the server's balancing method goes by (``least_time``)."""
        if times is not None:
            times.begin(self.began)
        self.status = 0
        self.connect_time = -1.0
        self.header_time = -1.0
        self.response_time = -1.0
        self.sent = 0
        """Bytes for the server, those of its answer, and of the latter the ones before the body."""
        self.received = 0
        self.before_body = 0

    def head_came(self, status: int, received: int, before_body: int) -> None:
        """So many bytes have come of the server's answer, its head among them."""
        now = monotonic()
        self.status = status
        self.header_time = now - self.began
        self.received = received
        self.before_body = before_body
        if self.times is not None:
            self.times.head_came(self.began, now)

    def end(self, whole: bool, received: int) -> None:
        """The attempt is over; the server's answer, ``received`` bytes, is ``whole``, or it has failed."""
        self.received = received
        now = monotonic()
        self.response_time = now - self.began
        if self.times is not None:
            self.times.end(self.began, now, whole)


def nobody_asked(name: bytes, status: int) -> AttemptRecord:
    """What stands for an attempt where there was nobody to ask: nginx has the name of the group for an address."""
    record = AttemptRecord(name)
    record.status = status
    record.response_time = 0.0
    return record


class Carried:
    """What goes with whatever answers the request in the end: lines of the head, each with its line end."""

    __slots__ = ("content_type", "lines")

    def __init__(self, lines: bytes, content_type: bytes = b"") -> None:
        self.lines = lines
        self.content_type = content_type
        """In place of the answer's own; empty where that has its way."""


class Exchange:
    """A request under way."""

    __slots__ = (
        "args",
        "at_end",
        "attempts",
        "body_sent",
        "captures",
        "carried",
        "client",
        "error_paged",
        "error_status",
        "head",
        "head_sent",
        "held",
        "place_lost",
        "proxy_host",
        "proxy_scheme",
        "proxy_uri",
        "real_address",
        "received",
        "redirects",
        "request_id",
        "route",
        "sent",
        "server",
        "started",
        "status",
        "sub",
        "target",
        "upstream_head",
        "uri",
        "user",
    )

    client: ClientSide
    server: ServerRoutes
    route: Route

    def __init__(self, client: ClientSide) -> None:
        self.client = client
        self.user: dict[str, bytes] = {}
        """Values of ``set`` and of named captures."""
        self.attempts: list[AttemptRecord] = []
        self.at_end: list[Callable[[], object]] = []
        """Called once the request is over, whatever became of it: what limits count, for one."""
        self.proxy_scheme = b"http"
        """``http`` or ``https``; set and read as ``proxy_uri`` is."""
        self.sub = False
        """It is a request of our own, for a client's (``subrequest``)."""
        self.proxy_uri = b""
        """The target sent to the server, for the error log; set by whoever forwards, and never read before."""
        self.renew(NO_HEAD)

    def renew(self, head: RequestHead) -> None:
        """Forget the last request, begin with this one."""
        self.head = head
        self.uri = b""
        """The normalised, decoded path (``$uri``)."""
        self.args = b""
        """What follows ``?``, as received."""
        self.target = head.target
        """What servers are asked for unless ``proxy_pass`` says otherwise: as received, until it was rewritten."""
        self.real_address: tuple[bytes, int] | None = None
        """Where the client is, as a trusted proxy says (``realip``)."""
        self.redirects = 0
        """How often the request was sent elsewhere within the server; from then on it is internal."""
        self.error_status = 0
        """The status that ``error_page`` gives to whatever answers; 0 where that has its own."""
        self.error_paged = False
        """``error_page`` has answered already: unless they are recursive it does not again."""
        self.held = b""
        """What came of the request's body, while nobody has taken it."""
        self.place_lost = False
        """``rewrite … break``: the path does not begin with the location's any more."""
        self.sent = b""
        """The lines of the answer's head (``$sent_http_name``), where somebody kept them."""
        self.upstream_head: ResponseHead | None = None
        """The head of the server's answer (``$upstream_http_name``)."""
        self.carried: Carried | None = None
        """What a phase or a server has said already of the head of the answer."""
        self.captures: Match | None = None
        """The last regular expression that matched, for ``$1`` to ``$9``."""
        if self.user:
            self.user = {}
        if self.attempts:
            self.attempts = []
        self.status = 0
        self.body_sent = 0
        """Bytes of the body sent to the client (``$body_bytes_sent``)."""
        self.head_sent = 0
        self.received = 0
        """Bytes of the request's body so far."""
        self.proxy_host = b""
        """What the server is told as ``Host`` unless the configuration says otherwise (``$proxy_host``)."""
        self.request_id = b""
        self.started = monotonic()

    def move(self, uri: bytes, args: bytes) -> None:
        """Ask for ``uri`` (decoded) and ``args`` instead of what the client asked for.

        The arguments may come of a path, which is decoded (``try_files $uri /index?q=$uri``): as nginx has them, but
        for what would make two lines of one.
        """
        args = _SPLITS.sub(_percent, args)
        self.uri = uri
        self.args = args
        self.place_lost = False
        path = escape(uri)
        self.target = b"%b?%b" % (path, args) if args else path

    def drop_body(self) -> None:
        """Make it a GET without a body, or leave it a HEAD: what answers now is not what the body was meant for."""
        self.head = self.head.without_body()

    def forget_client(self) -> None:
        """The client is gone, with nothing under way: counting references frees both, where a circle would wait."""
        self.client = _NOBODY

    def end(self) -> None:
        """The request is over."""
        calls, self.at_end = self.at_end, []
        for call in calls:
            call()


def _percent(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % match[0][0]


def capture(exchange: Exchange, match: Match) -> None:
    """Remember what a regular expression found: ``$1`` to ``$9`` and its named groups."""
    exchange.captures = match
    for name, value in match.groupdict().items():
        exchange.user[name.lower()] = value or b""
