"""The formats of what variables tell of a certificate."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.x509.oid import NameOID
from twisted.trial.unittest import SynchronousTestCase

from dyups.tls.certificates import (
    days_left,
    distinguished,
    escaped_pem,
    fingerprint,
    legacy,
    moment,
    pem,
    serial,
    tabbed_pem,
)
from tests.tls.authority import issued
from tests.tls.certs import FORMATS

NAME = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Müller, Söhne"),
        x509.NameAttribute(NameOID.EMAIL_ADDRESS, "a@b.example"),
    ]
)


class FormatTests(SynchronousTestCase):
    """As OpenSSL and nginx have them."""

    def test_names(self) -> None:
        """RFC 2253 from the end, special characters and other bytes escaped; the old form from the start."""
        self.assertEqual(distinguished(NAME), rb"emailAddress=a@b.example,O=M\C3\BCller\, S\C3\B6hne,C=DE")
        self.assertEqual(legacy(NAME), rb"/C=DE/O=M\xC3\xBCller, S\xC3\xB6hne/emailAddress=a@b.example")

    def test_texts_and_numbers(self) -> None:
        """Each agrees with the same made by hand."""
        certificate = issued("anna").certificate
        made = {
            "ssl_client_cert": tabbed_pem,
            "ssl_client_escaped_cert": escaped_pem,
            "ssl_client_fingerprint": fingerprint,
            "ssl_client_raw_cert": pem,
            "ssl_client_serial": serial,
        }
        for name, function in made.items():
            self.assertEqual(function(certificate), FORMATS[name](certificate), name)

    def test_times(self) -> None:
        """The day has two places; days are whole, and never negative."""
        self.assertEqual(moment(datetime(2026, 11, 2, 7, 5, 0)), b"Nov  2 07:05:00 2026 GMT")
        certificate = issued("anna").certificate
        end = certificate.not_valid_after_utc
        self.assertEqual(days_left(certificate, end - timedelta(days=3, seconds=5)), b"3")
        self.assertEqual(days_left(certificate, end + timedelta(days=3)), b"0")
        self.assertGreaterEqual(int(days_left(certificate)), 80)
        self.assertEqual(end.tzinfo, timezone.utc)
