"""The way out, through a reactor in memory."""

from __future__ import annotations

from twisted.internet.interfaces import IConnector
from twisted.internet.protocol import ClientFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from dyups.interfaces import TcpAddress, UnixAddress
from dyups.workers.dialing import dial_through


class DialTests(SynchronousTestCase):
    """Addresses to connections."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.factory = ClientFactory()
        self.dial = dial_through(self.reactor)

    def test_tcp(self) -> None:
        """A TCP address is connected to with the limit that was asked for, IPv6 without brackets."""
        for host in ("127.0.0.1", "::1"):
            connector = self.dial(TcpAddress(host, 8081), self.factory, 7.5)
            self.assertTrue(IConnector.providedBy(connector))
            self.assertEqual(self.reactor.tcpClients.pop(), (host, 8081, self.factory, 7.5, None))

    def test_source(self) -> None:
        """A connection may come from an address of ours, and from a port of it."""
        for source, bound in {"127.0.0.2": ("127.0.0.2", 0), "[::1]:81": ("::1", 81)}.items():
            self.dial(TcpAddress("127.0.0.1", 8081), self.factory, 7.5, source)
            self.assertEqual(self.reactor.tcpClients.pop()[4], bound)

    def test_unix(self) -> None:
        """A unix socket is connected to by its path, with the limit too."""
        connector = self.dial(UnixAddress("/run/app.sock"), self.factory, 7.5)
        self.assertTrue(IConnector.providedBy(connector))
        self.assertEqual(self.reactor.unixClients.pop()[:3], ("/run/app.sock", self.factory, 7.5))

    def test_can_be_stopped(self) -> None:
        """The result can be told to stop, which the client's leaving does."""
        connector = self.dial(TcpAddress("127.0.0.1", 8081), self.factory, 1.0)
        connector.stopConnecting()
        self.assertTrue(self.reactor.connectors[0].stoppedConnecting)
