"""The head of an answer while body filters look at it, and change it with the body."""

from __future__ import annotations

import re
from functools import lru_cache

from dyups.proxy.exchange import Exchange
from dyups.proxy.filters.added import without

_VARY = b"Vary: Accept-Encoding\r\n"
#: What tells of a body that is not the one that is sent.
_OF_ANOTHER = frozenset({b"content-length", b"transfer-encoding", b"accept-ranges"})


@lru_cache(maxsize=64)
def _finder(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"^" + re.escape(name) + rb":[ \t]*([^\r]*?)[ \t]*\r$", re.IGNORECASE | re.MULTILINE)


class AnswerHead:
    """The head of one answer: ``lines`` end each with their line end, the status is that of ``exchange``."""

    __slots__ = ("exchange", "length", "lines")

    def __init__(self, exchange: Exchange, lines: bytes, length: int) -> None:
        self.exchange = exchange
        self.lines = lines
        self.length = length
        """Of the body; -1 where it is not known."""

    def value(self, name: bytes) -> bytes:
        """The value of the first field of that name; empty where there is none."""
        found = _finder(name).search(self.lines)
        return b"" if found is None else found[1]

    def content_type(self) -> bytes:
        """The type in lower case, without parameters."""
        return self.value(b"Content-Type").partition(b";")[0].strip().lower()

    def add(self, line: bytes) -> None:
        """One more line, without its end."""
        self.lines += line + b"\r\n"

    def drop(self, *names: bytes) -> None:
        """No fields of these lower-case names."""
        self.lines = without(self.lines, frozenset(names))

    def vary(self) -> None:
        """Say that the answer depends on ``Accept-Encoding``, unless that is said already."""
        if _VARY not in self.lines:
            self.lines += _VARY

    def becomes_another(self) -> None:
        """The body will be another one: nobody knows how long, and no part of it can be asked for."""
        self.length = -1
        self.lines = without(self.lines, _OF_ANOTHER)

    def weaken_etag(self) -> None:
        """The body is not byte for byte what it was (``ngx_http_weak_etag``, RFC 9110 section 8.8.1)."""
        tag = self.value(b"ETag")
        if not tag or tag.startswith(b"W/"):
            return
        self.drop(b"etag")
        if tag.startswith(b'"'):
            self.add(b"ETag: W/" + tag)
