"""``proxy_bind``: connections to servers from an address of ours.

Connections from one address may stand for one another, those from different ones may not: each address is a
:class:`~dyups.proxy.forward.plan.Channel`.
"""

from __future__ import annotations

from twisted.internet.interfaces import IConnector

from dyups.config.model import Template
from dyups.config.values import local_address
from dyups.interfaces import TcpAddress
from dyups.proxy.exchange import Exchange
from dyups.proxy.forward.peerlink import LinkFactory
from dyups.proxy.plane import DataPlane, complain
from dyups.upstream.peer import Peer

#: Addresses of one location that are kept, where they come from a variable.
MOST_ADDRESSES = 1024


class LocalAddress:
    """Connections that come from ``source``, which may have a port; an empty one leaves it to the system."""

    __slots__ = ("source",)

    def __init__(self, source: str) -> None:
        self.source = source

    def dial(self, plane: DataPlane, peer: Peer, factory: LinkFactory, timeout: float) -> IConnector:
        """See :class:`~dyups.proxy.forward.plan.Channel`."""
        factory.channel = self
        if not self.source or not isinstance(peer.address, TcpAddress):
            return plane.dial(peer.address, factory, timeout)
        return plane.dial(peer.address, factory, timeout, self.source)


class LocalAddresses:
    """The addresses of one location (:class:`~dyups.proxy.forward.plan.Channels`)."""

    __slots__ = ("_known", "_text")

    def __init__(self, text: Template) -> None:
        self._text = text
        self._known: dict[bytes, LocalAddress] = {}

    def channel(self, exchange: Exchange) -> LocalAddress:
        """The address for a request; a value that is none is said in the log and counts as empty, as in nginx."""
        value = self._text.render(exchange)
        found = self._known.get(value)
        if found is None:
            source = value.decode("latin-1")
            usable = local_address(source) is not None
            if source and not usable:
                complain("error", exchange.client.context(f'invalid local address "{source}"'))
            if len(self._known) >= MOST_ADDRESSES:
                self._known.clear()
            found = self._known[value] = LocalAddress(source if usable else "")
        return found
