"""What a ``ClientConnection`` writes, HTTP/1.1 in bytes, to the fields and the body that HTTP/2 sends.

Only what this proxy wrote itself is read here, so nothing is checked again; but a head may come in pieces
(``limit_rate``).  ``stream`` feeds it.
"""

from __future__ import annotations

import re
from typing import Final

from dyups.http1.chunked import ChunkedReader
from dyups.http1.fields import LONGEST_HEAD_KEPT, MOST_HEADS_KEPT, keep

#: RFC 9113 section 8.2.2.
_OF_CONNECTIONS: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
# RFC 9110 section 5.6.2; clients refuse a whole answer for one name that is no token.
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch

Field = tuple[bytes, bytes]


class AnswerHead:
    """The head of an answer: ``fields`` begin with ``:status``; ``length`` is -1 where none is told."""

    __slots__ = ("chunked", "fields", "length", "size", "status")

    def __init__(self, raw: bytes) -> None:
        lines = raw.split(b"\r\n")
        code = lines[0][9:12]
        self.status = int(code)
        self.length = -1
        self.chunked = False
        self.fields: list[Field] = [(b":status", code)]
        for line in lines[1:]:
            self._add(line)
        self.size = sum(len(name) + len(value) for name, value in self.fields)

    def _add(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        name, value = name.lower(), value.strip(b" \t")
        if name == b"content-length":
            if not value.isdigit():
                return  # not the framing: what add_header adds
            self.length = int(value)
        elif name in _OF_CONNECTIONS:
            self.chunked = self.chunked or name == b"transfer-encoding"
            return
        if _TOKEN(name) is not None:
            self.fields.append((name, value))


# The same answer to the same question has the same head until the next second.
_HEADS: dict[bytes, AnswerHead] = {}


def _head(raw: bytes) -> AnswerHead:
    head = _HEADS.get(raw)
    if head is None:
        head = AnswerHead(raw)
        if len(raw) <= LONGEST_HEAD_KEPT and b"ookie" not in raw:
            keep(_HEADS, raw, head, MOST_HEADS_KEPT)
    return head


class AnswerReader:
    """One answer; ``bodiless`` where the request was a HEAD.

    ``heads`` are those that came and that nobody has taken yet, ``ended`` tells that all of the body has come.
    """

    __slots__ = ("_bodiless", "_chunks", "_final", "_held", "_left", "ended", "heads", "status")

    def __init__(self, bodiless: bool) -> None:
        self._bodiless = bodiless
        self._final = False
        self.status = 0
        """Of the head that counts."""
        self._held = b""
        self._left = -1
        self._chunks: ChunkedReader | None = None
        self.heads: list[AnswerHead] = []
        self.ended = False

    def feed(self, data: bytes) -> bytes:
        """The part of the body within ``data``."""
        if not self._final:
            data = self._heads(self._held + data)
        if self.ended or not data:
            return b""
        if self._chunks is not None:
            body = self._chunks.feed(data)
            self.ended = self._chunks.rest is not None
            return body
        if self._left >= 0:
            data = data[: self._left]
            self._left -= len(data)
            self.ended = not self._left
        return data

    def _heads(self, data: bytes) -> bytes:
        """Take off the heads: those of 1xx, and the one that counts."""
        while not self._final:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._held = data
                return b""
            head = _head(data[:end])
            data = data[end + 4 :]
            self.heads.append(head)
            if head.status >= 200:
                self._frame(head)
        self._held = b""
        return data

    def _frame(self, head: AnswerHead) -> None:
        self._final = True
        self.status = head.status
        if self._bodiless or head.status in (204, 304) or not head.length:
            self.ended = True
        elif head.chunked:
            self._chunks = ChunkedReader()
        else:
            self._left = head.length

    def close(self) -> bool:
        """Nothing more is written: was that the whole answer."""
        if self._final and self._chunks is None and self._left < 0:
            self.ended = True  # a body without a length ends so
        return self.ended

    def trailers(self) -> list[Field]:
        """The fields behind the body."""
        lines = b"" if self._chunks is None else self._chunks.trailer_lines()
        found = [line.partition(b":") for line in lines.split(b"\r\n") if line]
        return [(name.lower(), value.strip(b" \t")) for name, _, value in found if _TOKEN(name) is not None]
