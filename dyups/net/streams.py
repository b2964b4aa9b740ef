"""TCP and UNIX connections: what a :class:`~dyups.net.bridge.Bridge` needs to know of its kind of socket.

Owns addresses, the TCP switches and the entry to ``startTLS``.  ``ports`` and ``connectors`` make these.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import (
    IConsumer,
    ILoggingContext,
    IPushProducer,
    ISSLTransport,
    ISystemHandle,
    ITCPTransport,
    ITLSTransport,
)
from zope.interface import implementer

from dyups.net.bridge import Bridge
from dyups.net.secured import Secured


@implementer(ITCPTransport, ITLSTransport, IConsumer, IPushProducer, ISystemHandle, ILoggingContext)
class TcpBridge(Bridge):
    """A TCP connection."""

    __slots__ = ()

    def startTLS(self, ctx: Any, normal: bool = True) -> None:
        """Speak TLS from here on, with a pyOpenSSL context factory; ``normal`` keeps client and server roles."""
        Secured.take_over(self, SecuredTcp, ctx, normal)

    def knows_peer(self) -> bool:
        """Is the peer's address known; from then on it stays so."""
        return self._uv.get_extra_info("peername") is not None

    def getPeer(self) -> IPv4Address | IPv6Address:
        return ip_address(self._uv.get_extra_info("peername"))

    def getHost(self) -> IPv4Address | IPv6Address:
        return ip_address(self._uv.get_extra_info("sockname"))

    def getTcpNoDelay(self) -> bool:
        return bool(self.getHandle().getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    def setTcpNoDelay(self, enabled: bool) -> None:
        # uvloop's TCP connections begin without Nagle's delay: to say so again would be a system call for nothing.
        if not enabled or self._delays:
            self._delays = not enabled
            self._set_option(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(enabled))

    def getTcpKeepAlive(self) -> bool:
        return bool(self.getHandle().getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self._set_option(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(enabled))


class UnixBridge(TcpBridge):
    """A UNIX stream connection.  It has the TCP switches, without effect, as Twisted's has."""

    __slots__ = ()

    def startTLS(self, ctx: Any, normal: bool = True) -> None:
        Secured.take_over(self, SecuredUnix, ctx, normal)

    def knows_peer(self) -> bool:
        return True

    def getPeer(self) -> Any:  # UNIXAddress, which the interface does not foresee
        return self._address("peername")

    def getHost(self) -> Any:
        return self._address("sockname")

    def _address(self, end: str) -> UNIXAddress:
        try:
            name = self._uv.get_extra_info(end)
        except (OSError, AttributeError):  # closed, and nobody had asked before
            name = None
        return UNIXAddress(name or None)

    def getTcpNoDelay(self) -> bool:
        return False

    def setTcpNoDelay(self, enabled: bool) -> None:
        """UNIX connections have no such switch."""


@implementer(ISSLTransport)
class SecuredTcp(Secured, TcpBridge):
    """A TCP connection after ``startTLS``."""

    __slots__ = ()


@implementer(ISSLTransport)
class SecuredUnix(Secured, UnixBridge):
    """A UNIX connection after ``startTLS``."""

    __slots__ = ()


def ip_address(name: tuple[Any, ...]) -> IPv4Address | IPv6Address:
    """Twisted's address for a socket's name; a scoped IPv6 address says its interface (``fe80::1%eth0``)."""
    if len(name) == 2:
        return IPv4Address("TCP", name[0], name[1])
    host, port, flow, scope = name
    if scope:
        host = socket.getnameinfo(name, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]
    return IPv6Address("TCP", host, port, flow, scope)
