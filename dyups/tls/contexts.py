"""OpenSSL contexts from what the configuration says.

Owns the translation of nginx's directives to OpenSSL's settings, and nginx's words where OpenSSL refuses them.  What
callbacks do is handed in: ``terms`` and ``proxy`` know it.  Everything here runs at configuration time, but for
certificates with variables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from OpenSSL import SSL, crypto

from dyups.config.tls import ProxyTls, ServerTls
from dyups.errors import ConfigError
from dyups.tls.material import (
    DATA,
    Files,
    as_file,
    certificates,
    of_source,
    passphrases,
    private_key,
    revocations,
)
from dyups.tls.openssl import (
    MODE_ENABLE_PARTIAL_WRITE,
    OP_IGNORE_UNEXPECTED_EOF,
    OP_NO_RENEGOTIATION,
    set_curves,
    words_of,
)
from dyups.tls.stapling import NO_DESK, Desk, staple_to, staples_of

#: Called for each certificate of a chain: connection, certificate, error, depth, whether OpenSSL is content.
Verify = Callable[[SSL.Connection, crypto.X509, int, int, int], bool]

_NOT_SPOKEN = {
    "TLSv1": SSL.OP_NO_TLSv1,
    "TLSv1.1": SSL.OP_NO_TLSv1_1,
    "TLSv1.2": SSL.OP_NO_TLSv1_2,
    "TLSv1.3": SSL.OP_NO_TLSv1_3,
}
#: What nginx offers (``NGX_HTTP_ALPN_PROTOS``), in its order.
ALPN = (b"http/1.1", b"http/1.0", b"http/0.9")
HTTP2 = b"h2"


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate with its chain in PEM, and its key."""

    source: str
    chain: bytes
    key_source: str
    key: PrivateKeyTypes = field(repr=False)


def read_pair(source: str, key_source: str, phrases: Sequence[bytes], files: Files) -> Pair:
    """The two texts, checked to be what they should be.  Raises ConfigError."""
    certificates(source, files)
    chain = of_source(source, files, f'cannot load certificate "{source}"')
    return Pair(source, chain, key_source, private_key(key_source, files, phrases))


def use_pair(context: SSL.Context, pair: Pair) -> None:
    """Have ``context`` show a certificate.  Raises ConfigError."""
    shown = _shown(pair.source)
    try:
        with as_file(pair.chain) as path:
            context.use_certificate_chain_file(path)
    except SSL.Error as error:
        raise ConfigError(f'SSL_CTX_use_certificate("{shown}") failed {words_of(error)}') from None
    try:
        context.use_privatekey(pair.key)  # type: ignore[arg-type]  # the kinds that TLS has no use for fail
        context.check_privatekey()
    except (SSL.Error, TypeError) as error:
        shown = _shown(pair.key_source)
        raise ConfigError(f'SSL_CTX_use_PrivateKey("{shown}") failed {words_of(error)}') from None


def _shown(source: str) -> str:
    """A source as messages have it: not the key itself."""
    return DATA if source.startswith(DATA) else source


def _context(
    method: int, protocols: frozenset[str], ciphers: str, commands: Sequence[tuple[str, str]]
) -> SSL.Context:
    context = SSL.Context(method)
    context.clear_mode(
        MODE_ENABLE_PARTIAL_WRITE
    )  # one call takes a whole text, however many records it makes
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # an idle connection needs none
    options = SSL.OP_NO_COMPRESSION | OP_IGNORE_UNEXPECTED_EOF | OP_NO_RENEGOTIATION
    for version, option in _NOT_SPOKEN.items():
        if version not in protocols:
            options |= option
    context.set_options(options)
    if protocols & {"TLSv1", "TLSv1.1"}:
        context.set_min_proto_version(SSL.TLS1_VERSION)
    try:
        context.set_cipher_list(ciphers.encode())
    except SSL.Error as error:
        raise ConfigError(f'SSL_CTX_set_cipher_list("{ciphers}") failed {words_of(error)}') from None
    for name, value in commands:
        _obey(context, name, value)
    return context


def _obey(context: SSL.Context, name: str, value: str) -> None:
    what = f'SSL_CONF_cmd("{name}", "{value}")'
    if name != "ciphersuites":
        set_curves(context, value, what)
        return
    try:
        context.set_tls13_ciphersuites(value.encode())
    except SSL.Error as error:
        raise ConfigError(f"{what} failed {words_of(error)}") from None


def _trust(context: SSL.Context, sources: Sequence[str], crl: str, files: Files) -> None:
    store = context.get_cert_store()
    assert store is not None
    for source in sources:
        for certificate in _authorities(source, files):
            store.add_cert(crypto.X509.from_cryptography(certificate))
    if crl:
        for revoked in revocations(crl, files):
            store.add_crl(revoked)
        store.set_flags(crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL)


