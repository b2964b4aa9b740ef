"""Networks as ``allow``, ``deny`` and ``set_real_ip_from`` write them, and whether an address is in one.

Owns the spelling (``ngx_ptocidr``) and the comparison; the directive table reads, the data plane asks.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import NamedTuple

from dyups.config.values import is_ipv4, is_ipv6
from dyups.errors import ConfigError

ANY, UNIX, IPV4, IPV6 = 0, 1, 4, 6
_BITS = {IPV4: 32, IPV6: 128}
_MAPPED = 0xFFFF << 32
"""What an IPv4 address within IPv6 begins with, ``::ffff:0:0/96``."""


class Number(NamedTuple):
    """An address as a number of its family; a unix socket is 0."""

    family: int
    value: int


class Network(NamedTuple):
    """A block of addresses; of the family :data:`ANY` it is all of them."""

    family: int
    value: int = 0
    mask: int = 0

    def holds(self, address: Number) -> bool:
        """Is the address in it?"""
        if self.family == ANY:
            return True
        return address.family == self.family and address.value & self.mask == self.value


EVERYTHING = Network(ANY)
LOOPBACK = (Network(UNIX), Network(IPV4, 127 << 24, 0xFF << 24), Network(IPV6, 1, (1 << 128) - 1))


def parse_network(text: str) -> Network:
    """``all``, ``unix:``, an address, or an address and the bits of its prefix; bits beyond those do not count.

    Raises ConfigError without a place.
    """
    if text == "all":
        return EVERYTHING
    if text == "unix:":
        return Network(UNIX)
    address, slash, length = text.partition("/")
    family = IPV4 if is_ipv4(address) else IPV6 if is_ipv6(address) else ANY
    bits = _BITS.get(family, -1)
    if family == ANY or (slash and not (length.isascii() and length.isdigit() and int(length) <= bits)):
        raise ConfigError(f'invalid parameter "{text}"')
    prefix = int(length) if slash else bits
    mask = ((1 << prefix) - 1) << (bits - prefix)
    return Network(family, _value(family, address) & mask, mask)


@lru_cache(maxsize=1024)
def number_of(address: bytes) -> Number:
    """The number of an address as ``$remote_addr`` shows it; IPv4 within IPv6 is IPv4."""
    text = address.decode("latin-1").partition("%")[0]
    if text.startswith("unix:"):
        return Number(UNIX, 0)
    if is_ipv4(text):
        return Number(IPV4, _value(IPV4, text))
    if not is_ipv6(text):
        return Number(ANY, 0)
    value = _value(IPV6, text)
    return Number(IPV4, value & 0xFFFFFFFF) if value >> 32 << 32 == _MAPPED else Number(IPV6, value)


def _value(family: int, address: str) -> int:
    kind = socket.AF_INET if family == IPV4 else socket.AF_INET6
    return int.from_bytes(socket.inet_pton(kind, address), "big")
