"""Coders: what makes of an answer's body another one, piece by piece.

:class:`Gzip` compresses, :class:`Gunzip` unpacks.

No I/O and no clock; ``coded`` gives them pieces, ``gzipping`` and ``gunzipping`` choose.
"""

from __future__ import annotations

import zlib
from typing import Final, Protocol

#: More comes, and nobody waits for what there is.
GO_ON: Final = 0
#: More comes, but not soon: whatever there is has to come out.
FLUSH: Final = 1
#: Nothing comes any more.
END: Final = 2

#: Where ``exchange.user`` has ``$gzip_ratio``; no variable can have this name.
RATIO: Final = "gzip ratio"
#: Bytes that are coded at a time: between two pieces others have their turn.
PIECE: Final = 65536

_GZIP: Final = 16
_LARGEST_WINDOW: Final = 15
_SMALLEST_WINDOW: Final = 9
#: zlib's real window is smaller than its size by so many bytes.
_LESS: Final = 262


class BadBody(ValueError):
    """The body is not what it says to be; the argument is the reason, for the error log."""


class Coder(Protocol):
    """Makes of one body another one."""

    holds: bool
    """There is more of what was given already: ask for it with an empty piece."""

    def feed(self, data: bytes, how: int) -> bytes:
        """What comes of the next piece; ``how`` is :data:`GO_ON`, :data:`FLUSH` or :data:`END`.

        Raises :class:`BadBody`.
        """
        ...

    def ratio(self) -> bytes:
        """``$gzip_ratio``; empty where nothing was compressed."""
        ...


class Gzip:
    """Compresses (RFC 1952).  ``length`` is that of the body, -1 where it is not known: a small one needs less memory.

    ``level``, ``window`` (its binary logarithm) and ``hash_level`` are zlib's.
    """

    __slots__ = ("_stream", "holds", "received", "sent")

    def __init__(self, level: int, window: int, hash_level: int, length: int) -> None:
        if length > 0:  # ngx_http_gzip_filter_memory
            while window > _SMALLEST_WINDOW and length < (1 << (window - 1)) - _LESS:
                window -= 1
                hash_level = max(1, hash_level - 1)
        self._stream = zlib.compressobj(level, zlib.DEFLATED, window + _GZIP, hash_level)
        self.holds = False
        self.received = 0
        """Bytes of the body."""
        self.sent = 0
        """Bytes of what came of it."""

    def feed(self, data: bytes, how: int) -> bytes:
        """See :class:`Coder`."""
        self.received += len(data)
        out = self._stream.compress(data)
        if how == END:
            out += self._stream.flush()
        elif how == FLUSH and data:
            out += self._stream.flush(zlib.Z_SYNC_FLUSH)
        self.sent += len(out)
        return out

    def ratio(self) -> bytes:
        """The length of the body by that of what came of it, rounded; empty before there is any."""
        if not self.sent:
            return b""
        hundredths = (self.received * 1000 // self.sent + 5) // 10
        return b"%d.%02d" % divmod(hundredths, 100)


class Gunzip:
    """Unpacks, at most :data:`PIECE` bytes at a time, whatever comes of a byte; several members are one body."""

    __slots__ = ("_began", "_left", "_stream", "holds")

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_LARGEST_WINDOW + _GZIP)
        self._began = False
        self._left = b""
        self.holds = False

    def feed(self, data: bytes, how: int) -> bytes:
        """See :class:`Coder`."""
        data = self._left + data
        self._began = self._began or bool(data)
        if self._stream.eof and data:
            self._stream = zlib.decompressobj(_LARGEST_WINDOW + _GZIP)
        try:
            out = self._stream.decompress(data, PIECE)
        except zlib.error as error:
            raise BadBody(f"inflate() failed: {error}") from None
        self._left = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
        self.holds = bool(self._left) or (len(out) >= PIECE and not self._stream.eof)
        if how == END and self._began and not self.holds and not self._stream.eof:
            raise BadBody("compressed answer ended too early")
        return out

    def ratio(self) -> bytes:
        """Nothing was compressed."""
        return b""


def code(coder: Coder, body: bytes) -> bytes:
    """What ``coder`` makes of a whole body.  Raises :class:`BadBody`."""
    found = [coder.feed(body, END)]
    while coder.holds:
        found.append(coder.feed(b"", END))
    return b"".join(found)


class Chain:
    """One coder behind the other."""

    __slots__ = ("_coders", "holds")

    def __init__(self, coders: list[Coder]) -> None:
        self._coders = coders
        self.holds = False

    def feed(self, data: bytes, how: int) -> bytes:
        """See :class:`Coder`: a coder gets :data:`END` once the one before it holds nothing any more."""
        holds = False
        for coder in self._coders:
            data = coder.feed(data, GO_ON if holds else how)
            holds = holds or coder.holds
        self.holds = holds
        return data

    def ratio(self) -> bytes:
        """That of the one that compresses."""
        return b"".join([coder.ratio() for coder in self._coders])
