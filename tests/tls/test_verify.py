"""Is a certificate for a name."""

from __future__ import annotations

from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from twisted.trial.unittest import SynchronousTestCase

from dyups.tls.verify import is_name, matches
from tests.tls.authority import Authority, authority, issued


class MatchTests(SynchronousTestCase):
    """Names, wildcards, addresses, common names."""

    def test_alternative_names(self) -> None:
        """The names of the certificate count, without case; a wildcard stands for one label."""
        certificate = issued("x", "a.example", "*.b.example").certificate
        for name, expected in {
            "a.example": True,
            "A.Example": True,
            "www.b.example": True,
            "b.example": False,
            "x.www.b.example": False,
            "x": False,
            "": False,
            "a_b": False,
        }.items():
            self.assertEqual(matches(certificate, name), expected, name)

    def test_common_names(self) -> None:
        """The common name counts where there is nothing else."""
        plain = authority().issue("a.example").certificate
        self.assertEqual([matches(plain, name) for name in ("a.example", "b.example")], [True, False])
        wild = authority().issue("*.c.example").certificate
        self.assertEqual([matches(wild, name) for name in ("a.c.example", "c.example")], [True, False])

    def test_addresses(self) -> None:
        """An address must be among the certificate's addresses."""
        key = Authority().key
        name = x509.Name([])
        builder = (
            Authority._builder(name, key, 5)
            .issuer_name(name)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("192.0.2.1"))]), True)
        )
        certificate = builder.sign(key, hashes.SHA256())
        self.assertEqual([matches(certificate, name) for name in ("192.0.2.1", "192.0.2.2")], [True, False])

    def test_what_may_be_said(self) -> None:
        """SNI has host names only (RFC 6066)."""
        self.assertEqual(
            [is_name(name) for name in (b"a", b"", b"192.0.2.1", b"2001:db8::1")], [True, False, False, False]
        )
