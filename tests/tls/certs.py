"""The formats of certificates' variables, made a second way: by hand, from the certificate."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID


def _common(name: x509.Name) -> str:
    return str(name.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode().strip()


FORMATS: dict[str, Callable[[x509.Certificate], bytes]] = {
    "ssl_client_cert": lambda c: "\n\t".join(_pem(c).split("\n")).encode(),
    "ssl_client_escaped_cert": lambda c: quote(_pem(c) + "\n", safe="").encode(),
    "ssl_client_fingerprint": lambda c: hashlib.sha1(c.public_bytes(Encoding.DER)).hexdigest().encode(),
    "ssl_client_i_dn": lambda c: f"CN={_common(c.issuer)},O=Tests".encode(),
    "ssl_client_i_dn_legacy": lambda c: f"/O=Tests/CN={_common(c.issuer)}".encode(),
    "ssl_client_raw_cert": lambda c: _pem(c).encode(),
    "ssl_client_s_dn": lambda c: f"CN={_common(c.subject)},O=Tests".encode(),
    "ssl_client_s_dn_legacy": lambda c: f"/O=Tests/CN={_common(c.subject)}".encode(),
    "ssl_client_serial": lambda c: c.serial_number.to_bytes(20, "big").lstrip(b"\0").hex().upper().encode(),
    "ssl_client_v_end": lambda c: c.not_valid_after_utc.strftime("%b %e %H:%M:%S %Y GMT").encode(),
    "ssl_client_v_start": lambda c: c.not_valid_before_utc.strftime("%b %e %H:%M:%S %Y GMT").encode(),
}
