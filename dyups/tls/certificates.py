"""What nginx's variables tell of a certificate: names, serial number, fingerprint, times, the text itself.

Pure functions of a certificate, in the formats of ``ngx_event_openssl.c``; ``proxy.tlsvariables`` calls them.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from urllib.parse import quote_from_bytes

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

#: OpenSSL's short names beyond those of RFC 4514.
_SHORT = {
    NameOID.EMAIL_ADDRESS: "emailAddress",
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.SURNAME: "SN",
    NameOID.GIVEN_NAME: "GN",
    NameOID.TITLE: "title",
    NameOID.INITIALS: "initials",
    NameOID.PSEUDONYM: "pseudonym",
    NameOID.POSTAL_CODE: "postalCode",
    NameOID.STREET_ADDRESS: "street",
    NameOID.BUSINESS_CATEGORY: "businessCategory",
}
_KNOWN = {
    NameOID.COMMON_NAME: "CN",
    NameOID.LOCALITY_NAME: "L",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COUNTRY_NAME: "C",
    NameOID.DOMAIN_COMPONENT: "DC",
    NameOID.USER_ID: "UID",
    **_SHORT,
}
_DAY = 86400


def pem(certificate: x509.Certificate) -> bytes:
    """The text, without the last newline (``$ssl_client_raw_cert``)."""
    return certificate.public_bytes(Encoding.PEM).rstrip(b"\n")


def tabbed_pem(certificate: x509.Certificate) -> bytes:
    """The text with a tab before each line but the first (``$ssl_client_cert``)."""
    return pem(certificate).replace(b"\n", b"\n\t")


def escaped_pem(certificate: x509.Certificate) -> bytes:
    """The text, percent-encoded (``$ssl_client_escaped_cert``)."""
    return quote_from_bytes(pem(certificate) + b"\n", safe="-._~").encode()


def distinguished(name: x509.Name) -> bytes:
    """As RFC 2253 and OpenSSL's ``XN_FLAG_RFC2253`` have it: the last part first, bytes beyond ASCII as ``\\C3``."""
    text = name.rfc4514_string(_SHORT)
    return re.sub(r"[^\x00-\x7e]", lambda found: _bytes_escaped(found[0]), text).encode()


def _bytes_escaped(character: str) -> str:
    return "".join(f"\\{byte:02X}" for byte in character.encode())


def legacy(name: x509.Name) -> bytes:
    """As ``X509_NAME_oneline`` has it: ``/C=DE/CN=x``."""
    parts = []
    for attribute in name:
        key = _KNOWN.get(attribute.oid, attribute.oid.dotted_string)
        value = attribute.value if isinstance(attribute.value, bytes) else attribute.value.encode()
        shown = "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02X}" for byte in value)
        parts.append(f"/{key}={shown}")
    return "".join(parts).encode()


def serial(certificate: x509.Certificate) -> bytes:
    """Whole bytes in capital hexadecimal digits."""
    text = f"{abs(certificate.serial_number):X}"
    sign = "-" if certificate.serial_number < 0 else ""
    return f"{sign}{'0' * (len(text) % 2)}{text}".encode()


def fingerprint(certificate: x509.Certificate) -> bytes:
    """SHA-1 in hexadecimal digits."""
    return certificate.fingerprint(SHA1()).hex().encode()


def moment(when: datetime) -> bytes:
    """As ``ASN1_TIME_print`` has it: ``Nov  2 17:00:00 2026 GMT``."""
    return f"{when:%b} {when.day:2d} {when:%H:%M:%S %Y} GMT".encode()


def days_left(certificate: x509.Certificate, now: datetime | None = None) -> bytes:
    """Whole days until it ends, 0 once it has."""
    now = now or datetime.now(timezone.utc)
    left = int((certificate.not_valid_after_utc - now).total_seconds())
    return b"%d" % max(0, left // _DAY)
