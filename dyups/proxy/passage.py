"""A request on its way through phases that may wait: limits, access, sub-requests, scripts.

A location without such phases, nearly every one, never makes a :class:`Passage`.  ``phases`` begins one after the
rewrite phase; it holds the request's body until the location's content takes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dyups.proxy.client import MOST_HELD, BodySink, PhasedClient
from dyups.proxy.exchange import Exchange
from dyups.proxy.rewrite.steps import AGAIN, DONE, NEXT, WAIT
from dyups.proxy.serving import DISCARD


class Phase(Protocol):
    """What a location does with a request before its content; made once, stateless between requests."""

    def run(self, exchange: Exchange, passage: Passage) -> int:
        """Look at the request: ``NEXT``, ``AGAIN`` (``exchange.move`` was called), ``DONE`` (answered, or redirected).

        Or ``WAIT``: then :meth:`Passage.go_on` or an answer comes later, and ``passage.cancel`` is what ends the
        waiting if the client goes away.
        """
        ...


class Passage:
    """One request and the phases still before it."""

    __slots__ = (
        "_at",
        "_held",
        "_phases",
        "_refill",
        "_running",
        "_spool",
        "_went_on",
        "_when_read",
        "cancel",
        "client",
        "ended",
    )

    def __init__(self, client: PhasedClient, phases: tuple[Phase, ...], body: bytes, ended: bool) -> None:
        self.client = client
        self.ended = ended
        """All of the body is here."""
        self.cancel: Callable[[], object] | None = None
        """Set by a phase that waits: called once if the client goes away."""
        self._phases = phases
        self._at = 0
        self._held = [body] if body else []
        self._running = False
        self._went_on = False
        self._when_read: Callable[[], object] | None = None
        self._spool: Callable[[bytes, bool], object] | None = None
        """Takes the body elsewhere (:meth:`divert`)."""
        self._refill: Callable[[BodySink], object] | None = None
        """Gives it to whoever serves, from there."""

    @property
    def body(self) -> bytes:
        """What has come of the request's body."""
        if len(self._held) > 1:
            self._held = [b"".join(self._held)]
        return self._held[0] if self._held else b""

    def begin(self) -> BodySink:
        """Run the phases; who takes the rest of the body."""
        exchange = self.client.exchange
        exchange.held = self.body
        while self._at < len(self._phases):
            phase = self._phases[self._at]
            self._at += 1
            verdict = self._run(phase, exchange)
            if verdict == WAIT:
                return self
            if verdict == DONE:
                return DISCARD
            if verdict == AGAIN:
                return self.client.locate_again(self.body, self.ended)
        exchange.held = b""
        body, self._held = self.body, []
        sink = exchange.route.serving.serve(exchange, body, self.ended)
        if self._refill is not None and sink is not DISCARD:
            self._refill(sink)
        return sink

    def _run(self, phase: Phase, exchange: Exchange) -> int:
        self._running, self._went_on = True, False
        verdict = phase.run(exchange, self)
        self._running = False
        return NEXT if verdict == WAIT and self._went_on else verdict

    def go_on(self) -> None:
        """The phase that waited lets the request pass."""
        self.cancel = None
        if self._running:
            self._went_on = True
        elif self.client.waits_for(self):
            self.client.hand_over(self, self.begin())

    # -- the request's body, while something waits -----------------------------------------------------------------

    def take_body(self, data: bytes, ended: bool) -> None:
        """See :class:`~dyups.proxy.client.BodySink`."""
        if self._spool is not None:
            self._spool(data, ended)
            return
        if data:
            self._held.append(data)
            self.client.exchange.held = self.body
        self.ended = ended
        if self._when_read is None:
            if sum(map(len, self._held)) > MOST_HELD:
                self.client.pause_body()
        elif ended:
            call, self._when_read = self._when_read, None
            call()

    def read_all(self, call: Callable[[], object]) -> None:
        """A phase that waits wants the whole body: take all of it, and ``call`` when it is there.

        How much that may be is ``client_max_body_size``'s to say.
        """
        self._when_read = call
        self.client.resume_body()

    def divert(self, spool: Callable[[bytes, bool], object]) -> None:
        """A phase that waits has ``spool`` take the body, from its beginning on."""
        held, self._held = self.body, []
        self.client.exchange.held = b""
        self._spool = spool
        spool(held, self.ended)

    def restore(self, body: bytes, ended: bool, refill: Callable[[BodySink], object] | None = None) -> None:
        """The body that was taken elsewhere is ``body``, or what ``refill`` gives, later, to whoever serves."""
        self._spool = None
        self._held = [body] if body else []
        self.ended = ended
        self._refill = refill

    def client_paused(self) -> None:
        """Nothing is being sent."""

    def client_resumed(self) -> None:
        """Nothing was being sent."""

    def client_gone(self) -> None:
        """Nobody waits any more."""
        cancel, self.cancel = self.cancel, None
        if cancel is not None:
            cancel()
