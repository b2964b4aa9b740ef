"""One listening address: makes a :class:`ClientConnection` for each client that connects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IAddress, IProtocolFactory
from zope.interface import implementer

from dyups.config.model import Http, Listen, Location, ServerTls, inner_locations
from dyups.proxy.access.announced import Announced
from dyups.proxy.downstream import ClientConnection
from dyups.proxy.plane import DataPlane
from dyups.proxy.route import ListenRoutes, Maker
from dyups.proxy.secure.secured import SecuredClient
from dyups.tls.terms import Handshake, ListenTerms, TermsTable, speaks_http2

if TYPE_CHECKING:
    from dyups.proxy.http2.opening import Switch


@implementer(IProtocolFactory)
class Listener:
    """Twisted's factory for the connections to one address."""

    __slots__ = ("_inner", "_terms", "listen", "plane", "routes")

    noisy = False
    asks_address = False
    """See :class:`dyups.net.ports.Accepting`."""

    def __init__(
        self, listen: Listen, plane: DataPlane, make: Maker, table: TermsTable | None = None
    ) -> None:
        self.listen = listen
        self.plane = plane
        self.routes = ListenRoutes(listen, make, plane.deadlines)
        self._terms: ListenTerms | None = None
        """How to speak TLS, where the address does."""
        if listen.ssl:
            self._terms = ListenTerms(listen, table or TermsTable())
            self._terms.chosen = self._chosen
        self._inner = self._maker()
        """What the transport of a client's connection gets as its protocol, where that is not the connection itself."""

    def _maker(self) -> Callable[[ClientConnection], Any] | None:
        terms, switch = self._terms, self._switch()
        if terms is not None:
            return lambda client: SecuredClient(client, terms, switch)
        if switch is None:
            return None
        from dyups.proxy.http2.opening import Prefaced

        return lambda client: Prefaced(client, switch)

    def _switch(self) -> Switch | None:
        """How connections become HTTP/2, where that is spoken; loaded here alone, for it takes its time."""
        listen = self.listen
        servers = listen.servers if listen.ssl else (listen.default_server,)
        if not any(speaks_http2(listen, server) for server in servers):
            return None
        from dyups.proxy.http2.opening import switch_of

        return switch_of(listen, self.routes)

    def _chosen(self, handshake: Handshake) -> ServerTls:
        return self.routes.known_as(handshake.server_name, handshake.exchange).tls

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """A client connected: its ``ClientConnection``, or what stands before that."""
        client = ClientConnection(self.plane, self.routes)
        inner = client if self._inner is None else self._inner(client)
        return Announced(client, inner) if self.listen.proxy_protocol else inner

    def doStart(self) -> None:
        """Twisted's factory life cycle."""

    def doStop(self) -> None:
        """Twisted's factory life cycle."""


def limits_of(http: Http) -> Iterable[float]:
    """Every time limit of the configuration that the sweep enforces, in seconds."""
    for listen in http.listens:
        for server in listen.servers:
            yield server.server.client_header_timeout
            yield from _limits(server.settings, inner_locations(server))


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
        yield from _limits(location.settings, inner_locations(location))
