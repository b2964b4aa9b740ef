"""The variables of TLS towards clients: ``$https``, ``$scheme``, ``$ssl_…``.

``variables`` has them in its table.  Each is empty for a client that does not speak TLS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from cryptography import x509

from dyups.interfaces import Getter
from dyups.proxy.exchange import Exchange
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
from dyups.tls.hello import cipher_names, group_name, group_names, read_hello
from dyups.tls.openssl import session_id, session_reused, verify_error_string

if TYPE_CHECKING:
    from dyups.proxy.secure.secured import SecuredClient


def _secured(x: Exchange) -> SecuredClient | None:
    """The client's TLS; None where it speaks none."""
    found = x.client.secured
    return None if found is None or found.plain else cast("SecuredClient", found)


def scheme(x: Exchange) -> bytes:
    """``https`` or ``http``."""
    secured = x.client.secured
    return b"http" if secured is None or secured.plain else b"https"


def _https(x: Exchange) -> bytes:
    return b"on" if scheme(x) == b"https" else b""


def _of_client(read: Callable[[SecuredClient], bytes]) -> Getter:
    def getter(x: Exchange) -> bytes:
        secured = _secured(x)
        return b"" if secured is None else read(secured)

    return getter


def _of_certificate(read: Callable[[x509.Certificate], bytes]) -> Getter:
    def getter(secured: SecuredClient) -> bytes:
        certificate = secured.connection.get_peer_certificate(as_cryptography=True)
        return b"" if certificate is None else read(certificate)

    return _of_client(getter)


def _text(value: str | None) -> bytes:
    return (value or "").encode()


def _verify(secured: SecuredClient) -> bytes:
    if secured.connection.get_peer_certificate(as_cryptography=True) is None:
        return b"NONE"
    if not secured.verify_error:
        return b"SUCCESS"
    return b"FAILED:" + verify_error_string(secured.verify_error).encode()


GETTERS: dict[str, Getter] = {
    "https": _https,
    "scheme": scheme,
    "ssl_alpn_protocol": _of_client(lambda s: s.connection.get_alpn_proto_negotiated()),
    "ssl_cipher": _of_client(lambda s: _text(s.connection.get_cipher_name())),
    "ssl_ciphers": _of_client(lambda s: cipher_names(read_hello(s.hello))),
    "ssl_client_cert": _of_certificate(tabbed_pem),
    "ssl_client_escaped_cert": _of_certificate(escaped_pem),
    "ssl_client_fingerprint": _of_certificate(fingerprint),
    "ssl_client_i_dn": _of_certificate(lambda c: distinguished(c.issuer)),
    "ssl_client_i_dn_legacy": _of_certificate(lambda c: legacy(c.issuer)),
    "ssl_client_raw_cert": _of_certificate(pem),
    "ssl_client_s_dn": _of_certificate(lambda c: distinguished(c.subject)),
    "ssl_client_s_dn_legacy": _of_certificate(lambda c: legacy(c.subject)),
    "ssl_client_serial": _of_certificate(serial),
    "ssl_client_v_end": _of_certificate(lambda c: moment(c.not_valid_after_utc)),
    "ssl_client_v_remain": _of_certificate(days_left),
    "ssl_client_v_start": _of_certificate(lambda c: moment(c.not_valid_before_utc)),
    "ssl_client_verify": _of_client(_verify),
    "ssl_curve": _of_client(lambda s: group_name(s.connection.get_group_name() or "")),
    "ssl_curves": _of_client(lambda s: group_names(read_hello(s.hello))),
    "ssl_early_data": _of_client(lambda s: b""),
    "ssl_protocol": _of_client(lambda s: _text(s.connection.get_protocol_version_name())),
    "ssl_server_name": _of_client(lambda s: s.server_name),
    "ssl_session_id": _of_client(lambda s: session_id(s.connection).hex().encode()),
    "ssl_session_reused": _of_client(lambda s: b"r" if session_reused(s.connection) else b"."),
}
