"""How one location forwards, compiled once; and what each way of failing means.

A fault settles three separate questions: may another server be asked (``proxy_next_upstream``), is the server to
blame (``max_fails``), what does the client see.
"""

from __future__ import annotations

from enum import Enum

from dyups.config.model import LocationSettings
from dyups.proxy.plane import DataPlane
from dyups.proxy.requesthead import HeadPlan


class Fault(Enum):
    """Ways in which asking a server fails: (word of ``proxy_next_upstream``, client's status, nginx's words)."""

    CONNECT = ("error", 502, "connect() failed")
    CONNECT_TIMEOUT = (
        "timeout",
        504,
        "upstream timed out (110: Connection timed out) while connecting to upstream",
    )
    CLOSED = (
        "error",
        502,
        "upstream prematurely closed connection while reading response header from upstream",
    )
    SEND_TIMEOUT = (
        "timeout",
        504,
        "upstream timed out (110: Connection timed out) while sending request to upstream",
    )
    READ_TIMEOUT = (
        "timeout",
        504,
        "upstream timed out (110: Connection timed out) while reading response header from upstream",
    )
    BAD_HEAD = (
        "invalid_header",
        502,
        "upstream sent invalid header while reading response header from upstream",
    )

    def __init__(self, word: str, status: int, text: str) -> None:
        self.word = word
        self.status = status
        self.text = text


# nginx does not send these twice unless non_idempotent says so (ngx_http_upstream_next).
NOT_IDEMPOTENT = frozenset({b"POST", b"LOCK", b"PATCH"})


class ForwardPlan:
    """One location's way of forwarding.  Limits are padded for the sweep but ``connect_timeout``, which has a timer."""

    __slots__ = (
        "connect_timeout",
        "head",
        "read_timeout",
        "retry_limit",
        "retry_seconds",
        "retry_words",
        "send_timeout",
        "server_tokens",
    )

    def __init__(self, settings: LocationSettings, plane: DataPlane) -> None:
        limit = plane.deadlines.limit
        self.head = HeadPlan(settings)
        self.connect_timeout = settings.proxy_connect_timeout
        self.send_timeout = limit(settings.proxy_send_timeout)
        self.read_timeout = limit(settings.proxy_read_timeout)
        words = settings.proxy_next_upstream
        self.retry_words = frozenset() if "off" in words else words
        self.retry_limit = settings.proxy_next_upstream_tries
        self.retry_seconds = settings.proxy_next_upstream_timeout
        self.server_tokens = settings.server_tokens
