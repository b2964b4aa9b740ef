"""One connection that speaks TLS, between a transport and a protocol in memory."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IConsumer, IProtocol, IPushProducer, ITransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from dyups.tls.stream import TlsStream
from tests.proxy.conversation import Wire
from tests.tls.authority import issued
from tests.tls.peer import Peer, client_side, server_side

ADDRESS = IPv4Address("TCP", "127.0.0.1", 443)


class Inner:
    """The protocol above: notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.lost: Failure | None = None
        self.paused = 0

    def dataReceived(self, data: bytes) -> None:
        self.heard.append(data)

    def connectionLost(self, reason: Failure) -> None:
        self.lost = reason

    def pauseProducing(self) -> None:
        self.paused += 1

    def resumeProducing(self) -> None:
        self.paused -= 1

    def stopProducing(self) -> None:
        """``connectionLost`` tells."""


class Keeper:
    """The stream's owner: notes what becomes of the handshake."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.alert = b""

    def handshaken(self, stream: TlsStream) -> bool:
        self.told.append("done")
        return True

    def not_handshaken(self, stream: TlsStream, reason: str) -> None:
        self.told.append(reason)
        stream.loseConnection()

    def refuses(self, stream: TlsStream) -> bytes:
        return self.alert

    def lost(self, stream: TlsStream, reason: Failure, early: bool) -> None:
        self.told.append(f"lost, early: {early}")


class StreamTests(SynchronousTestCase):
    """A server's stream, and a client of OpenSSL's."""

    def setUp(self) -> None:
        self.keeper, self.inner = Keeper(), Inner()
        self.stream = TlsStream(server_side(issued("a")), self.keeper, client=False)
        self.stream.inner = self.inner
        self.wire = Wire(self.stream, ADDRESS, ADDRESS)
        self.stream.makeConnection(self.wire)

    def peer(self) -> Peer:
        """The client, its handshake done."""
        return Peer(self.wire, client_side()).connect()

    def test_interfaces(self) -> None:
        """It is a protocol below and a transport above."""
        for interface in (IProtocol, ITransport, IConsumer, IPushProducer):
            verifyObject(interface, self.stream)
        self.assertIn("HANDSHAKE", repr(self.stream))

    def test_bytes_go_both_ways(self) -> None:
        """What one read of the network brings goes up in one piece; a write is one write below."""
        peer = self.peer()
        peer.connection.send(b"one ")
        peer.connection.send(b"two")
        peer.pump()
        self.assertEqual(self.inner.heard, [b"one two"])
        before = len(self.wire.writes)
        self.stream.write(b"x" * 100_000)
        self.stream.write(b"")
        self.assertEqual(len(self.wire.writes) - before, 1)
        self.assertEqual(peer.hear(), b"x" * 100_000)
        self.stream.writeSequence([b"a", b"b"])
        self.assertEqual(peer.hear(), b"ab")

    def test_writes_wait_for_the_handshake(self) -> None:
        """What is written before goes out after it, in order."""
        self.stream.write(b"a")
        self.stream.write(b"b")
        self.assertEqual(self.peer().hear(), b"ab")
        self.assertEqual(self.keeper.told, ["done"])

    def test_byte_by_byte(self) -> None:
        """Records may come in any pieces."""
        self.peer().say(b"whole")
        peer = self.peer_in_pieces()
        peer.say(b"pieces")
        self.assertEqual(b"".join(self.inner.heard), b"wholepieces")

    def peer_in_pieces(self) -> Peer:
        """A client on a new connection, whose bytes come one by one."""
        stream = TlsStream(server_side(issued("a")), Keeper(), client=False)
        stream.inner = self.inner
        wire = Wire(stream, ADDRESS, ADDRESS)
        stream.makeConnection(wire)
        say = wire.say
        wire.say = lambda data: [say(data[i : i + 1]) for i in range(len(data))]  # type: ignore[assignment]
        return Peer(wire, client_side()).connect()

    def test_our_end(self) -> None:
        """Closing says goodbye first; what was written before arrives."""
        peer = self.peer()
        self.stream.registerProducer(self.inner, True)
        self.stream.write(b"last")
        self.stream.loseConnection()
        self.assertEqual((peer.hear(), peer.ended), (b"last", True))
        self.assertTrue(self.wire.closed)
        self.assertIsNotNone(self.inner.lost)
        self.stream.write(b"too late")

    def test_half_an_end(self) -> None:
        """After the end of our side is said, the client may still send."""
        peer = self.peer()
        self.stream.loseWriteConnection()
        self.assertEqual((peer.hear(), peer.ended, self.wire.write_closed), (b"", True, True))
        self.assertFalse(self.wire.closed)
        peer.say(b"more")
        self.assertEqual(self.inner.heard, [b"more"])

    def test_their_end(self) -> None:
        """A goodbye closes the connection, after the last bytes have gone up."""
        peer = self.peer()
        peer.connection.send(b"bye")
        peer.connection.shutdown()
        peer.pump()
        self.assertEqual(self.inner.heard, [b"bye"])
        self.assertTrue(self.wire.closed)
        self.assertEqual(self.keeper.told, ["done", "lost, early: False"])

    def test_forged_bytes(self) -> None:
        """A record that does not check ends the connection at once, with an alert."""
        peer = self.peer()
        self.wire.say(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        self.assertTrue(self.wire.aborted)
        self.assertIsNotNone(self.inner.lost)
        self.assertEqual(self.inner.heard, [])
        self.wire.protocol.dataReceived(b"after the end")
        peer.hear()
        self.assertIn("bad record mac", str(peer.error))

    def test_failed_and_refused_handshakes(self) -> None:
        """The owner hears why, or says what is sent instead."""
        self.wire.say(b"\x16\x03\x01\x00\x05hello")
        self.assertTrue(
            self.keeper.told[0].startswith("SSL_do_handshake() failed (SSL: error:"), self.keeper.told
        )
        self.setUp()
        self.keeper.alert = b"ALERT"
        Peer(self.wire, client_side()).connect()
        self.assertEqual(self.keeper.told[0], "handshake rejected")
        self.assertIn(b"ALERT", b"".join(self.wire.writes))

    def test_an_early_end(self) -> None:
        """The owner hears of a connection that ends within the handshake."""
        self.wire.hang_up()
        self.assertEqual(self.keeper.told, ["lost, early: True"])
        self.assertIsNotNone(self.inner.lost)

    def test_pace(self) -> None:
        """The transport below says when it is full, and what is above when it wants no more."""
        peer = self.peer()
        self.stream.registerProducer(self.inner, True)
        self.stream.write(b"x" * 100_000)
        self.assertEqual(self.inner.paused, 1)
        self.assertGreater(self.stream.get_write_buffer_size(), 100_000)
        peer.hear()
        self.assertEqual(self.inner.paused, 0)
        self.stream.pauseProducing()
        peer.say(b"held")
        self.assertEqual(self.inner.heard, [])
        self.stream.resumeProducing()
        self.assertEqual(self.inner.heard, [b"held"])
        self.stream.unregisterProducer()
        self.stream.stopProducing()
        self.assertTrue(self.wire.closed)

    def test_a_client(self) -> None:
        """The other role says hello as soon as it is connected."""
        keeper, inner = Keeper(), Inner()
        stream = TlsStream(client_side(), keeper, client=True)
        stream.inner = inner
        wire = Wire(stream, ADDRESS, ADDRESS)
        stream.makeConnection(wire)
        self.assertEqual(wire.got[:1], b"\x16")
        server = Peer(wire, server_side(issued("a"), highest=SSL.TLS1_2_VERSION)).accept()
        self.assertEqual(keeper.told, ["done"])
        server.say(b"hi")
        self.assertEqual(inner.heard, [b"hi"])

    @given(st.lists(st.binary(min_size=1, max_size=300), max_size=5), st.booleans())
    @settings(deadline=None, max_examples=60)
    def test_any_bytes(self, pieces: list[bytes], after: bool) -> None:
        """Whatever a client sends, before or after a handshake, is no error of ours."""
        self.setUp()
        if after:
            self.peer()
        for piece in pieces:
            self.wire.say(piece)
        self.assertEqual(self.inner.heard, [])
        self.assertLessEqual(len(self.keeper.told), 3)

    def test_what_is_below(self) -> None:
        """Addresses and the like are those of the transport below, as far as it has them."""
        self.assertEqual((self.stream.getPeer(), self.stream.getHost()), (ADDRESS, ADDRESS))
        self.assertEqual(self.stream.fileno(), -1)
        self.stream.setTcpNoDelay(True)
        bare: Any = object()
        self.stream.raw = bare
        self.assertEqual(self.stream.get_write_buffer_size(), -1)
        bare = self.stream.raw = SimpleNamespace(dataBuffer=b"12345", offset=2, _tempDataLen=10)
        self.assertEqual(self.stream.get_write_buffer_size(), 13)
