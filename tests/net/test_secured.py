"""Tests of ``dyups.net.secured``; that TLS works at all is shown by Twisted's own tests in ``test_reactor``."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import ISSLTransport
from twisted.internet.test.test_tls import ContextGeneratingMixin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from dyups.net.bridge import Bridge
from dyups.net.secured import Secured
from dyups.net.streams import SecuredTcp, SecuredUnix, TcpBridge, UnixBridge
from tests.net.support import TLS_WARNINGS, Diary, Origin, Producer, Uv


class TakeOverTests(ContextGeneratingMixin, SynchronousTestCase):
    """``startTLS`` on a living connection."""

    suppress = TLS_WARNINGS

    def setUp(self) -> None:
        self.diary = Diary()
        self.origin = Origin(self.diary)
        self.origin.callLater = lambda delay, call, *args: call(*args)  # type: ignore[attr-defined]
        self.bridge: Any = TcpBridge(self.origin)  # type: ignore[arg-type]
        self.uv = Uv()
        self.bridge.connection_made(self.uv)

    def start(self) -> Any:
        """Start TLS as its server."""
        self.bridge.startTLS(self.getServerContext())
        return self.bridge

    def test_protocol_keeps_its_transport(self) -> None:
        """The object that the protocol knows turns into an ``ISSLTransport``; the wire is another bridge's now."""
        bridge = self.start()
        self.assertIs(self.diary.transport, bridge)
        self.assertIsInstance(bridge, SecuredTcp)
        self.assertTrue(verifyObject(ISSLTransport, bridge))
        self.assertTrue(bridge.TLS)
        self.assertIsNot(self.uv.protocol, bridge)
        self.assertEqual(self.origin.live, {self.uv.protocol})

    def test_what_is_written_is_not_sent_in_clear(self) -> None:
        """From the moment of ``startTLS`` on nothing that is written reaches the wire as it is."""
        bridge = self.start()
        bridge.write(b"secret")
        bridge.writeSequence([b"se", b"cret"])
        self.assertNotIn(b"secret", b"".join(asked[1] for asked in self.uv.asked if asked[0] == "write"))

    def test_client_or_server(self) -> None:
        """A client's side greets first; with ``normal=False`` the server's side does."""
        self.bridge.startTLS(self.getServerContext(), normal=False)
        [(what, greeting)] = self.uv.asked
        self.assertEqual((what, greeting[:1]), ("write", b"\x16"))

    def test_state_of_the_wire_is_seen_through(self) -> None:
        """Connected, pausing and the end are those of the wire."""
        bridge = self.start()
        self.assertTrue(bridge.connected)
        self.assertFalse(bridge.disconnecting)
        bridge.pauseProducing()
        bridge.resumeProducing()
        self.assertEqual(self.uv.asked, ["pause_reading", "resume_reading"])
        self.assertEqual(bridge.getPeer().port, 4321)
        self.uv.protocol.connection_lost(None)
        self.assertFalse(bridge.connected)
        bridge.write(b"late")
        bridge.loseConnection()
        self.assertEqual(self.uv.asked, ["pause_reading", "resume_reading"])

    def test_producer_moves_along(self) -> None:
        """A producer registered before is TLS's afterwards, pull producers too."""
        for streaming in (True, False):
            self.setUp()
            producer = Producer()
            self.bridge.registerProducer(producer, streaming)
            bridge = self.start()
            self.assertIsNotNone(bridge.producer)
            self.assertIsNot(bridge.producer, producer)
            bridge.unregisterProducer()
            self.assertIsNone(bridge.producer)

    def test_abort(self) -> None:
        """It resets the wire, without a farewell of TLS's."""
        bridge = self.start()
        bridge.abortConnection()
        self.assertEqual(self.uv.asked[-1], "abort")

    def test_half_close_and_end_of_the_reactor(self) -> None:
        """Both are the wire's."""
        from dyups.net.reasons import LOST

        bridge = self.start()
        bridge.loseWriteConnection()
        self.assertEqual(self.uv.asked[-1], "write_eof")
        bridge.connectionLost(LOST)
        self.assertFalse(bridge.connected)

    def test_handles(self) -> None:
        """The handle is pyOpenSSL's connection; without a certificate of the peer's there is none."""
        bridge = self.start()
        self.assertEqual(type(bridge.getHandle()).__name__, "Connection")
        self.assertIsNone(bridge.getPeerCertificate())

    def test_layout(self) -> None:
        """All kinds have the same slots, else an object could not change its class."""
        for kind in (Secured, TcpBridge, UnixBridge, SecuredTcp, SecuredUnix):
            self.assertEqual(kind.__basicsize__, Bridge.__basicsize__)

    def test_unix(self) -> None:
        """A UNIX connection becomes a secured UNIX connection."""
        bridge: Any = UnixBridge(self.origin)  # type: ignore[arg-type]
        bridge.connection_made(Uv())
        bridge.startTLS(self.getServerContext())
        self.assertIsInstance(bridge, SecuredUnix)
