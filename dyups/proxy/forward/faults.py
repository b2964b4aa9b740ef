"""What each way of failing means.

A fault settles three separate questions: may another server be asked (``proxy_next_upstream``), is the server to
blame (``max_fails``), what does the client see.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Fault(Enum):
    """Ways in which asking a server fails: (word of ``proxy_next_upstream``, client's status, nginx's words).

    The last ones are answers that ``proxy_next_upstream`` may call failures; what they cost and whether the server is
    to blame for them is ``ngx_http_upstream_next``'s.
    """

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
    HTTP_500 = ("http_500", 500, "upstream answered 500")
    HTTP_502 = ("http_502", 502, "upstream answered 502")
    HTTP_503 = ("http_503", 503, "upstream answered 503")
    HTTP_504 = ("http_504", 504, "upstream answered 504")
    HTTP_403 = ("http_403", 403, "upstream answered 403")
    HTTP_404 = ("http_404", 404, "upstream answered 404")
    HTTP_429 = ("http_429", 429, "upstream answered 429")

    def __init__(self, word: str, status: int, text: str) -> None:
        self.word = word
        self.status = status
        self.text = text
        self.blames = word not in ("http_403", "http_404")
        """The server is to blame (``max_fails``)."""
        self.answered = word.startswith("http_")
        """The server gave a whole, good head: only its status is to be taken for a failure."""


# nginx does not send these twice unless non_idempotent says so (ngx_http_upstream_next).
NOT_IDEMPOTENT: Final = frozenset({b"POST", b"LOCK", b"PATCH"})
