"""Certificates for tests: an authority, what it signs, what it revokes."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

NOW = datetime.now(timezone.utc).replace(microsecond=0)


class Issued(NamedTuple):
    """A certificate with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate as a file has it."""
        return self.certificate.public_bytes(Encoding.PEM)

    def key_pem(self, phrase: bytes = b"") -> bytes:
        """The key as a file has it, encrypted if there is a phrase."""
        lock = BestAvailableEncryption(phrase) if phrase else NoEncryption()
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock)

    def write(self, folder: Path, name: str) -> tuple[str, str]:
        """``NAME.crt`` and ``NAME.key`` in ``folder``; their paths."""
        certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
        certificate.write_bytes(self.pem)
        key.write_bytes(self.key_pem())
        return str(certificate), str(key)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Tests"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


class Authority:
    """Signs certificates; itself signed by ``above``, or by itself."""

    def __init__(self, common: str = "Test CA", above: Authority | None = None) -> None:
        self.above = above
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = _name(common)
        builder = self._builder(self.name, self.key, 365).add_extension(
            x509.BasicConstraints(True, None), True
        )
        signer = above or self
        builder = builder.issuer_name(signer.name)
        self.certificate = builder.sign(signer.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        """Its own certificate."""
        return self.certificate.public_bytes(Encoding.PEM)

    @staticmethod
    def _builder(name: x509.Name, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, days: int):
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=10))
            .not_valid_after(NOW + timedelta(days=days))
        )

    def issue(self, common: str, *names: str, kind: str = "ec", days: int = 90) -> Issued:
        """A certificate for ``common`` with the alternative ``names``; ``days`` below 0 has ended already."""
        key = _rsa_key() if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name(common), key, days).issuer_name(self.name)
        if names:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(alternatives, False)
        return Issued(builder.sign(self.key, hashes.SHA256()), key)

    def revoke(self, *issued: Issued) -> bytes:
        """The list of what is revoked."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.name)
            .last_update(NOW - timedelta(days=1))
            .next_update(NOW + timedelta(days=30))
        )
        for one in issued:
            entry = x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(NOW - timedelta(days=1)).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)


@cache
def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@cache
def authority() -> Authority:
    """One for all tests that need no particular one."""
    return Authority()


@cache
def issued(common: str, *names: str) -> Issued:
    """A certificate of :func:`authority`, made once."""
    return authority().issue(common, *(names or (common,)))
