"""``geo``: from a client's address to a text.

Owns the reading of its block, CIDR and ``ranges``, and the choice (``ngx_http_geo_module``): the smallest network that
the address is in.  Called by ``build_http``.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from dyups.config.defined import Defined
from dyups.config.parser import Directive, encode
from dyups.config.scope import Scope
from dyups.config.tables import begin
from dyups.config.template import Template
from dyups.errors import ConfigError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse_network(text: str) -> Network:
    """The network of ``10.0.0.0/8``, ``::/0``, or of one address; raises ConfigError in nginx's words."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ConfigError(f'invalid network "{text}"') from None


def parse_address(value: bytes) -> Address | None:
    """The address of a text, an IPv4 one inside IPv6 as itself; None for no address (a unix socket's, for one)."""
    try:
        found = ipaddress.ip_address(value.decode("ascii"))
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


class Networks:
    """Values by network; the smallest that holds an address has it."""

    __slots__ = ("_by_length",)

    def __init__(self, values: Mapping[Network, bytes]) -> None:
        self._by_length: dict[int, list[tuple[int, dict[int, bytes]]]] = {4: [], 6: []}
        tables: dict[tuple[int, int], dict[int, bytes]] = {}
        for network, value in values.items():
            shift = network.max_prefixlen - network.prefixlen
            tables.setdefault((network.version, shift), {})[int(network.network_address) >> shift] = value
        for (version, shift), table in sorted(tables.items()):
            self._by_length[version].append((shift, table))

    def find(self, address: Address) -> bytes | None:
        """The value of the smallest network; None where there is none."""
        number = int(address)
        for shift, table in self._by_length[address.version]:
            found = table.get(number >> shift)
            if found is not None:
                return found
        return None


class Ranges:
    """Values by ranges of IPv4 addresses; a later range covers what an earlier one said."""

    __slots__ = ("_starts", "_values")

    def __init__(self, ranges: Sequence[tuple[int, int, bytes | None]]) -> None:
        cuts = sorted({point for first, last, _ in ranges for point in (first, last + 1)})
        values: list[bytes | None] = [None] * len(cuts)
        place = {point: index for index, point in enumerate(cuts)}
        # Wide ranges first: what is said of a part stands over what is said of the whole.
        for first, last, value in sorted(ranges, key=lambda item: item[0] - item[1]):
            width = place[last + 1] - place[first]
            values[place[first] : place[last + 1]] = [value] * width
        self._starts = cuts
        self._values = values

    def find(self, address: Address) -> bytes | None:
        """The value of the range; None outside of all."""
        index = bisect_right(self._starts, int(address)) - 1
        return self._values[index] if address.version == 4 and index >= 0 else None


class Geo:
    """One ``geo`` block."""

    __slots__ = ("_default", "_proxies", "_recursive", "_source", "_table")

    def __init__(self, source: Template) -> None:
        self._source = source
        self._default = b""
        self._proxies = Networks({})
        self._recursive = False
        self._table: Networks | Ranges = Networks({})

    def compute(self, exchange: Any) -> bytes:
        """The value for the address."""
        address = self._address(exchange)
        found = None if address is None else self._table.find(address)
        return self._default if found is None else found

    def _address(self, exchange: Any) -> Address | None:
        """The client's, or what trusted proxies say of it (``ngx_http_get_forwarded_addr``)."""
        address = parse_address(self._source.render(exchange))
        if address is None or self._proxies.find(address) is None:
            return address
        hops = exchange.head.value(b"x-forwarded-for").split(b",")
        for hop in reversed(hops):
            found = parse_address(hop.strip())
            if found is None:
                return address
            address = found
            if not self._recursive or self._proxies.find(address) is None:
                return address
        return address

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(self, directive: Directive, variable: Defined) -> None:
        """Take in the block; raises ConfigError with a place."""
        items = directive.block or ()
        names = [item.name for item in items if not item.args]
        self._recursive = "proxy_recursive" in names
        variable.volatile = "volatile" in names
        by_range = "ranges" in names
        networks: dict[Network, bytes] = {}
        proxies: dict[Network, bytes] = {}
        ranges: list[tuple[int, int, bytes | None]] = []
        for item in items:
            try:
                if item.name in ("ranges", "proxy_recursive", "volatile") and not item.args:
                    continue
                if len(item.args) != 1 or item.block is not None:
                    raise ConfigError("invalid number of the geo parameters")
                text = item.args[0]
                if item.name == "default":
                    self._default = encode(text)
                elif item.name == "proxy":
                    proxies[parse_network(text)] = b""
                elif by_range:
                    ranges.append(_range(item.name, text))
                elif item.name == "delete":
                    networks.pop(parse_network(text), None)
                else:
                    networks[parse_network(item.name)] = encode(text)
            except ConfigError as error:
                raise item.error(error.message) from None
        self._proxies = Networks(proxies)
        self._table = Ranges(ranges) if by_range else Networks(networks)


def _range(name: str, text: str) -> tuple[int, int, bytes | None]:
    """``first-last value``, or ``delete first-last``."""
    bounds = text if name == "delete" else name
    first, dash, last = bounds.partition("-")
    try:
        found = int(ipaddress.IPv4Address(first)), int(ipaddress.IPv4Address(last if dash else first))
    except ValueError:
        raise ConfigError(f'invalid range "{bounds}"') from None
    if found[0] > found[1]:
        raise ConfigError(f'invalid range "{bounds}"')
    return *found, None if name == "delete" else encode(text)


def read_geo(directive: Directive, scope: Scope) -> None:
    """A checked ``geo`` block; raises ConfigError with a place."""
    variable = begin(directive, scope)
    source = directive.args[0] if len(directive.args) == 2 else "$remote_addr"
    try:
        geo = Geo(scope.template(source))
    except ConfigError as error:
        raise directive.error(error.message) from None
    geo.read(directive, variable)
    variable.compute = geo.compute
