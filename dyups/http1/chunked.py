"""The chunked transfer coding of RFC 9112 section 7.1, both ways.

:class:`ChunkedReader` takes what arrived and gives the data in it; it holds at most one unfinished size line.
Trailer fields are read over and dropped, within a bound.

Lines end with CRLF and nothing else, as in nginx's present reader: RFC 9112 section 2.2 forgives a bare LF in heads
alone, and readers that differ about one here differ about where the body ends.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?").fullmatch
_LONGEST_LINE = 4096
_LONGEST_TRAILER = 16384

#: What frames or routes a message, and what is for one hop only, is no trailer.
_NO_TRAILERS: Final = frozenset(
    {
        *(b"transfer-encoding", b"content-length", b"host", b"connection", b"keep-alive", b"te", b"trailer"),
        *(
            b"upgrade",
            b"content-encoding",
            b"content-type",
            b"content-range",
            b"set-cookie",
            b"www-authenticate",
        ),
    }
)

LAST_CHUNK: Final = b"0\r\n\r\n"


class BadChunk(ValueError):
    """What should be a chunk is none; the argument is the reason."""


class _At(Enum):
    SIZE = "size"
    DATA = "data"
    DATA_END = "data end"
    TRAILER = "trailer"
    DONE = "done"


class ChunkedReader:
    """One chunked body.  ``rest`` holds what came after its end, and is None until then."""

    __slots__ = ("_at", "_fields", "_held", "_left", "_trailer", "rest")

    def __init__(self) -> None:
        self._at = _At.SIZE
        self._held = b""
        self._left = 0
        self._trailer = 0
        self._fields: list[bytes] = []
        self.rest: bytes | None = None

    def __repr__(self) -> str:
        return f"<ChunkedReader at {self._at.value}, {self._left} bytes left>"

    def feed(self, data: bytes) -> bytes:
        """The body's data within ``data``.  Raises :class:`BadChunk`; after the end see ``rest``."""
        if self._held:
            data = self._held + data
            self._held = b""
        out: list[bytes] = []
        start = 0
        size = len(data)
        while start < size and self._at is not _At.DONE:
            if self._at is _At.DATA:
                part = data[start : start + self._left]
                out.append(part)
                start += len(part)
                self._left -= len(part)
                if not self._left:
                    self._at = _At.DATA_END
                continue
            end = data.find(b"\n", start)
            if end < 0:
                self._hold(data[start:])
                break
            if data[end - 1] != 13 or end == start:  # CR
                raise BadChunk("line without CR")
            self._line(data[start : end - 1])
            start = end + 1
        if self._at is _At.DONE:
            self.rest = data[start:]
        return out[0] if len(out) == 1 else b"".join(out)

    def _hold(self, piece: bytes) -> None:
        if self._at is _At.DATA_END:
            if piece != b"\r":
                raise BadChunk("chunk data longer than its size")
        elif len(piece) > 1 + (_LONGEST_LINE if self._at is _At.SIZE else _LONGEST_TRAILER - self._trailer):
            raise BadChunk("chunk line too long")
        self._held = piece

    def _line(self, line: bytes) -> None:
        if self._at is _At.SIZE:
            match = _SIZE(line)
            if match is None or len(line) > _LONGEST_LINE:
                raise BadChunk("invalid chunk size")
            self._left = int(match[1], 16)
            self._at = _At.DATA if self._left else _At.TRAILER
        elif self._at is _At.DATA_END:
            if line:
                raise BadChunk("chunk data longer than its size")
            self._at = _At.SIZE
        elif not line:
            self._at = _At.DONE
        else:
            self._trailer += len(line)
            if self._trailer > _LONGEST_TRAILER:
                raise BadChunk("trailer too long")
            if b":" not in line or b"\r" in line or line[:1] in (b" ", b"\t", b":"):
                raise BadChunk("invalid trailer")
            self._fields.append(line)

    def trailer_lines(self) -> bytes:
        """The trailer fields that came, each with its line end, but those that belong into a head (RFC 9110 6.5.1)."""
        kept = [x for x in self._fields if x.partition(b":")[0].strip().lower() not in _NO_TRAILERS]
        return b"".join([line + b"\r\n" for line in kept])


def chunk(data: bytes) -> bytes:
    """``data``, which is not empty, as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)
