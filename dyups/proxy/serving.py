"""What serves a location, as the rest of the data plane sees it."""

from __future__ import annotations

from typing import Final, Protocol

from dyups.proxy.client import BodySink
from dyups.proxy.exchange import Exchange


class Serving(Protocol):
    """One location's content, made once, stateless between requests."""

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """Begin to answer.

        ``body`` is what has come of the request's body already, ``ended`` that it is all of it.  The result takes the
        rest; where the answer needs no body it is :data:`DISCARD`.
        """
        ...


class _Discard:
    """Takes a body that nobody wants."""

    __slots__ = ()

    def take_body(self, data: bytes, ended: bool) -> None:
        """Drop it."""

    def client_paused(self) -> None:
        """A whole answer is on its way: nothing to hold back."""

    def client_resumed(self) -> None:
        """Nothing was held back."""

    def client_gone(self) -> None:
        """Nobody to tell."""


DISCARD: Final[BodySink] = _Discard()