def _authorities(source: str, files: Files) -> list[x509.Certificate]:
    what = f'SSL_CTX_load_verify_locations("{source}") failed'
    return certificates(source, files, what)


def server_context(
    tls: ServerTls,
    pairs: Sequence[Pair],
    files: Files,
    *,
    identity: bytes,
    resumes: bool,
    http2: bool = False,
    desk: Desk = NO_DESK,
) -> SSL.Context:
    """The context of one ``server``; ``identity`` sets its sessions apart, ``resumes`` allows them at all.

    With ``http2`` clients may choose that.  ``desk`` looks after what is stapled.
    Raises ConfigError without a place, as nginx does.
    """
    context = _context(SSL.TLS_SERVER_METHOD, tls.ssl_protocols, tls.ssl_ciphers, tls.ssl_conf_command)
    if tls.ssl_prefer_server_ciphers:
        context.set_options(SSL.OP_CIPHER_SERVER_PREFERENCE)
    for pair in pairs:
        use_pair(context, pair)
    if tls.ssl_dhparam:
        _use_parameters(context, tls.ssl_dhparam, files)
    if tls.ssl_ecdh_curve != "auto":
        set_curves(context, tls.ssl_ecdh_curve)
    sources = [path for path in (tls.ssl_client_certificate, tls.ssl_trusted_certificate) if path]
    _trust(context, sources, tls.ssl_crl, files)
    if tls.ssl_client_certificate and tls.ssl_verify_client != "off":
        named = {found.subject: found for found in _authorities(tls.ssl_client_certificate, files)}
        for certificate in named.values():  # clients are told each name once
            context.add_client_ca(certificate)
    if tls.ssl_stapling:
        staples = staples_of(tls, [(pair.source, pair.chain) for pair in pairs], sources, files, desk)
        staple_to(context, staples, desk)
    _sessions(context, tls, identity, resumes)
    context.set_alpn_select_callback(choose_http2 if http2 else choose_protocol)
    return context


def _use_parameters(context: SSL.Context, path: str, files: Files) -> None:
    content = of_source(path, files, f'BIO_new_file("{path}") failed')
    if b"DH PARAMETERS" not in content:
        raise ConfigError(f'PEM_read_bio_DHparams("{path}") failed (SSL: error:PEM routines::no start line)')
    try:
        with as_file(content) as name:
            context.load_tmp_dh(name)
    except Exception as error:
        raise ConfigError(f'PEM_read_bio_DHparams("{path}") failed {words_of(error)}') from None


def _sessions(context: SSL.Context, tls: ServerTls, identity: bytes, resumes: bool) -> None:
    context.set_session_id(identity)
    context.set_timeout(max(1, int(tls.ssl_session_timeout)))
    kept = resumes and tls.ssl_session_cache
    context.set_session_cache_mode(SSL.SESS_CACHE_SERVER if kept else SSL.SESS_CACHE_OFF)
    if not (resumes and tls.ssl_session_tickets):
        context.set_options(SSL.OP_NO_TICKET)


class NoCommonProtocol(Exception):
    """The client speaks nothing that we do (RFC 7301 section 3.2)."""


def choose_protocol(connection: SSL.Connection, offered: list[bytes]) -> bytes:
    """HTTP/1.1 of what the client offers; an exception becomes the alert that the RFC has for it."""
    for protocol in ALPN:
        if protocol in offered:
            return protocol
    raise NoCommonProtocol(b", ".join(offered).decode("latin-1"))


def choose_http2(connection: SSL.Connection, offered: list[bytes]) -> bytes:
    """HTTP/2 if the client offers it, as nginx prefers it."""
    return HTTP2 if HTTP2 in offered else choose_protocol(connection, offered)


def client_context(tls: ProxyTls, pair: Pair | None, files: Files, verify: Verify) -> SSL.Context:
    """The context towards servers.  Raises ConfigError without a place, as nginx does."""
    context = _context(
        SSL.TLS_CLIENT_METHOD, tls.proxy_ssl_protocols, tls.proxy_ssl_ciphers, tls.proxy_ssl_conf_command
    )
    if pair is not None:
        use_pair(context, pair)
    if tls.proxy_ssl_verify:
        if not tls.proxy_ssl_trusted_certificate:
            raise ConfigError("no proxy_ssl_trusted_certificate for proxy_ssl_verify")
        context.set_verify_depth(tls.proxy_ssl_verify_depth)
        context.set_verify(SSL.VERIFY_PEER, verify)
        _trust(context, [tls.proxy_ssl_trusted_certificate], tls.proxy_ssl_crl, files)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    return context


def client_phrases(tls: ProxyTls, files: Files) -> list[bytes]:
    """The passphrases of our own key."""
    return passphrases(tls.proxy_ssl_password_file, files)
