"""The other end of a TLS connection in memory, around a :class:`~tests.proxy.conversation.Wire`."""

from __future__ import annotations

from typing import Protocol

from OpenSSL import SSL, crypto

from tests.tls.authority import Issued


class End(Protocol):
    """Where bytes go and come from."""

    def say(self, data: bytes) -> None:
        """Send."""

    def read(self) -> bytes:
        """What has come."""


def server_side(shown: Issued, **options: object) -> SSL.Context:
    """A server's context; see :func:`dress`."""
    return dress(SSL.Context(SSL.TLS_SERVER_METHOD), shown, **options)


def client_side(shown: Issued | None = None, **options: object) -> SSL.Context:
    """A client's context; see :func:`dress`."""
    return dress(SSL.Context(SSL.TLS_CLIENT_METHOD), shown, **options)


def dress(
    context: SSL.Context, shown: Issued | None, *, highest: int = 0, ask: bool = False, ciphers: bytes = b""
) -> SSL.Context:
    """``context`` with a certificate; ``highest`` version, ``ask`` for the other side's certificate."""
    if shown is not None:
        context.use_certificate(shown.certificate)
        context.use_privatekey(shown.key)
    if highest:
        context.set_max_proto_version(highest)
    if ask:
        context.set_verify(SSL.VERIFY_PEER, accept_any)
    if ciphers:
        context.set_cipher_list(ciphers)
    return context


def accept_any(
    connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, fine: int
) -> bool:
    """Whatever comes is fine."""
    return True


class Peer:
    """Speaks TLS to whoever holds ``wire``."""

    def __init__(
        self, wire: End, context: SSL.Context, name: bytes = b"", *, alpn: list[bytes] | None = None
    ) -> None:
        self.wire = wire
        self.connection = SSL.Connection(context, None)
        self.heard = b""
        self.error: Exception | None = None
        self.ended = False
        if alpn:
            self.connection.set_alpn_protos(alpn)
        if name:
            self.connection.set_tlsext_host_name(name)

    def connect(self) -> Peer:
        """Shake hands as the client."""
        self.connection.set_connect_state()
        self._shake()
        return self

    def accept(self) -> Peer:
        """Shake hands as the server."""
        self.connection.set_accept_state()
        self._shake()
        return self

    def _shake(self) -> None:
        for _ in range(6):
            try:
                self.connection.do_handshake()
            except SSL.WantReadError:
                self.pump()
            except SSL.Error as error:
                self.error = error
                self.pump()
                return
            else:
                self.pump()
                return

    def pump(self) -> None:
        """Carry bytes until nobody has any more."""
        for _ in range(50):
            moved = self._out()
            data = self.wire.read()
            if data:
                self.connection.bio_write(data)
            if not moved and not data:
                return

    def _out(self) -> bool:
        try:
            data = self.connection.bio_read(1 << 20)
        except SSL.WantReadError:
            return False
        self.wire.say(data)
        return True

    def say(self, data: bytes) -> None:
        """Send plain bytes."""
        self.connection.send(data)
        self.pump()

    def hear(self) -> bytes:
        """Plain bytes that have come; notes an end or an error."""
        self.pump()
        got = b""
        try:
            while True:
                got += self.connection.recv(65536)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.ended = True
        except SSL.Error as error:
            self.error = error
        self.pump()
        return got

    def ask(self, request: bytes) -> bytes:
        """A request, and what comes."""
        self.say(request)
        return self.hear()
