"""Is a certificate for a name (RFC 6125), as ``X509_check_host`` sees it, by ``service_identity``.

Called once per handshake towards a server (``proxy.securedial``).
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address


def is_name(name: bytes) -> bool:
    """May ``name`` be said in SNI: a host name, not an address (RFC 6066 section 3)."""
    if not name:
        return False
    try:
        ip_address(name.decode("latin-1"))
    except ValueError:
        return True
    return False


def is_for(connection: SSL.Connection, name: bytes) -> bool:
    """Does the peer's certificate belong to ``name``, a host or an address."""
    certificate = connection.get_peer_certificate(as_cryptography=True)
    return certificate is not None and matches(certificate, name.decode("latin-1"))


def matches(certificate: x509.Certificate, name: str) -> bool:
    """Does the certificate say ``name``; its common name counts only where it has no alternative names at all."""
    if not name:
        return False
    try:
        if not is_name(name.encode("latin-1")):
            verify_certificate_ip_address(certificate, name)
        else:
            verify_certificate_hostname(certificate, name)
        return True
    except (VerificationError, CertificateError, ValueError):
        return not _has_alternatives(certificate) and _is_common_name(certificate, name)


def _has_alternatives(certificate: x509.Certificate) -> bool:
    with suppress(x509.ExtensionNotFound, ValueError):
        certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return True
    return False


def _is_common_name(certificate: x509.Certificate, name: str) -> bool:
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        said = str(attribute.value).lower()
        rest = name.lower().partition(".")[2]
        if said == name.lower() or (said.startswith("*.") and "." in said[2:] and said[2:] == rest):
            return True
    return False
