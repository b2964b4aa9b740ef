"""A client that has left, for a forwarding that goes on without it (``proxy_ignore_client_abort``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dyups.proxy.client import BodySink, ClientSide
from dyups.proxy.exchange import Exchange
from dyups.proxy.serving import DISCARD

if TYPE_CHECKING:
    from dyups.proxy.forward.relay import Relay


class Departed:
    """Takes an answer that nobody waits for (:class:`~dyups.proxy.client.ClientSide`).

    What it is asked about the request it knows from the client that was there.
    """

    def __init__(self, client: ClientSide) -> None:
        self._client = client
        self.plane = client.plane
        self.exchange: Exchange = client.exchange
        self.write_blocked = False
        self.secured = client.secured

    def __getattr__(self, name: str) -> Any:
        """Whatever only tells of the client: its addresses, its numbers."""
        return getattr(self._client, name)

    def write(self, data: bytes) -> None:
        """Drop it."""

    def forward(self, *arguments: Any) -> BodySink:
        """Nothing more is asked."""
        return DISCARD

    def refuse(self, status: int, held: bytes | None = b"") -> None:
        """Nobody hears."""

    def redirect(self, uri: bytes, args: bytes, body: bytes = b"", ended: bool = True) -> None:
        """Nobody waits for what is there."""

    def redirect_named(self, name: bytes, body: bytes = b"", ended: bool = True) -> None:
        """Nobody waits for what is there."""

    def answered(self) -> None:
        """The request's end was the client's."""

    def cut(self) -> None:
        """There is nothing to cut."""

    def close_after(self) -> None:
        """It is closed."""

    def pause_body(self) -> None:
        """Nothing comes."""

    def resume_body(self) -> None:
        """Nothing comes."""

    def answer_tail(self) -> bytes:
        """The end of a head."""
        return b"\r\n"


def depart(relay: Relay) -> None:
    """From here on ``relay`` has nobody to answer."""
    gone: Any = Departed(relay.client)
    relay.client = gone
