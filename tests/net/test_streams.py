"""Tests of ``dyups.net.streams``, over loopback: what bridges do with uvloop's real transports."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.internet import error
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import ITCPTransport, ITLSTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from dyups.net.streams import TcpBridge, UnixBridge, ip_address
from tests.net.support import Diary, HalfCloseableDiary, Origin, Producer, Uv, UvloopReactor, run, serve

BIG = b"x" * 8_000_000


class StreamCase(SynchronousTestCase):
    """A server and a client protocol on one reactor; by default the client closes as soon as it can."""

    kind = "TCP"

    def setUp(self) -> None:
        self.reactor = UvloopReactor(self)

    def talk(self, server: Any, client: Any) -> None:
        """Connect the two and run until both have lost the connection."""
        ended = []
        for diary in (server, client):
            done: Deferred[None] = Deferred()
            ended.append(done)
            diary.on["lost"] = lambda *_, done=done: done.callback(None)
        gatherResults(ended).addCallback(lambda _: self.reactor.stop())
        self.connect(serve(server), serve_client(client))
        run(self.reactor)

    def connect(self, server: Any, client: Any) -> None:
        port = self.reactor.listenTCP(0, server, interface="127.0.0.1")
        self.reactor.connectTCP("127.0.0.1", port.getHost().port, client)


def serve_client(protocol: Any) -> Any:
    """A client factory for one protocol."""
    from twisted.internet.protocol import ClientFactory

    factory = ClientFactory.forProtocol(lambda: protocol)
    factory.noisy = False
    return factory


class TransferTests(StreamCase):
    """Data on its way."""

    def test_everything_arrives_before_a_clean_end(self) -> None:
        """``loseConnection`` right after a big write delivers all of it, and both sides see a clean end."""

        def send(diary: Any) -> None:
            diary.transport.write(BIG)
            diary.transport.loseConnection()

        server, client = Diary(made=send), Diary()
        self.talk(server, client)
        self.assertEqual(len(client.received), len(BIG))
        self.assertEqual((server.reason.type, client.reason.type), (error.ConnectionDone,) * 2)  # type: ignore[union-attr]

    def test_reader_that_is_slow_pauses_the_writer(self) -> None:
        """Bounded memory: with a peer that does not read, the producer is paused, and resumed once it reads."""
        producer = Producer()

        def send(diary: Any) -> None:
            diary.transport.registerProducer(producer, True)
            diary.transport.write(BIG)
            self.assertEqual(producer.told, ["pause"])
            self.reactor.callLater(0.05, resume)
            producer.on["resume"] = finish

        def resume() -> None:
            client.transport.resumeProducing()

        def finish() -> None:
            server.transport.unregisterProducer()
            server.transport.loseConnection()

        server = Diary(made=send)
        client = Diary(made=lambda self: self.transport.pauseProducing())
        self.talk(server, client)
        self.assertEqual(producer.told, ["pause", "resume"])
        self.assertEqual(len(client.received), len(BIG))

    def test_pull_producer_sends_all(self) -> None:
        """A pull producer is asked until it unregisters, however fast the peer reads."""
        left = [b"%d," % n * 10_000 for n in range(30)]
        expected = b"".join(left)

        def more() -> None:
            if left:
                server.transport.write(left.pop(0))
            else:
                server.transport.unregisterProducer()
                server.transport.loseConnection()

        server = Diary(made=lambda self: self.transport.registerProducer(Producer(resume=more), False))
        client = Diary()
        self.talk(server, client)
        self.assertEqual(client.received, expected)

    def test_paused_in_connectionMade(self) -> None:
        """Nothing is received before the protocol resumes, though the peer sends at once; nothing is lost."""
        early: list[int] = []

        def wait(diary: Any) -> None:
            diary.transport.pauseProducing()
            self.reactor.callLater(0.05, go_on)

        def go_on() -> None:
            early.append(len(server.received))
            server.transport.resumeProducing()

        def send(diary: Any) -> None:
            diary.transport.write(b"hello")
            diary.transport.loseConnection()

        server, client = Diary(made=wait), Diary(made=send)
        self.talk(server, client)
        self.assertEqual(early, [0])
        self.assertEqual(server.received, b"hello")
        self.assertEqual(server.events[-1], ("lost", "ConnectionDone"))

    def test_error_in_dataReceived_drops_that_connection_only(self) -> None:
        """It is logged and is the reason; another connection of the same port goes on."""
        survivor = Diary()
        protocols = [survivor, Diary(data=lambda *_: 1 / 0)]

        def send(diary: Any) -> None:
            diary.transport.write(b"x")

        def broken(diary: Any, *_: Any) -> None:
            first.transport.write(b"still there?")

        def done(diary: Any, *_: Any) -> None:
            self.reactor.stop()

        survivor.on["data"] = done
        first = Diary(made=lambda _: self.reactor.connectTCP("127.0.0.1", number, serve_client(second)))
        second = Diary(made=send, lost=broken)
        factory = serve(None)
        factory.protocol = lambda: protocols.pop(0)
        number = self.reactor.listenTCP(0, factory, interface="127.0.0.1").getHost().port
        self.reactor.connectTCP("127.0.0.1", number, serve_client(first))
        run(self.reactor)
        self.assertEqual(survivor.received, b"still there?")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_system_error_in_dataReceived_is_logged_once(self) -> None:
        """Also an ``OSError``, of which uvloop says nothing."""

        def refuse(*_: Any) -> None:
            raise PermissionError(errno.EACCES, "no")

        server, client = Diary(data=refuse), Diary(made=lambda self: self.transport.write(b"x"))
        self.talk(server, client)
        self.assertEqual(server.events[-1], ("lost", "PermissionError"))
        self.assertEqual(len(self.flushLoggedErrors(PermissionError)), 1)


class EndTests(StreamCase):
    """How it ends for the other side."""

    def test_abort_is_a_reset(self) -> None:
        """The peer of ``abortConnection`` sees a reset, not a clean end."""
        server = Diary(made=lambda self: self.transport.abortConnection())
        client = Diary()
        self.talk(server, client)
        self.assertEqual(server.events[-1], ("lost", "ConnectionAborted"))
        self.assertEqual(client.events[-1], ("lost", "ConnectionLost"))

    def test_both_halves(self) -> None:
        """Each side ends its half in turn; what was sent arrives, and each hears of both halves."""

        def answer(diary: Any) -> None:
            diary.transport.write(b"answer")
            diary.transport.loseWriteConnection()

        def ask(diary: Any) -> None:
            diary.transport.write(b"question")
            diary.transport.loseWriteConnection()

        def leave(diary: Any) -> None:
            diary.transport.loseConnection()

        server = HalfCloseableDiary(**{"read closed": answer, "write closed": leave})
        client = HalfCloseableDiary(**{"made": ask, "read closed": leave})
        self.talk(server, client)
        self.assertEqual((server.received, client.received), (b"question", b"answer"))
        self.assertEqual(
            server.events,
            ["made", ("data", b"question"), "read closed", "write closed", ("lost", "ConnectionDone")],
        )
        self.assertIn("write closed", client.events)

    def test_write_after_the_end(self) -> None:
        """Writing to a lost connection does nothing, however often."""
        server = Diary(made=lambda self: self.transport.loseConnection())
        client = Diary()
        self.talk(server, client)
        for _ in range(3):
            self.assertIsNone(server.transport.write(b"x"))
            client.transport.writeSequence([b"x"])
        self.assertEqual((server.received, client.received), (b"", b""))

    def test_reactor_stops_under_a_connection(self) -> None:
        """Protocols are told that the connection is lost, and the descriptors are closed."""
        seen: list[int] = []

        def stop(diary: Any) -> None:
            seen.append(diary.transport.fileno())
            self.reactor.stop()

        server, client = Diary(), Diary(made=stop)
        self.connect(serve(server), serve_client(client))
        run(self.reactor)
        self.assertEqual(client.events[-1], ("lost", "ConnectionLost"))
        self.assertEqual(client.transport.fileno(), -1)
        self.assertGreater(seen[0], 0)
        self.assertEqual(self.reactor.live, set())


class NameTests(StreamCase):
    """Who is connected to whom."""

    def test_addresses_and_switches(self) -> None:
        """Both sides agree on the addresses, also after the end; the TCP switches can be set and read."""
        seen: dict[str, Any] = {}

        def look(diary: Any) -> None:
            transport = diary.transport
            seen["client"] = transport.getHost(), transport.getPeer()
            seen["at first"] = transport.getTcpNoDelay()
            transport.setTcpNoDelay(False)
            transport.setTcpKeepAlive(True)
            seen["switches"] = transport.getTcpNoDelay(), transport.getTcpKeepAlive()
            transport.setTcpNoDelay(True)
            seen["again"] = transport.getTcpNoDelay()
            self.assertEqual(transport.fileno(), transport.getHandle().fileno())
            transport.loseConnection()

        server, client = Diary(), Diary(made=look)
        self.talk(server, client)
        host, peer = seen["client"]
        self.assertIsInstance(host, IPv4Address)
        self.assertEqual((host, peer), (server.transport.getPeer(), server.transport.getHost()))
        self.assertEqual((seen["at first"], seen["switches"], seen["again"]), (True, (False, True), True))

    def test_ip_addresses(self) -> None:
        """The names of sockets become Twisted's addresses; a scope is shown as the interface's name."""
        self.assertEqual(ip_address(("192.0.2.1", 80)), IPv4Address("TCP", "192.0.2.1", 80))
        self.assertEqual(ip_address(("2001:db8::1", 80, 0, 0)), IPv6Address("TCP", "2001:db8::1", 80, 0, 0))
        loopback = socket.if_nametoindex(socket.if_nameindex()[0][1])
        scoped = ip_address(("fe80::1", 80, 0, loopback))
        self.assertEqual(scoped.host, f"fe80::1%{socket.if_nameindex()[0][1]}")

    def test_interfaces(self) -> None:
        """Connections have all that Twisted's interfaces ask for."""
        for kind, interface in ((TcpBridge, ITCPTransport), (UnixBridge, ITLSTransport)):
            bridge = kind(Origin(Diary()))  # type: ignore[arg-type]
            bridge.connection_made(Uv())  # type: ignore[arg-type]
            self.assertTrue(verifyObject(interface, bridge))


