"""The values that floors hand to each other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.interfaces import TcpAddress, UnixAddress


class AddressTests(SynchronousTestCase):
    """Addresses as nginx writes them."""

    def test_tcp(self) -> None:
        """Host, colon, port."""
        self.assertEqual(str(TcpAddress("127.0.0.1", 8088)), "127.0.0.1:8088")

    def test_ipv6(self) -> None:
        """The colons of an IPv6 address stand between brackets."""
        self.assertEqual(str(TcpAddress("::1", 80)), "[::1]:80")

    def test_unix(self) -> None:
        """``unix:`` and the path."""
        self.assertEqual(str(UnixAddress("/run/a.sock")), "unix:/run/a.sock")

    @given(st.ip_addresses().map(str), st.integers(1, 65535))
    def test_equal_addresses_are_one_key(self, host: str, port: int) -> None:
        """Peers are found again by their address: it compares and hashes by value, and prints with its port."""
        address = TcpAddress(host, port)
        self.assertEqual({address: 1}[TcpAddress(host, port)], 1)
        self.assertTrue(str(address).endswith(f":{port}"))
