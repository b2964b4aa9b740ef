"""One listening address: makes a :class:`ClientConnection` for each client that connects."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.interfaces import IAddress, IProtocolFactory
from zope.interface import implementer

from dyups.config.model import Http, Listen, Location
from dyups.proxy.downstream import ClientConnection
from dyups.proxy.plane import DataPlane
from dyups.proxy.route import ListenRoutes, Maker


@implementer(IProtocolFactory)
class Listener:
    """Twisted's factory for the connections to one address."""

    __slots__ = ("listen", "plane", "routes")

    noisy = False
    asks_address = False
    """See :class:`dyups.net.ports.Accepting`."""

    def __init__(self, listen: Listen, plane: DataPlane, make: Maker) -> None:
        self.listen = listen
        self.plane = plane
        self.routes = ListenRoutes(listen, make, plane.deadlines)

    def buildProtocol(self, addr: IAddress | None) -> ClientConnection:
        """A client connected."""
        return ClientConnection(self.plane, self.routes)

    def doStart(self) -> None:
        """Twisted's factory life cycle."""

    def doStop(self) -> None:
        """Twisted's factory life cycle."""


def limits_of(http: Http) -> Iterable[float]:
    """Every time limit of the configuration that the sweep enforces, in seconds."""
    for listen in http.listens:
        for server in listen.servers:
            yield server.server.client_header_timeout
            yield from _limits(server.settings, server.locations)


def _limits(settings: object, locations: Iterable[Location]) -> Iterable[float]:
    for name in (
        "client_body_timeout",
        "keepalive_timeout",
        "lingering_time",
        "lingering_timeout",
        "proxy_read_timeout",
        "proxy_send_timeout",
        "send_timeout",
    ):
        yield getattr(settings, name)
    for location in locations:
        yield from _limits(location.settings, location.locations)
