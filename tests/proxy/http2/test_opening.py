"""Which protocol a new connection speaks."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.downstream import ClientConnection
from dyups.proxy.http2.connection import Http2Connection
from tests.proxy.conversation import World, get, head
from tests.proxy.http2.asking import PREFACE, Asker

ECHO = "server {{ listen 80 {}; {} location / {{ echo -n $server_protocol; }} }}"


class Opening(SynchronousTestCase):
    """Plain addresses."""

    def test_by_the_first_bytes(self) -> None:
        """The same address serves both."""
        for world in (World(ECHO.format("", "http2 on;")), World(ECHO.format("http2", ""))):
            self.assertEqual(Asker(world).ask().body, b"HTTP/2.0")
            self.assertEqual(head(world.ask(get()))[2], b"HTTP/1.1")

    def test_nothing_stands_between_afterwards(self) -> None:
        """Once it is known, bytes go straight to who speaks the protocol."""
        world = World(ECHO.format("", "http2 on;"))
        asker, plain = Asker(world), world.client()
        plain.say(b"G")
        self.assertIsInstance(plain.protocol, ClientConnection)
        self.assertIsInstance(asker.wire.protocol, Http2Connection)

    def test_in_pieces(self) -> None:
        """A preface may come byte by byte; what begins like one and is none is a bad request of HTTP/1.1."""
        world = World(ECHO.format("", "http2 on;"))
        wire = world.client()
        for byte in PREFACE:
            self.assertEqual(wire.read(), b"")
            wire.say(bytes([byte]))
        self.assertEqual(wire.read()[3:5], b"\4\0")
        other = world.client()
        other.say(PREFACE[:10])
        self.assertEqual(other.read(), b"")
        other.say(b"XXX\r\n\r\n")
        self.assertEqual(head(other.read())[0], 400)

    def test_one_that_never_says(self) -> None:
        """``client_header_timeout``; a client that leaves before is forgotten."""
        world = World(ECHO.format("", "http2 on; client_header_timeout 5s;"))
        silent, leaving = world.client(), world.client()
        silent.say(PREFACE[:5])
        leaving.say(PREFACE[:5])
        leaving.hang_up()
        self.assertEqual(world.plane.counters.active, 1)
        world.pass_time(10)
        self.assertTrue(silent.closed)
        self.assertEqual((world.plane.counters.active, world.deadlines.watched()), (0, []))

    def test_off(self) -> None:
        """Where HTTP/2 is not on, its preface is a bad request, and no connection has anything before it."""
        world = World(ECHO.format("", ""))
        self.assertIsInstance(world.listeners[0].buildProtocol(None), ClientConnection)
        self.assertEqual(head(world.ask(PREFACE))[0], 505)

    def test_the_default_server_decides(self) -> None:
        """On a plain address it is asked alone, for nobody has said a name yet."""
        other = "server { listen 80; server_name two; http2 on; }"
        world = World(ECHO.format("", "") + other)
        self.assertIsInstance(world.listeners[0].buildProtocol(None), ClientConnection)

    def test_behind_a_proxy(self) -> None:
        """The PROXY protocol comes first; its address is the client's, in every request."""
        world = World(
            "server { listen 80 proxy_protocol; http2 on; set_real_ip_from 0.0.0.0/0;"
            " real_ip_header proxy_protocol;"
            " location / { echo -n $remote_addr $proxy_protocol_addr $realip_remote_addr; } }"
        )
        wire = world.client()
        wire.say(b"PROXY TCP4 198.51.100.9 192.0.2.1 1234 80\r\n")
        asker = Asker(world, wire=wire)
        for _ in range(2):
            self.assertEqual(asker.ask().body, b"198.51.100.9 198.51.100.9 192.0.2.7")
