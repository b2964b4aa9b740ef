"""How each ``server`` behind an address speaks TLS, and which of them a client gets.

Owns the contexts of one listening address: made at configuration time, chosen by SNI in the handshake (RFC 6066
section 3), with nginx's rules for servers without a certificate of their own.  Which server has a name is the routing's
knowledge (``proxy.route``), and is handed in.  ``stream`` makes connections of a context; ``proxy.secured`` asks what a
client proved.

Sessions are not resumed on an address where any server asks for certificates: a resumed session would bring the proof
of another handshake, and OpenSSL looks sessions up before it knows the name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from OpenSSL import SSL, crypto

from dyups.config.model import Listen, Server
from dyups.config.tls import ServerTls
from dyups.errors import ConfigError
from dyups.tls.contexts import Pair, read_pair, server_context
from dyups.tls.material import DATA, Files, passphrases, read_file
from dyups.tls.openssl import CHAIN_TOO_LONG, UNTRUSTED

#: Contexts of certificates with variables that are kept; beyond that the oldest goes.
MOST_KEPT = 1000


class Handshake(Protocol):
    """One client's handshake, as the callbacks of OpenSSL find it: the connection's application data."""

    terms: Terms
    server_name: bytes
    verify_error: int
    refused: bool
    """It has to end without an answer, but for the alert."""
    problem: str
    """Why, where that is our own fault."""
    exchange: Any
    """What variables read."""


class Terms:
    """How one ``server`` speaks TLS."""

    __slots__ = ("_base", "_kept", "_pairs", "_phrases", "_remake", "context", "depth", "rejects", "tls")

    def __init__(self, tls: ServerTls, files: Files, identity: bytes, *, resumes: bool) -> None:
        self.tls = tls
        self.rejects = tls.ssl_reject_handshake
        self.depth = tls.ssl_verify_depth
        self._phrases = passphrases(tls.ssl_password_file, files)
        sources = [*zip(tls.ssl_certificate, tls.ssl_certificate_key, strict=False)]
        self._pairs = sources if any(a.constant is None or b.constant is None for a, b in sources) else []
        pairs = []
        if not self._pairs:
            pairs = [
                read_pair(_text(a.constant), _text(b.constant), self._phrases, files) for a, b in sources
            ]
        self._remake = partial(server_context, tls, files=files, identity=identity, resumes=resumes)
        self._kept: dict[object, SSL.Context] = {}
        self._base: Callable[[SSL.Context], None] | None = None
        self.context = self._remake(pairs)
        """With its certificates, unless those have variables."""

    @property
    def varies(self) -> bool:
        """Are there variables in the certificates' names."""
        return bool(self._pairs)

    @property
    def verify_mode(self) -> int:
        """OpenSSL's ``SSL_VERIFY_…``: whatever comes is accepted, and judged with the request, as in nginx."""
        return SSL.VERIFY_NONE if self.tls.ssl_verify_client == "off" else SSL.VERIFY_PEER

    def dress(self, prepare: Callable[[SSL.Context], None]) -> None:
        """Set callbacks, on this context and those made later."""
        self._base = prepare
        prepare(self.context)

    def context_for(self, exchange: Any) -> SSL.Context:
        """The context with the certificates that the variables name for a client; raises ConfigError."""
        sources = [(_text(a.render(exchange)), _text(b.render(exchange))) for a, b in self._pairs]
        key = tuple((word, _state(word)) for pair in sources for word in pair)
        found = self._kept.get(key)
        if found is None:
            pairs = [read_pair(a, b, self._phrases, read_file) for a, b in sources]
            found = self._made(pairs)
            if len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = found
        return found

    def _made(self, pairs: Sequence[Pair]) -> SSL.Context:
        context = self._remake(pairs)
        if self._base is not None:
            self._base(context)
        return context


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "surrogateescape")