class UnixTests(StreamCase):
    """The same over a UNIX socket."""

    def connect(self, server: Any, client: Any) -> None:
        self.path = self.mktemp()[-80:].replace("/", "-")
        self.addCleanup(self.assertNoFile)
        self.reactor.listenUNIX(self.path, server)
        self.reactor.connectUNIX(self.path, client)

    def assertNoFile(self) -> None:
        """The port has removed its file when the reactor stopped."""
        import os

        self.assertFalse(os.path.exists(self.path))

    def test_addresses(self) -> None:
        """The server's end has the path, the client's has no name; the TCP switches do nothing."""
        seen: list[Any] = []

        def look(diary: Any) -> None:
            transport = diary.transport
            transport.setTcpNoDelay(True)
            seen.extend([transport.getHost(), transport.getPeer(), transport.getTcpNoDelay()])
            transport.loseConnection()

        server, client = Diary(), Diary(made=look)
        self.talk(server, client)
        self.assertEqual(seen, [UNIXAddress(None), UNIXAddress(self.path), False])
        self.assertEqual(server.transport.getPeer(), UNIXAddress(None))

    def test_big_write(self) -> None:
        """All of it arrives."""

        def send(diary: Any) -> None:
            diary.transport.write(BIG)
            diary.transport.loseConnection()

        server, client = Diary(), Diary(made=send)
        self.talk(server, client)
        self.assertEqual(len(server.received), len(BIG))
