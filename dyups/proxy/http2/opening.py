"""Which protocol a client's new connection speaks, where its address speaks HTTP/2.

On a plain address the client's first bytes tell (RFC 9113 section 3.3, prior knowledge): :class:`Prefaced` waits for as
many as it needs, and hands the transport over.  Behind TLS it was agreed on in the handshake, and ``secured`` knows.
``listener`` makes these; an address without HTTP/2 never sees them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IProtocol, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

from dyups.config.model import Listen
from dyups.proxy.downstream import ClientConnection
from dyups.proxy.http2.connection import Http2Connection
from dyups.proxy.http2.terms import Http2Terms
from dyups.proxy.route import ListenRoutes

#: RFC 9113 section 3.4.
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

#: Makes an HTTP/2 connection of one that was made for HTTP/1.1 and has had no request.
Switch = Callable[[ClientConnection], Http2Connection]


def switch_of(listen: Listen, routes: ListenRoutes) -> Switch:
    """How connections to one address become HTTP/2."""
    terms = Http2Terms(routes, listen.default_server.server.http2)
    return lambda face: Http2Connection(face, terms)


@implementer(IProtocol)
class Prefaced:
    """Reads what a client says first, then gives its connection to who speaks that."""

    __slots__ = ("_face", "_held", "_inner", "_switch", "_transport")

    def __init__(self, face: ClientConnection, switch: Switch) -> None:
        self._face = face
        self._switch = switch
        self._inner: Any = None
        self._held = b""
        self._transport: Any = None

    def makeConnection(self, transport: ITransport) -> None:
        """A client connected; ``client_header_timeout`` counts."""
        self._transport = transport
        self._face.makeConnection(transport)

    def connectionMade(self) -> None:
        """``makeConnection`` does it all."""

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._inner is not None:
            self._inner.dataReceived(data)
            return
        data = self._held + data
        if len(data) < len(PREFACE) and PREFACE.startswith(data):
            self._held = data
            return
        self._held = b""
        inner = self._inner = self._switch(self._face) if data.startswith(PREFACE) else self._face
        if getattr(self._transport, "protocol", None) is self:
            self._transport.protocol = inner  # from now on nothing stands between
        inner.dataReceived(data)

    def connectionLost(self, reason: Failure) -> None:
        """The client is gone."""
        (self._face if self._inner is None else self._inner).connectionLost(reason)
