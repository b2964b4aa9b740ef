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
from dyups.tls.stapling import NO_DESK, Desk

#: Contexts of certificates with variables that are kept; beyond that the oldest goes.
MOST_KEPT = 1000


class Handshake(Protocol):
    """One client's handshake, as the callbacks of OpenSSL find it: the connection's application data."""

    listen: ListenTerms
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
    """How one ``server`` speaks TLS.

    ``identity`` sets its sessions apart, ``resumes`` allows them at all; ``deepest`` is the depth to which OpenSSL
    checks, for it is settled before the server is known.
    """

    __slots__ = ("_kept", "_pairs", "_phrases", "_remake", "context", "deepest", "depth", "rejects", "tls")

    def __init__(
        self,
        tls: ServerTls,
        files: Files,
        identity: bytes,
        *,
        resumes: bool = True,
        deepest: int = 1,
        http2: bool = False,
        desk: Desk = NO_DESK,
    ) -> None:
        self.tls = tls
        self.rejects = tls.ssl_reject_handshake
        self.depth = tls.ssl_verify_depth
        self.deepest = deepest
        self._phrases = passphrases(tls.ssl_password_file, files)
        sources = [*zip(tls.ssl_certificate, tls.ssl_certificate_key, strict=False)]
        self._pairs = sources if any(a.constant is None or b.constant is None for a, b in sources) else []
        pairs = []
        if not self._pairs:
            pairs = [
                read_pair(_text(a.constant), _text(b.constant), self._phrases, files) for a, b in sources
            ]
        self._remake = partial(
            server_context,
            tls,
            files=files,
            identity=identity,
            resumes=resumes,
            http2=http2,
            desk=desk,
        )
        self._kept: dict[object, SSL.Context] = {}
        self.context = self._made(pairs)
        """With its certificates, unless those have variables."""

    @property
    def varies(self) -> bool:
        """Are there variables in the certificates' names."""
        return bool(self._pairs)

    @property
    def verify_mode(self) -> int:
        """OpenSSL's ``SSL_VERIFY_…``: whatever comes is accepted, and judged with the request, as in nginx."""
        return SSL.VERIFY_NONE if self.tls.ssl_verify_client == "off" else SSL.VERIFY_PEER

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
        context.set_verify_depth(self.deepest)
        context.set_verify(self.verify_mode, verified)
        context.set_tlsext_servername_callback(named)
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


def speaks_http2(listen: Listen, server: Server) -> bool:
    """May clients of ``server`` on that address speak HTTP/2?"""
    return listen.http2 or server.server.http2.http2


class TermsTable:
    """The terms of one configuration's servers, each made once however many addresses it listens on."""

    def __init__(self, files: Files = read_file, desk: Desk = NO_DESK) -> None:
        self._files = files
        self._desk = desk
        self._made: dict[tuple[int, bool, int, bool], Terms] = {}
        self._servers: list[ServerTls] = []
        """What is known by its identity must stay."""

    def of(self, tls: ServerTls, *, resumes: bool, deepest: int, http2: bool = False) -> Terms:
        """The terms of the server whose settings these are; see :class:`Terms`.  Raises ConfigError."""
        key = (id(tls), resumes, deepest, http2)
        found = self._made.get(key)
        if found is None:
            identity = b"dyups %d" % len(self._made)
            found = Terms(
                tls, self._files, identity, resumes=resumes, deepest=deepest, http2=http2, desk=self._desk
            )
            self._made[key] = found
            self._servers.append(tls)
        return found


class ListenTerms:
    """The terms of all servers behind one ``listen … ssl``.

    ``chosen`` tells the settings of the server that a name is for.  Raises ConfigError as nginx does.
    """

    __slots__ = ("_by_server", "chosen", "default")

    def __init__(self, listen: Listen, table: TermsTable) -> None:
        check_listen(listen)
        resumes = all(server.tls.ssl_verify_client == "off" for server in listen.servers)
        speaking = [
            server
            for server in listen.servers
            if server.tls.ssl_certificate or server.tls.ssl_reject_handshake
        ]
        deepest = max(server.tls.ssl_verify_depth for server in speaking)
        self._by_server = {
            id(server.tls): table.of(
                server.tls, resumes=resumes, deepest=deepest, http2=speaks_http2(listen, server)
            )
            for server in speaking
        }
        self.default = self._by_server[id(listen.default_server.tls)]
        self.chosen: Callable[[Handshake], ServerTls] = lambda handshake: listen.default_server.tls

    def choose(self, connection: SSL.Connection, handshake: Handshake) -> None:
        """Go on with the server that the client asks for; raises ConfigError where its certificate cannot be had."""
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


def named(connection: SSL.Connection) -> None:
    """OpenSSL knows the name that the client asks for, or that it asks for none."""
    handshake: Handshake = connection.get_app_data()
    name = connection.get_servername()
    if name is not None:
        handshake.server_name = name.lower()
    try:
        handshake.listen.choose(connection, handshake)
    except Exception as error:  # one that left here would only be printed, and the handshake would go on
        handshake.refused = True
        handshake.problem = str(error)


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
