"""Sending a file, or parts of it, at the client's speed.

What the system has in memory is read at once (``RWF_NOWAIT``); what would have to come from a disk is read on a thread,
so that a slow disk holds up nobody else.  One piece is in memory at a time, and none while the client takes no more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from twisted.internet.threads import deferToThread
from twisted.python.failure import Failure

from dyups.http1.chunked import chunk
from dyups.proxy.answers import end_of_chunks
from dyups.proxy.client import BodySink, ClientSide
from dyups.proxy.filters.between import Between, holds, stop
from dyups.proxy.plane import complain
from dyups.proxy.serving import DISCARD

if TYPE_CHECKING:
    from dyups.proxy.route import AddedFields

#: Bytes that are read at a time.
PIECE = 1 << 17
#: Pieces in a row before others have their turn: the next one is read on a thread whatever it takes.
MOST_AT_ONCE = 8

#: What is sent: bytes, or the part of the file from the first number up to the second.
Part = bytes | tuple[int, int]


def read_now(fd: int, size: int, at: int) -> bytes | None:
    """What is in memory of the file, at most ``size`` bytes; None where nobody can tell without waiting."""
    buffer = bytearray(size)
    try:
        count = os.preadv(fd, [buffer], at, os.RWF_NOWAIT)
    except (OSError, AttributeError):
        return None
    return bytes(memoryview(buffer)[:count])


def read_aside(
    fd: int, size: int, at: int, then: Callable[[bytes], None], failed: Callable[[Failure], None]
) -> None:
    """Read on a thread, and call ``then`` with what was read, on the reactor's."""
    deferToThread(os.pread, fd, size, at).addCallbacks(then, failed)


class FileBody:
    """One file on its way to a client; takes the request's body, which nobody wants."""

    __slots__ = (
        "_client",
        "_end",
        "_fd",
        "_gone",
        "_pending",
        "_position",
        "_reading",
        "_trails",
        "_waiting",
    )

    def __init__(
        self, client: ClientSide, fd: int, parts: Sequence[Part], trails: AddedFields | None = None
    ) -> None:
        self._client = client
        self._fd = fd
        self._waiting = [*reversed(parts)]
        self._trails = trails
        """What has fields behind the body, which is sent in chunks then."""
        self._pending = b""
        self._position = self._end = 0
        self._reading = False
        """A thread reads: the descriptor stays open until it is back."""
        self._gone = False

    def begin(self, head: bytes) -> BodySink:
        """Send ``head`` and what there is; who takes the rest of the request's body."""
        self._pending = head
        self._go_on()
        return DISCARD if self._fd < 0 and not isinstance(self._client, Between) else self

    def _go_on(self) -> None:
        """Send until the client takes no more, a thread has to read, or all is sent."""
        for _ in range(MOST_AT_ONCE):
            if self._fd < 0 or self._reading or self._gone or self._client.write_blocked:
                return
            if not self._next_part():
                self._finish()
                return
            data = read_now(self._fd, self._size(), self._position)
            if data is None:
                break
            self._send(data)
        if self._fd >= 0 and not (self._reading or self._gone or self._client.write_blocked):
            if self._next_part():
                self._reading = True
                read_aside(self._fd, self._size(), self._position, self._read, self._failed)
            else:
                self._finish()

    def _next_part(self) -> bool:
        """Stand where there is something to read; False where all was read."""
        while self._position >= self._end:
            if not self._waiting:
                return False
            part = self._waiting.pop()
            if isinstance(part, bytes):
                self._pending += part if self._trails is None else chunk(part)
                self._client.exchange.body_sent += len(part)
            else:
                self._position, self._end = part
        return True

    def _size(self) -> int:
        return min(PIECE, self._end - self._position)

    def _send(self, data: bytes) -> None:
        if not data:
            self._break_off("file was truncated while it was sent")
            return
        self._position += len(data)
        self._client.exchange.body_sent += len(data)
        if self._trails is not None:
            data = chunk(data)
        pending, self._pending = self._pending, b""
        self._client.write(pending + data if pending else data)

    def _finish(self) -> None:
        if self._trails is not None:
            self._pending += end_of_chunks(self._trails.trailers(self._client.exchange))
        if self._pending:
            self._client.write(self._pending)
            self._pending = b""
        self._close()
        self._client.answered()

    def broke_off(self, text: str) -> None:
        """See :class:`~dyups.proxy.filters.coded.Source`."""
        complain("error", self._client.context(text))
        self._close()
        self._client.cut()

    def _break_off(self, reason: str) -> None:
        complain("alert", self._client.context(f"{reason} while sending response to client"))
        self._close()
        self._client.cut()

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    # -- what a thread read ----------------------------------------------------------------------------------------

    def _read(self, data: bytes) -> None:
        self._reading = False
        if self._gone:
            self._close()
            return
        self._send(data)
        if self._fd >= 0:
            self._go_on()

    def _failed(self, reason: Failure) -> None:
        self._reading = False
        if self._gone:
            self._close()
        else:
            self._break_off(f"read() failed ({reason.value})")

    # -- the client ------------------------------------------------------------------------------------------------

    def take_body(self, data: bytes, ended: bool) -> None:
        """Nobody wants it."""

    def client_paused(self) -> None:
        """Nothing more is read until the client takes more."""

    def client_resumed(self) -> None:
        """The client takes more, of what is held on the way first."""
        if not holds(self._client):
            self._go_on()

    def client_gone(self) -> None:
        """Nobody wants the file any more."""
        self._gone = True
        stop(self._client)
        if not self._reading:
            self._close()
