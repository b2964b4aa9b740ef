"""TLS towards servers: which connections may be shared, and how one comes to be.

A :class:`Channel` is everything that a connection depends on: settings, certificate, and the name that is checked and
said.  Idle connections are used again within their channel alone, and the plain ones have none; sessions are kept by
channel and server.  :class:`SecuredDial` stands between the dial and the link: a link is made only of a connection
whose handshake, and certificate, are good.  ``forwards`` takes channels from the plane's :class:`ChannelTable`;
``attempt`` dials through them.
"""

from __future__ import annotations

from typing import cast

from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IAddress, IConnector, IProtocolFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from dyups.config.model import Template
from dyups.config.tls import ProxyTls
from dyups.errors import ConfigError, HandshakeFailed
from dyups.proxy.deadlines import NEVER
from dyups.proxy.exchange import Exchange
from dyups.proxy.forward.binding import LocalAddresses
from dyups.proxy.forward.peerlink import LinkFactory
from dyups.proxy.plane import DataPlane
from dyups.tls.contexts import Pair, client_context, client_phrases, read_pair
from dyups.tls.material import Files, read_file
from dyups.tls.openssl import verify_error_string
from dyups.tls.stream import TlsStream
from dyups.tls.verify import is_for, is_name
from dyups.upstream.peer import Peer

#: Channels of one kind of settings that are kept (names and certificates with variables); sessions of one channel.
MOST_CHANNELS = 1000
MOST_SESSIONS = 1000

_SHAKING = "while SSL handshaking to upstream"


class ChannelTable:
    """The channels of a configuration, by settings."""

    def __init__(self, files: Files = read_file) -> None:
        self._files = files
        self._made: dict[ProxyTls, Channels] = {}

    def of(self, tls: ProxyTls, bind: Template | None = None) -> Channels | BoundChannels:
        """The channels of these settings, and of ``proxy_bind``.  Raises ConfigError without a place, as nginx does."""
        found = self._made.get(tls)
        if found is None:
            found = self._made[tls] = Channels(tls, self._files)
        return found if bind is None else BoundChannels(found, LocalAddresses(bind))


class Channels:
    """The channels of equal settings: one, or one for each name and certificate."""

    __slots__ = ("_context", "_made", "_named", "_phrases", "tls")

    def __init__(self, tls: ProxyTls, files: Files) -> None:
        self.tls = tls
        self._phrases = client_phrases(tls, files)
        self._named = tls.proxy_ssl_server_name or tls.proxy_ssl_verify
        self._made: dict[tuple[bytes, bytes, bytes], Channel] = {}
        self._context: SSL.Context | None = None
        certificate, key = tls.proxy_ssl_certificate, tls.proxy_ssl_certificate_key
        if certificate is not None and key is None:
            message = f'no "proxy_ssl_certificate_key" is defined for certificate "{certificate.source}"'
            raise ConfigError(message)
        if _fixed(certificate) and _fixed(key):
            self._context = self._contexted(_text(certificate), _text(key), files)

    def channel(self, exchange: Exchange) -> Channel:
        """The channel for a request."""
        tls = self.tls
        name = b""
        if self._named:
            template = tls.proxy_ssl_name
            name = exchange.proxy_host if template is None else template.render(exchange)
            name = _without_port(name)
        certificate = key = b""
        if self._context is None:
            certificate, key = (
                _rendered(tls.proxy_ssl_certificate, exchange),
                _rendered(tls.proxy_ssl_certificate_key, exchange),
            )
        found = self._made.get((name, certificate, key))
        if found is None:
            found = self._make(name, certificate, key)
            if len(self._made) >= MOST_CHANNELS:
                del self._made[next(iter(self._made))]
            self._made[name, certificate, key] = found
        return found

    def _make(self, name: bytes, certificate: bytes, key: bytes) -> Channel:
        context, problem = self._context, ""
        if context is None:
            try:
                context = self._contexted(_decoded(certificate), _decoded(key), read_file)
            except ConfigError as error:
                problem = error.message
        return Channel(self.tls, context, name, problem)

    def _contexted(self, certificate: str, key: str, files: Files) -> SSL.Context:
        pair: Pair | None = read_pair(certificate, key, self._phrases, files) if certificate else None
        return client_context(self.tls, pair, files, noted)


