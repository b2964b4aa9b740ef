"""TLS towards clients: what stands between the transport of a client and its connection on a ``listen … ssl``.

Owns what a TLS client is besides its requests: the first byte, which tells TLS from plain HTTP (497), the handshake's
outcome in the error log, and what the client's certificate allows (``ssl_verify_client``: 495, 496, 421).  The bytes
are ``tls.stream``'s, the choice of a certificate ``tls.terms``'s; ``listener`` makes these, ``downstream`` asks
:meth:`SecuredClient.refusal` for each request, ``tlsvariables`` reads the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.python.failure import Failure

from dyups.proxy.downstream import ClientConnection
from dyups.proxy.pace import BUSY
from dyups.proxy.plane import complain
from dyups.proxy.route import ServerRoutes
from dyups.tls.contexts import HTTP2
from dyups.tls.openssl import ALERT, UNRECOGNIZED_NAME, UNTRUSTED, verify_error_string
from dyups.tls.stream import OVER, TlsStream
from dyups.tls.terms import ListenTerms

if TYPE_CHECKING:
    from dyups.proxy.http2.opening import Switch

#: The type of a record that begins a handshake (RFC 8446 section 5.1), and the flag of an SSLv2 hello.
_HANDSHAKE = 0x16
_SSLV2 = 0x80
_INTERNAL_ERROR = 80

MISDIRECTED, CERT_ERROR, NO_CERT, TO_HTTPS = 421, 495, 496, 497
_READING = "while reading client request headers"


class SecuredClient(TlsStream):
    """A client's transport, which speaks TLS unless the client's first byte says otherwise."""

    __slots__ = (
        "_switch",
        "exchange",
        "hello",
        "listen",
        "plain",
        "problem",
        "refused",
        "server_name",
        "terms",
        "verify_error",
    )

    def __init__(self, client: ClientConnection, listen: ListenTerms, switch: Switch | None = None) -> None:
        super().__init__(listen.default.context, self, client=False)
        self.inner = client
        client.secured = self
        self._switch = switch
        """Makes the connection one of HTTP/2, where the address speaks that."""
        self.exchange = client.exchange
        """What variables read while there is no request yet."""
        self.listen = listen
        self.terms = listen.default
        """Those of the server that SNI chose."""
        self.hello = b""
        """The client's first bytes."""
        self.plain = False
        """The client speaks HTTP without TLS: all it gets is a page that says so."""
        self.server_name = b""
        """The name that the client asked for in the handshake, lower case."""
        self.verify_error = 0
        """OpenSSL's number of what is wrong with the client's certificate."""
        self.refused = False
        self.problem = ""
        self.connection.set_app_data(self)

    # -- the connection ------------------------------------------------------------------------------------------

    def makeConnection(self, transport: Any) -> None:
        """A client connected."""
        super().makeConnection(transport)
        self.inner.makeConnection(self)

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if self.plain:
            self.inner.dataReceived(data)
        elif self.hello:
            super().dataReceived(data)
        else:
            self.hello = data
            if data[0] == _HANDSHAKE or data[0] & _SSLV2:
                super().dataReceived(data)
            else:
                self.plain = True
                self.state = OVER
                self.inner.dataReceived(data)

    def write(self, data: bytes) -> None:
        """Bytes for the client."""
        if self.plain:
            self.write_raw(data)
        else:
            super().write(data)

    def _ended(self, problem: str) -> None:
        """A client that says goodbye sends no more, but may wait for its answer (RFC 8446 section 6.1)."""
        client = self.inner
        if not problem and client is not None and client.state == BUSY:
            client.close_after()
        else:
            super()._ended(problem)

    # -- the handshake (tls.stream.Owner) ------------------------------------------------------------------------

    def handshaken(self, stream: TlsStream) -> bool:
        """Requests may come, in the protocol that was agreed on."""
        if self._switch is not None and self.connection.get_alpn_proto_negotiated() == HTTP2:
            self.inner = self._switch(self.inner)
        return True

    def refuses(self, stream: TlsStream) -> bytes:
        """``ssl_reject_handshake``, or a certificate that could not be loaded."""
        if not self.refused:
            return b""
        return ALERT % (_INTERNAL_ERROR if self.problem else UNRECOGNIZED_NAME)

    def not_handshaken(self, stream: TlsStream, reason: str) -> None:
        """Say why, and close."""
        if self.problem:
            complain("error", self.inner.context(f"{self.problem} while SSL handshaking"))
        else:
            complain("info", self.inner.context(f"{reason} while SSL handshaking"))
        self.loseConnection()

    def lost(self, stream: TlsStream, reason: Failure, early: bool) -> None:
        """The client left."""
        if early and self.hello and self.inner is not None:
            reason_text = "peer closed connection in SSL handshake while SSL handshaking"
            complain("info", self.inner.context(reason_text))

    # -- what the client may have --------------------------------------------------------------------------------

    def refusal(self, server: ServerRoutes) -> int:
        """The status with which a request to ``server`` is refused for what its connection is, or 0.

        As ``ngx_http_process_request`` and ``ngx_http_set_virtual_server`` have it, but for one thing: where ``server``
        asks for certificates, the connection must have been made by its terms, or equal ones, with SNI or without.
        """
        if self.plain:
            return self._refuse(TO_HTTPS, "client sent plain HTTP request to HTTPS port")
        tls = server.tls
        if tls.ssl_verify_client == "off":
            return 0
        if tls is not self.terms.tls and tls != self.terms.tls:
            words = "client attempted to request the server name different from the one that was negotiated"
            return self._refuse(MISDIRECTED, words)
        error = self.verify_error
        if error and (tls.ssl_verify_client != "optional_no_ca" or error not in UNTRUSTED):
            words = f"client SSL certificate verify error: ({error}:{verify_error_string(error)})"
            return self._refuse(CERT_ERROR, words)
        if tls.ssl_verify_client == "on" and self.connection.get_peer_certificate() is None:
            return self._refuse(NO_CERT, "client sent no required SSL certificate")
        return 0

    def _refuse(self, status: int, words: str) -> int:
        complain("info", self.inner.context(f"{words} {_READING}"))
        return status
