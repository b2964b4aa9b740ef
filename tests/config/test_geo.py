"""``geo``."""

from __future__ import annotations

import ipaddress

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.geo import Networks, Ranges, parse_address
from tests.config.helpers import http_of, message_of
from tests.proxy.conversation import World, get, head

BAD = {
    "geo x { }": 'invalid variable name "x" in conf/nginx.conf:3',
    "geo $x { a b; }": 'invalid network "a" in conf/nginx.conf:3',
    "geo $x { 10.0.0.0/33 b; }": 'invalid network "10.0.0.0/33" in conf/nginx.conf:3',
    "geo $x { 10.0.0.0/8; }": "invalid number of the geo parameters in conf/nginx.conf:3",
    "geo $x { ranges; 10.0.0.2-10.0.0.1 a; }": 'invalid range "10.0.0.2-10.0.0.1" in conf/nginx.conf:3',
    "geo $x { ranges; a-b c; }": 'invalid range "a-b" in conf/nginx.conf:3',
    "geo $nosuch $x { }": 'unknown "nosuch" variable in conf/nginx.conf:3',
}


class GeoTests(SynchronousTestCase):
    """The value for an address."""

    def values(self, block: str, *addresses: str) -> list[str]:
        """The variable for each address."""
        world = World(f'geo $arg_a $g {{ {block} }} server {{ listen 8080; return 200 "$g"; }}')
        return [head(world.ask(get(f"/?a={address}")))[2].decode() for address in addresses]

    def test_networks(self) -> None:
        """The smallest network has it, else the default; IPv4 within IPv6 is IPv4."""
        block = "default d; 10.0.0.0/8 a; 10.1.0.0/16 b; 10.1.2.3 c; 2001:db8::/32 six; delete 10.1.0.0/16;"
        self.assertEqual(
            self.values(
                block, "10.2.0.1", "10.1.0.1", "10.1.2.3", "11.0.0.1", "2001:db8::5", "::ffff:10.1.2.3", "x"
            ),
            ["a", "a", "c", "d", "six", "c", "d"],
        )

    def test_ranges(self) -> None:
        """The narrower range has it; a part may be taken out again."""
        block = "ranges; default d; 10.0.0.0-10.0.0.255 a; 10.0.0.5-10.0.0.9 b; 10.0.0.7 c; delete 10.0.0.8-10.0.0.8;"
        found = self.values(
            block, "10.0.0.0", "10.0.0.5", "10.0.0.7", "10.0.0.8", "10.0.0.255", "10.0.1.0", "::1"
        )
        self.assertEqual(found, ["a", "b", "c", "d", "a", "d", "d"])

    def test_proxies(self) -> None:
        """What trusted proxies say is followed, one hop or all the way."""
        block = "proxy 192.0.2.0/24; default d; 10.0.0.1 a; 192.0.2.9 p;"
        for more, header, expected in (
            ("", "10.0.0.1", b"a"),
            ("", "10.0.0.1, 192.0.2.9", b"p"),
            ("proxy_recursive;", "10.0.0.1, 192.0.2.9", b"a"),
            ("proxy_recursive;", "x, 192.0.2.9", b"p"),
        ):
            world = World(f'geo $g {{ {block} {more} }} server {{ listen 8080; return 200 "$g"; }}')
            answer = head(world.ask(get("/", "a", f"X-Forwarded-For: {header}")))
            self.assertEqual(answer[2], expected, (more, header))

    def test_mistakes(self) -> None:
        """Mistakes are told in nginx's words, with their place."""
        self.assertEqual({text: message_of(self, http_of, text) for text in BAD}, BAD)

    def test_no_address(self) -> None:
        """A unix socket's name is no address."""
        self.assertEqual([parse_address(text) for text in (b"unix:", b"", b"\xff")], [None] * 3)

    @settings(deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)), max_size=8),
        st.integers(0, 2**32 - 1),
    )
    def test_smallest_network(self, specs: list[tuple[int, int]], number: int) -> None:
        """No smaller network that was given holds the address."""
        networks = [ipaddress.ip_network((value, length), strict=False) for value, length in specs]
        address = ipaddress.IPv4Address(number)
        holding = [network for network in networks if address in network]
        smallest = max(holding, key=lambda network: network.prefixlen, default=None)
        table = Networks({network: str(network).encode() for network in networks})
        self.assertEqual(table.find(address), None if smallest is None else str(smallest).encode())

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8), st.integers(0, 41))
    def test_narrowest_range(self, pairs: list[tuple[int, int]], number: int) -> None:
        """The narrowest range around an address has it, the later one of two that are as wide."""
        ranges = [(min(pair), max(pair), b"%d" % index) for index, pair in enumerate(pairs)]
        holding = [item for item in ranges if item[0] <= number <= item[1]]
        expected = min(reversed(holding), key=lambda item: item[1] - item[0], default=(0, 0, None))[2]
        self.assertEqual(Ranges(ranges).find(ipaddress.IPv4Address(number)), expected)
