"""Where an HTTP answer to a check ends, so that its connection can carry the next one.

Tengine throws away whatever comes until the next check, and takes what comes late for that one's answer; here a
connection is used again only when the whole answer has come.  Framing is ``http1``'s.
"""

from __future__ import annotations

from dyups.errors import BadResponse
from dyups.http1.chunked import BadChunk, ChunkedReader
from dyups.http1.request import BARE_END
from dyups.http1.response import ResponseHead, read_response

LONGEST_HEAD = 65536
_BODILESS = frozenset({204, 304})


class Answer:
    """One answer as it comes; ``to_head`` says that it answers a HEAD request, which has no body."""

    __slots__ = ("_chunks", "_held", "_left", "_to_head", "over", "usable")

    def __init__(self, to_head: bool) -> None:
        self._to_head = to_head
        self._held = b""
        self._left = -1
        self._chunks: ChunkedReader | None = None
        self.over = False
        """The whole answer has come."""
        self.usable = True
        """Its connection may carry another request, once it is over."""

    def feed(self, data: bytes) -> None:
        """Take more of it; what comes after its end makes the connection unusable."""
        if self.over:
            self.usable = False
        elif self._chunks is not None:
            self._feed_chunks(self._chunks, data)
        elif self._left >= 0:
            self._count(len(data))
        else:
            self._feed_head(self._held + data)

    def _feed_head(self, data: bytes) -> None:
        end = data.find(b"\r\n\r\n")
        if end < 0 and len(data) <= LONGEST_HEAD and BARE_END(data) is None:
            self._held = data
            return
        self._held = b""
        head = self._head(data[:end]) if end >= 0 else None
        if head is None:
            self._give_up()
            return
        rest = data[head.length :]
        if self._to_head or head.status in _BODILESS:
            self._left = 0
        elif head.chunked:
            self._chunks = ChunkedReader()
            self._feed_chunks(self._chunks, rest)
            return
        else:
            self._left = head.content_length
        self._count(len(rest))

    def _head(self, raw: bytes) -> ResponseHead | None:
        """The head, if the connection goes on after it and the end of the answer can be told."""
        try:
            head = read_response(raw)
        except BadResponse:
            return None
        bodiless = self._to_head or head.status in _BODILESS
        framed = bodiless or head.chunked or head.content_length >= 0
        whole = head.length == len(raw) + 4  # else it ended before, in bare line feeds
        return head if head.keep_alive and head.status >= 200 and framed and whole else None

    def _count(self, size: int) -> None:
        self._left -= size
        self.over = self._left <= 0
        self.usable = self._left >= 0

    def _feed_chunks(self, chunks: ChunkedReader, data: bytes) -> None:
        try:
            chunks.feed(data)
        except BadChunk:
            self._give_up()
            return
        if chunks.rest is not None:
            self.over = True
            self.usable = not chunks.rest

    def _give_up(self) -> None:
        """The end cannot be told, or the connection ends with it."""
        self.over = True
        self.usable = False
