"""A request's body on its way to a server: framed as the server is to get it, and kept as long as it may be sent again.

The middle part of ``attempt.Forwarding``, between the way back (``relay``) and the attempts.
"""

from __future__ import annotations

from typing import Final

from dyups.http1.chunked import LAST_CHUNK, ChunkedReader, chunk
from dyups.proxy.forward.relay import Relay

#: Bytes of a request's body that are kept to be sent again; beyond that a request is asked once.
MOST_KEPT: Final = 65536
#: Where ``exchange.user`` has the body (``$request_body``); no variable can have this name.
BODY_TEXT: Final = "request body"


class RequestBody(Relay):
    """What is known of the body; ``_body`` is what is kept of it."""

    __slots__ = ("_chunks_in", "_held", "_own_body", "_replayable")

    _chunks_in: bool
    _held: int
    _own_body: bool
    """The server gets a body of ours, or none; the client's is nobody's."""
    _replayable: bool

    def _swap_body(self, body: bytes | None) -> bytes:
        """Send ``body`` in place of the client's; the line that frames it."""
        self._ended = True
        self._chunks_in = False
        if body:
            self._body = [body]
        return b"" if body is None else b"Content-Length: %d\r\n" % len(body)

    def _wire(self, data: bytes, ended: bool) -> bytes:
        if data and self.plane.bodies_wanted:
            self._note(data)
        if not self._chunks_in:
            return data
        framed = chunk(data) if data else b""
        return framed + LAST_CHUNK if ended else framed

    def _note(self, data: bytes) -> None:
        """Keep the text itself, too; of one that is too long there is none, as in nginx of one that is in a file."""
        user = self.exchange.user
        first = self._replayable and not self._held
        text = data if first else user.get(BODY_TEXT, b"") + data
        user[BODY_TEXT] = text if self._replayable and len(text) <= MOST_KEPT else b""

    def _keep(self, wire: bytes) -> None:
        if wire and self._replayable:
            self._body.append(wire)
            self._held += len(wire)

    def _forget_if_long(self) -> None:
        if self._held > MOST_KEPT:
            self._replayable = False
            self._body = []
            self._held = 0

    def held_body(self) -> bytes | None:
        """What came of the request's body so far, None where it is not kept."""
        wire = b"".join(self._body)
        if not self._replayable or self._own_body:
            return None
        return ChunkedReader().feed(wire) if self._chunks_in else wire