class BoundChannels:
    """The channels of a location whose connections come from addresses of its own."""

    __slots__ = ("_addresses", "_channels")

    def __init__(self, channels: Channels, addresses: LocalAddresses) -> None:
        self._channels = channels
        self._addresses = addresses

    def channel(self, exchange: Exchange) -> Channel:
        """The channel for a request."""
        return self._channels.channel(exchange).bound(self._addresses.channel(exchange).source)


def _fixed(template: Template | None) -> bool:
    return template is None or template.constant is not None


def _text(template: Template | None) -> str:
    return "" if template is None else _decoded(template.constant or b"")


def _decoded(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _rendered(template: Template | None, exchange: Exchange) -> bytes:
    return b"" if template is None else template.render(exchange)


def _without_port(name: bytes) -> bytes:
    """As ``ngx_http_upstream_ssl_name``: no port, and of an IPv6 address no brackets."""
    if name[:1] == b"[":
        return name[1:].partition(b"]")[0]
    return name.partition(b":")[0]


class Channel:
    """Connections that may stand for one another."""

    __slots__ = ("_bound", "_sessions", "context", "name", "problem", "source", "tls")

    def __init__(
        self, tls: ProxyTls, context: SSL.Context | None, name: bytes, problem: str, source: str = ""
    ) -> None:
        self.tls = tls
        self.source = source
        """The address of ours that they come from (``proxy_bind``); empty for the system's choice."""
        self._bound: dict[str, Channel] = {}
        self.context = context
        self.name = name
        """What the certificate must be for, and what the server is told; empty where neither is wanted."""
        self.problem = problem
        """Why there is no context."""
        self._sessions: dict[Peer, SSL.Session] = {}
        """Of servers, not of addresses: one that was taken out and comes back is a stranger."""

    def dial(self, plane: DataPlane, peer: Peer, factory: LinkFactory, timeout: float) -> IConnector:
        """Connect, and shake hands; ``factory`` hears of the outcome.  ``timeout`` (seconds) is for each of the two."""
        dial = SecuredDial(self, plane, peer, factory, timeout)
        dial.begin()
        connector: IConnector = cast(IConnector, dial)
        return connector

    def bound(self, source: str) -> Channel:
        """The same, but from another address of ours."""
        if not source:
            return self
        found = self._bound.get(source)
        if found is None:
            if len(self._bound) >= MOST_CHANNELS:
                del self._bound[next(iter(self._bound))]
            found = self._bound[source] = Channel(self.tls, self.context, self.name, self.problem, source)
        return found

    def connection(self, stream: TlsStream, peer: Peer) -> None:
        """Prepare a new connection."""
        tls = self.tls
        if tls.proxy_ssl_server_name and is_name(self.name):
            stream.connection.set_tlsext_host_name(self.name)
        session = self._sessions.get(peer)
        if session is not None:
            stream.connection.set_session(session)

    def remember(self, stream: TlsStream, peer: Peer) -> None:
        """Keep the session of a connection that was good."""
        if not self.tls.proxy_ssl_session_reuse:
            return
        session = stream.connection.get_session()
        if session is not None:
            if len(self._sessions) >= MOST_SESSIONS:
                self._sessions.clear()
            if not peer.retired:
                self._sessions[peer] = session

    def complaint(self, connection: SSL.Connection, verify_error: int) -> str:
        """What is wrong with the server's certificate, in nginx's words; empty where nothing is."""
        if not self.tls.proxy_ssl_verify:
            return ""
        if verify_error:
            return (
                f"upstream SSL certificate verify error: ({verify_error}:{verify_error_string(verify_error)})"
            )
        if not is_for(connection, self.name):
            return f'upstream SSL certificate does not match "{self.name.decode("latin-1")}"'
        return ""


@implementer(IProtocolFactory)
class SecuredDial:
    """One attempt to have a TLS connection to a server: factory of the dial, owner of the stream, and its connector."""

    __slots__ = (
        "_channel",
        "_connector",
        "_factory",
        "_good",
        "_over",
        "_peer",
        "_plane",
        "_stream",
        "_timeout",
        "deadline",
        "verify_error",
    )

    noisy = False

    def __init__(
        self, channel: Channel, plane: DataPlane, peer: Peer, factory: LinkFactory, timeout: float
    ) -> None:
        self._channel = channel
        self._plane = plane
        self._peer = peer
        self._factory = factory
        self._timeout = timeout
        self._connector: IConnector | None = None
        self._stream: TlsStream | None = None
        self._good = False
        self._over = False
        self.deadline = NEVER
        self.verify_error = 0

    def begin(self) -> None:
        """Connect."""
        if self._channel.context is None:
            self._fail(self._channel.problem)
            return
        connector = self._plane.dial(self._peer.address, self, self._timeout, self._channel.source)
        if not self._over:
            self._connector = connector

    def stopConnecting(self) -> None:
        """Nobody waits any more."""
        stream, connector = self._stream, self._connector
        self._finish()
        if stream is not None:
            stream.abortConnection()
        elif connector is not None:
            connector.stopConnecting()

    def _finish(self) -> None:
        self._over = True
        self.deadline = NEVER
        self._plane.deadlines.forget(self)

    def _fail(self, words: str, late: bool = False) -> None:
        if not self._over:
            self._finish()
            if self._stream is not None:
                self._stream.abortConnection()
            self._factory.clientConnectionFailed(self, Failure(HandshakeFailed(words, late)))

    # -- the factory ---------------------------------------------------------------------------------------------

    def doStart(self) -> None:
        """Twisted's factory life cycle."""

    def doStop(self) -> None:
        """Twisted's factory life cycle."""

    def startedConnecting(self, connector: object) -> None:
        """Twisted's client factory life cycle."""

    def buildProtocol(self, addr: IAddress) -> TlsStream | None:
        """The network's connection stands."""
        context = self._channel.context
        if self._over or context is None:
            return None
        stream = self._stream = TlsStream(context, self, client=True)
        stream.connection.set_app_data(self)
        self._channel.connection(stream, self._peer)
        deadlines = self._plane.deadlines
        self.deadline = deadlines.now + deadlines.limit(self._timeout)
        deadlines.watch(self)
        return stream

    def clientConnectionFailed(self, connector: object, reason: Failure) -> None:
        """There will be none."""
        if not self._over:
            self._finish()
            self._factory.clientConnectionFailed(connector, reason)

    def clientConnectionLost(self, connector: object, reason: Failure) -> None:
        """The stream knows already."""

    # -- the handshake (tls.stream.Owner) ------------------------------------------------------------------------

    def timed_out(self) -> None:
        """The handshake takes too long."""
        self._fail(f"upstream timed out (110: Connection timed out) {_SHAKING}", late=True)

    def refuses(self, stream: TlsStream) -> bytes:
        """OpenSSL says it all."""
        return b""

    def not_handshaken(self, stream: TlsStream, reason: str) -> None:
        """There is no talking to this server."""
        self._fail(f"{reason} {_SHAKING}")

    def lost(self, stream: TlsStream, reason: Failure, early: bool) -> None:
        """The connection ended: within the handshake, or after what it was for."""
        if early:
            self._fail(f"peer closed connection in SSL handshake {_SHAKING}")
        elif self._good:
            self._channel.remember(stream, self._peer)

    def handshaken(self, stream: TlsStream) -> bool:
        """The server is there; is it the right one?"""
        if self._over:
            return False
        words = self._channel.complaint(stream.connection, self.verify_error)
        if words:
            self._fail(f"{words} {_SHAKING}")
            return False
        self._finish()
        link = self._factory.buildProtocol(stream.getPeer())
        if link is None:
            stream.abortConnection()
            return False
        self._good = True
        link.channel = self._channel
        stream.inner = link
        link.makeConnection(stream)
        return True


def noted(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, fine: int) -> bool:
    """Note what is wrong with a server's certificate; what follows is said once the handshake is done, as in nginx."""
    if not fine:
        dial: SecuredDial = connection.get_app_data()
        dial.verify_error = error
    return True
