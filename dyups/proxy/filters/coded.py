"""An answer whose body goes through a coder on its way out: compressed, unpacked, changed.

A :class:`CodedClient` stands between whoever answers (a relay, a file) and the client.  It takes the body as it is and
sends what the coder makes of it, framed.  Coding takes time: a piece of 64 KiB at most has its turn, then others have
theirs, and whoever answers waits meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from dyups.http1.chunked import chunk
from dyups.proxy.answers import end_of_chunks, framed
from dyups.proxy.client import ClientSide
from dyups.proxy.filters.between import Between, holds
from dyups.proxy.filters.coding import END, FLUSH, GO_ON, PIECE, RATIO, BadBody, Coder
from dyups.proxy.plane import complain

if TYPE_CHECKING:
    from twisted.internet.interfaces import IDelayedCall


class Source(Protocol):
    """Whoever answers, and waits where it has to."""

    def client_paused(self) -> None:
        """Nothing more is taken for now."""
        ...

    def client_resumed(self) -> None:
        """More is taken."""
        ...

    def broke_off(self, text: str) -> None:
        """The body is not what it should be: let the client see that it is not whole, and the error log why."""
        ...


class CodedClient(Between):
    """The client of an answer whose body ``coder`` changes.

    ``trailers`` gives the lines behind a chunked body; where it is None the body ends with the connection.  With
    ``flushes`` nothing that has come is held back while more is awaited.  ``length`` is that of the body as it comes,
    -1 where it is not known; the last piece of it is sent with the end, which has to follow at once.  ``let_go`` is
    called at the end.
    """

    def __init__(
        self,
        client: ClientSide,
        coder: Coder,
        trailers: Callable[[], bytes] | None,
        *,
        length: int = -1,
        flushes: bool = True,
        let_go: Callable[[], object] | None = None,
    ) -> None:
        super().__init__(client)
        self._coder = coder
        self._trailers = trailers
        self.source: Source | None = None
        """Who waits for us; as long as there is nobody, nothing waits here either."""
        self._left = length
        self._flushes = flushes
        self._let_go = let_go
        self._head = b""
        self._queue = bytearray()
        self._sent = 0
        self._call: IDelayedCall | None = None
        self._end = ""
        self._over = False

    @property
    def write_blocked(self) -> bool:
        """Something waits already."""
        return self._busy() or self._client.write_blocked

    def _busy(self) -> bool:
        return not self._over and (bool(self._queue) or self._coder.holds)

    # -- what is sent --------------------------------------------------------------------------------------------

    def begin(self, head: bytes, body: bytes, whole: bool) -> None:
        """Send ``head`` and what there is of the body; of one that is ``whole`` the end follows at once."""
        self._head = head
        self._queue += body
        if not whole and (body or self._flushes):
            self._take(len(body))

    def write(self, data: bytes) -> None:
        """More of the body."""
        self._queue += data
        self._take(len(data))

    def _take(self, size: int) -> None:
        if self._left > 0:
            self._left -= size
            if not self._left:
                return
        if self._call is None:
            self._pump()
        if self.source is not None and self._busy():
            self.source.client_paused()

    def _pump(self) -> None:
        """Code one piece and send what comes of it; the next one has another turn."""
        while not self._over:
            piece = b"" if self._coder.holds else bytes(self._queue[:PIECE])
            del self._queue[: len(piece)]
            try:
                data = self._coder.feed(piece, self._how())
            except BadBody as error:
                self._break_off(str(error))
                return
            self._send(data)
            if not self._busy():
                if self._end:
                    self._finish()
                return
            if self.source is not None:
                self._next_turn()
                return

    def _how(self) -> int:
        if self._queue:
            return GO_ON
        if self._end == "answered":
            return END
        return FLUSH if self._flushes else GO_ON

    def _send(self, data: bytes) -> None:
        self._sent += len(data)
        self.exchange.body_sent = self._sent
        if data and self._trailers is not None:
            data = chunk(data)
        if self._end == "answered" and not self._busy() and self._trailers is not None:
            data += end_of_chunks(self._trailers())
        if data or (self._head and (self._flushes or self._end)):
            head, self._head = self._head, b""
            self._client.write(head + data)

    def _next_turn(self) -> None:
        if self._call is None and not self._over:
            self._call = self.plane.deadlines.call_later(0, self._go_on)

    def _go_on(self) -> None:
        self._call = None
        if self._client.write_blocked:
            return  # until the client takes more (holds)
        self._pump()
        if self.source is not None and not (self._over or self._end or self.write_blocked):
            self.source.client_resumed()

    def holds(self) -> bool:
        """See :meth:`Between.holds`."""
        if holds(self._client):
            return True
        if self._busy():
            self._next_turn()
        return self._busy()

    # -- its end -------------------------------------------------------------------------------------------------

    def answered(self) -> None:
        """The body is complete: what waits goes out, and its end."""
        self._close("answered")

    def cut(self) -> None:
        """What came still goes out, then the connection ends."""
        self._close("cut")

    def _close(self, how: str) -> None:
        if not self._over:
            self._end = how
            if self._call is None:
                self._pump()

    def _break_off(self, reason: str) -> None:
        """Nothing can be made of the body."""
        self._over = True
        if self.source is None:
            complain("error", self.context(f"{reason} while sending to client"))
        else:
            self.source.broke_off(f"{reason} while sending to client")
        self._end = "cut"
        self._finish()

    def _finish(self) -> None:
        self._over = True
        ratio = self._coder.ratio()
        if ratio:
            self.exchange.user[RATIO] = ratio
        if self._let_go is not None:
            self._let_go()
        if self._end == "cut":
            self._client.cut()
        else:
            self._client.answered()

    def stop(self) -> None:
        """The client is gone: nothing waits any more."""
        self._over = True
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
        super().stop()


def begin_coded(
    client: ClientSide, coder: Coder, head_of: Callable[[bytes], bytes], *, flushes: bool = True
) -> Any:
    """Who gets the body of an answer of ours as it is; ``head_of`` makes the head, given the line that frames the body.

    Nobody waits, unless it is told who: see :attr:`CodedClient.source`.
    """
    exchange = client.exchange
    adds = exchange.route.adds
    line = framed(client)
    trailers = (lambda: b"" if adds is None else adds.trailers(exchange)) if line else None
    coded = CodedClient(client, coder, trailers, flushes=flushes)
    coded.begin(head_of(line), b"", False)
    return coded
