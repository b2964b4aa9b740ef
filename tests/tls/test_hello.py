"""What a ClientHello offers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from dyups.tls.hello import Hello, cipher_names, group_name, group_names, read_hello


def hello_of(name: bytes = b"a.example") -> bytes:
    """The first bytes of OpenSSL as a client."""
    connection = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), None)
    connection.set_connect_state()
    connection.set_tlsext_host_name(name)
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        return connection.bio_read(65536)
    raise AssertionError("there is no server")


class HelloTests(SynchronousTestCase):
    """From bytes to lists."""

    def test_openssls(self) -> None:
        """OpenSSL's own hello has its suites and groups, by its names."""
        hello = read_hello(hello_of())
        self.assertIn(b"TLS_AES_256_GCM_SHA384", cipher_names(hello).split(b":"))
        self.assertIn(b"X25519", group_names(hello).split(b":"))

    def test_unknown_numbers(self) -> None:
        """What has no name is shown as a number: clients offer some on purpose (RFC 8701)."""
        hello = Hello((0x1301, 0x0A0A), (0x001D, 0x1A1A))
        self.assertEqual(cipher_names(hello), b"TLS_AES_128_GCM_SHA256:0x0a0a")
        self.assertEqual(group_names(hello), b"X25519:0x1a1a")

    def test_agreed(self) -> None:
        """OpenSSL's other names for a group become nginx's."""
        names = ("x25519", "secp256r1", "X25519MLKEM768", "other", "")
        shown = [b"X25519", b"prime256v1", b"X25519MLKEM768", b"other", b""]
        self.assertEqual([group_name(name) for name in names], shown)

    def test_cut_off(self) -> None:
        """A hello that has not come whole offers nothing, or what was there; never an error."""
        whole = hello_of()
        for end in range(len(whole)):
            self.assertIsInstance(read_hello(whole[:end]), Hello)

    @given(st.binary(max_size=200))
    @settings(deadline=None)
    def test_any_bytes(self, data: bytes) -> None:
        """Whatever the bytes are, reading them is no error."""
        self.assertIsInstance(read_hello(b"\x16\x03\x01\x00\xc8" + data), Hello)
        self.assertIsInstance(read_hello(data), Hello)
