"""What stands between an answer and its client, for one answer (``pacing``, ``coded``).

Whoever answers takes it for the client; it holds back what may not go out yet, and has whoever answers wait.  Requests
that need nothing of the kind never see one.
"""

from __future__ import annotations

from typing import Any

from dyups.proxy.client import ClientSide


class Between:
    """A client of one answer in front of ``client`` (:class:`~dyups.proxy.client.ClientSide`)."""

    def __init__(self, client: ClientSide) -> None:
        self._client = client
        self.plane = client.plane
        self.exchange = client.exchange

    def __getattr__(self, name: str) -> Any:
        """Whatever it has nothing to say about."""
        return getattr(self._client, name)

    @property
    def inner(self) -> ClientSide:
        """Whom it stands in front of."""
        return self._client

    def holds(self) -> bool:
        """The client takes more: is there something here that goes before anything new?"""
        return holds(self._client)

    def stop(self) -> None:
        """The client is gone: nothing waits any more."""
        stop(self._client)


def stop(client: object) -> None:
    """See :meth:`Between.stop`."""
    if isinstance(client, Between):
        client.stop()


def holds(client: object) -> bool:
    """See :meth:`Between.holds`; a client without anything in front of it holds nothing."""
    return isinstance(client, Between) and client.holds()