def _state(source: str) -> object:
    """What changes when the file does."""
    if source.startswith(DATA):
        return None
    try:
        found = os.stat(source)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def check_server(server: Server) -> None:
    """What nginx refuses of a ``server`` whatever its files hold (``ngx_http_ssl_merge_srv_conf``)."""
    tls = server.tls
    if len(tls.ssl_certificate_key) < len(tls.ssl_certificate):
        source = tls.ssl_certificate[-1].source
        raise ConfigError(f'no "ssl_certificate_key" is defined for certificate "{source}"')
    if not tls.ssl_certificate and not tls.ssl_reject_handshake:
        return
    has_authority = tls.ssl_client_certificate or tls.ssl_trusted_certificate
    if tls.ssl_verify_client in ("on", "optional") and not has_authority:
        raise ConfigError("no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client")


def check_listen(listen: Listen) -> None:
    """Every client of a ``listen … ssl`` must get a certificate, or a refusal (``ngx_http_ssl_init``)."""
    default = listen.default_server
    tls = default.tls
    if tls.ssl_certificate:
        return
    for server in listen.servers if tls.ssl_reject_handshake else (default,):
        own = server.tls
        if not own.ssl_certificate and not own.ssl_reject_handshake:
            message = 'no "ssl_certificate" is defined for the "listen ... ssl" directive'
            raise ConfigError(message, *server.place)


class ListenTerms:
    """The terms of all servers behind one ``listen … ssl``.

    ``chosen`` tells the settings of the server that a name is for.  Raises ConfigError as nginx does.
    """

    __slots__ = ("_by_server", "_servers", "chosen", "default")

    def __init__(self, listen: Listen, files: Files) -> None:
        resumes = all(server.tls.ssl_verify_client == "off" for server in listen.servers)
        self._by_server: dict[int, Terms] = {}
        for number, server in enumerate(listen.servers):
            tls = server.tls
            if tls.ssl_certificate or tls.ssl_reject_handshake:
                identity = b"dyups %d" % number
                self._by_server[id(tls)] = Terms(tls, files, identity, resumes=resumes)
        self._servers = listen.servers  # what is known by its identity must stay
        self.default = self._by_server[id(listen.default_server.tls)]
        self.chosen: Callable[[Handshake], ServerTls] = lambda handshake: listen.default_server.tls
        deepest = max(terms.depth for terms in self._by_server.values())
        for terms in self._by_server.values():
            terms.dress(partial(self._prepare, terms, deepest))

    def _prepare(self, terms: Terms, deepest: int, context: SSL.Context) -> None:
        context.set_verify_depth(deepest)
        context.set_verify(terms.verify_mode, verified)
        context.set_tlsext_servername_callback(self._named)

    def _named(self, connection: SSL.Connection) -> None:
        """OpenSSL knows the name that the client asks for, or that it asks for none."""
        handshake: Handshake = connection.get_app_data()
        name = connection.get_servername()
        if name is not None:
            handshake.server_name = name.lower()
        try:
            self._choose(connection, handshake)
        except Exception as error:
            handshake.refused = True
            handshake.problem = str(error)

    def _choose(self, connection: SSL.Connection, handshake: Handshake) -> None:
        terms = self.default
        if handshake.server_name:
            terms = self._by_server.get(id(self.chosen(handshake)), terms)
        if terms.rejects:
            handshake.refused = True
            return
        if terms.varies:
            connection.set_context(terms.context_for(handshake.exchange))
        elif terms is not self.default:
            connection.set_context(terms.context)
        if terms.verify_mode != self.default.verify_mode:
            connection.set_verify(terms.verify_mode, verified)
        handshake.terms = terms


def verified(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, fine: int) -> bool:
    """Note what is wrong with a client's certificate, and go on: the request is what is refused, with a page.

    An error that ``optional_no_ca`` forgives does not hide one that it does not.
    """
    handshake: Handshake = connection.get_app_data()
    if depth > handshake.terms.depth + 1:
        error, fine = CHAIN_TOO_LONG, 0
    if not fine and (not handshake.verify_error or handshake.verify_error in UNTRUSTED):
        handshake.verify_error = error
    return True
