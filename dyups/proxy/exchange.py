"""One request and what became of it: what contents act on and variables read.

A connection owns one Exchange and renews it for every request.  Nothing here decides anything.
"""

from __future__ import annotations

import re
from time import monotonic
from typing import TYPE_CHECKING

from dyups.http1.request import RequestHead

if TYPE_CHECKING:
    from dyups.proxy.client import ClientSide
    from dyups.proxy.route import Route, ServerRoutes


class AttemptRecord:
    """One server that was asked; times in seconds since the attempt began, -1 where it never came to that.

    Kept only where a text of the configuration reads a ``$upstream_*`` variable.
    """

    __slots__ = ("address", "began", "connect_time", "header_time", "response_time", "status")

    def __init__(self, address: bytes) -> None:
        self.address = address
        self.began = monotonic()
        self.status = 0
        self.connect_time = -1.0
        self.header_time = -1.0
        self.response_time = -1.0


class Exchange:
    """A request under way."""

    __slots__ = (
        "args",
        "attempts",
        "body_sent",
        "captures",
        "client",
        "head",
        "head_sent",
        "proxy_host",
        "proxy_uri",
        "received",
        "request_id",
        "route",
        "server",
        "started",
        "status",
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
        self.proxy_uri = b""
        """The target sent to the server, for the error log; set by whoever forwards, and never read before."""
        self.renew(RequestHead())

    def renew(self, head: RequestHead) -> None:
        """Forget the last request, begin with this one."""
        self.head = head
        self.uri = b""
        """The normalised, decoded path (``$uri``)."""
        self.args = b""
        """What follows ``?``, as received."""
        self.captures: re.Match[bytes] | None = None
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
