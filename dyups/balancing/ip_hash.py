"""``ip_hash``: the same client, the same server (``ngx_http_upstream_ip_hash_module.c``).

The first three octets of an IPv4 address count, and all sixteen of an IPv6 address; every client of a unix socket is
the same client.
"""

from __future__ import annotations

import socket
from collections.abc import Container, Iterator, Sequence
from typing import Any

from dyups.balancing.base import C, Tally
from dyups.balancing.hashing import OnALine
from dyups.interfaces import Getter

#: nginx's ``ngx_http_upstream_ip_hash_pseudo_addr``: a client that has no address.
NO_ADDRESS = bytes(3)


class IpHash(OnALine[C]):
    """The choice by the client's address, which ``address`` reads as text (``$remote_addr``)."""

    __slots__ = ("_address",)

    def __init__(self, peers: Sequence[C], tally: Tally, address: Getter) -> None:
        super().__init__(peers, tally)
        self._address = address

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> C | None:
        """The client's peer; see :class:`~dyups.balancing.base.Balancer`."""
        return self.first_open(places_of(octets_of(self._address(exchange))), tried, now)


def octets_of(address: bytes) -> bytes:
    """The octets of an address that count."""
    text = address.decode("latin-1")
    try:
        if ":" in text:
            return socket.inet_pton(socket.AF_INET6, text.partition("%")[0])
        return socket.inet_pton(socket.AF_INET, text)[:3]
    except (OSError, ValueError):
        return NO_ADDRESS


def places_of(octets: bytes) -> Iterator[int]:
    """Where the octets point to, without end."""
    place = 89
    while True:
        for octet in octets:
            place = (place * 113 + octet) % 6271
        yield place
