"""Networks and what is in them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_network

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.networks import LOOPBACK, number_of, parse_network
from tests.config.helpers import message_of


def holds(network: str, address: str) -> bool:
    return parse_network(network).holds(number_of(address.encode()))


class Networks(SynchronousTestCase):
    """``allow`` and ``deny`` compare with these."""

    def test_forms(self) -> None:
        """An address, a prefix of it, unix sockets and everything."""
        for network, address, inside in (
            ("192.0.2.7", "192.0.2.7", True),
            ("192.0.2.7", "192.0.2.8", False),
            ("192.0.2.0/24", "192.0.2.255", True),
            ("192.0.2.99/24", "192.0.2.1", True),
            ("0.0.0.0/0", "203.0.113.1", True),
            ("0.0.0.0/0", "2001:db8::1", False),
            ("2001:db8::/32", "2001:db8:ffff::1", True),
            ("2001:db8::/32", "2001:db9::1", False),
            ("10.0.0.0/8", "::ffff:10.1.2.3", True),
            ("unix:", "unix:", True),
            ("unix:", "127.0.0.1", False),
            ("all", "unix:", True),
            ("all", "2001:db8::1", True),
        ):
            self.assertEqual(holds(network, address), inside, (network, address))

    def test_loopback(self) -> None:
        """What is local: 127.0.0.0/8, ::1 and unix sockets."""
        for address, local in (
            ("127.0.0.1", True),
            ("127.9.9.9", True),
            ("::1", True),
            ("::ffff:127.0.0.1", True),
            ("unix:", True),
            ("192.0.2.1", False),
            ("::2", False),
            ("no address", False),
        ):
            found = any(network.holds(number_of(address.encode())) for network in LOOPBACK)
            self.assertEqual(found, local, address)

    def test_mistakes(self) -> None:
        """What is neither an address nor a prefix of one is refused in nginx's words."""
        for text in (
            "",
            "localhost",
            "1.2.3",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4/x",
            "::1/129",
            "::1/-1",
            "a/8",
        ):
            self.assertEqual(message_of(self, parse_network, text), f'invalid parameter "{text}"')

    @given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 32))
    @settings(deadline=None)
    def test_ipv4_like_ipaddress(self, network: int, address: int, bits: int) -> None:
        """Python's own library says the same of every IPv4 network and address."""
        text, client = f"{IPv4Address(network)}/{bits}", str(IPv4Address(address))
        self.assertEqual(holds(text, client), IPv4Address(address) in ip_network(text, strict=False))

    @given(st.integers(0, 2**128 - 1), st.integers(0, 2**128 - 1), st.integers(0, 128))
    @settings(deadline=None)
    def test_ipv6_like_ipaddress(self, network: int, address: int, bits: int) -> None:
        """Python's own library says the same of every IPv6 network and address."""
        text, client = f"{IPv6Address(network)}/{bits}", str(IPv6Address(address))
        if IPv6Address(address).ipv4_mapped is None:
            self.assertEqual(holds(text, client), IPv6Address(address) in ip_network(text, strict=False))
