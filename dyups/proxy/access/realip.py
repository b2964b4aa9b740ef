"""Where a client really is, as a trusted proxy in front says it (``ngx_http_realip_module``).

A step before all others of a server, or of a location, that trusts somebody; elsewhere there is no such step.  What is
believed holds for one request: ``$remote_addr``, ``allow`` and logs read it, ``$realip_remote_addr`` the address
of the connection.
"""

from __future__ import annotations

import socket

from dyups.config.networks import ANY, UNIX, Network, number_of
from dyups.config.parser import encode
from dyups.config.realip import RealIpSettings
from dyups.config.values import parse_server_address
from dyups.errors import ConfigError
from dyups.proxy.exchange import Exchange
from dyups.proxy.rewrite.steps import NEXT


class RealIp:
    """Believes what trusted proxies say (:class:`~dyups.proxy.rewrite.steps.Runnable`)."""

    __slots__ = ("_name", "_recursive", "_trusted")

    def __init__(self, settings: RealIpSettings) -> None:
        self._trusted = settings.trusted
        self._name = encode(settings.real_ip_header.lower())
        self._recursive = settings.real_ip_recursive

    def run(self, exchange: Exchange) -> int:
        """Find the address of the client, once for each request."""
        if exchange.real_address is None:
            found = self._found(exchange)
            if found is not None:
                exchange.real_address = as_shown(found[0]), found[1]
        return NEXT

    def _found(self, exchange: Exchange) -> tuple[bytes, int] | None:
        client = exchange.client
        if self._name == b"proxy_protocol":
            announced = getattr(client, "announced", None)
            if announced is None or not announced.source[0]:
                return None
            return announced.source if trusts(self._trusted, client.client_address()[0]) else None
        value = exchange.head.value(self._name)
        if not value:
            return None
        return said_address(value, client.client_address()[0], self._trusted, recursive=self._recursive)


def as_shown(address: bytes) -> bytes:
    """An address as the system writes it (``ngx_sock_ntop``): of IPv6 addresses there are many spellings."""
    if b":" not in address or number_of(address).family == UNIX:
        return address
    packed = socket.inet_pton(socket.AF_INET6, address.decode("latin-1").partition("%")[0])
    return socket.inet_ntop(socket.AF_INET6, packed).encode()


def trusts(trusted: tuple[Network, ...], address: bytes) -> bool:
    """Is ``address`` in one of the networks?"""
    number = number_of(address)
    return any(network.holds(number) for network in trusted)


def said_address(
    value: bytes, peer: bytes, trusted: tuple[Network, ...], *, recursive: bool
) -> tuple[bytes, int] | None:
    """The address in a list that ``peer`` sent; None where it is not believed (``ngx_http_get_forwarded_addr``).

    Read from the end: the last address, or if ``recursive`` the last that is not itself trusted.
    """
    found: tuple[bytes, int] | None = None
    words = value.replace(b",", b" ").split()
    while words and trusts(trusted, peer):
        address = read_address(words.pop())
        if address is None:
            break
        found, peer = address, address[0]
        if not recursive:
            break
    return found


def read_address(text: bytes) -> tuple[bytes, int] | None:
    """``192.0.2.1``, ``192.0.2.1:8080``, ``2001:db8::1`` or ``[2001:db8::1]:8080``; port 0 where there is none."""
    if number_of(text).family != ANY and not text.startswith(b"unix:"):
        return text, 0
    try:
        host, port, path = parse_server_address(text.decode("latin-1"), 0)
    except ConfigError:
        return None
    address = host.encode("latin-1")
    return None if path or number_of(address).family == ANY else (address, port)
