"""A client's connection, the half that takes in: its states, and what data means in each.

Behaviour has files of its own: ``test_pipelining``, ``test_framing``, ``test_request_bodies``, ``test_timeouts``,
``test_any_bytes``.
"""

from __future__ import annotations

import gc

from twisted.internet.interfaces import IProtocol, IPushProducer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from dyups.proxy.downstream import ClientConnection
from dyups.proxy.exchange import Exchange
from dyups.proxy.forward.attempt import Forwarding
from tests.proxy.conversation import CLIENT, Wire, World, get, head

CONFIG = """
upstream one { server 127.0.0.1:9001; }
keepalive_requests 10000;
proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;
server { listen 8080; location / { proxy_pass http://one; } location /echo { return 200 "$uri"; } }
"""
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Delayed(Wire):
    """A wire that knows of TCP_NODELAY."""

    no_delay: bool | None = None

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled


class StateTests(SynchronousTestCase):
    """The states, by what ``repr`` shows."""

    def setUp(self) -> None:
        self.world = World(CONFIG)
        self.client = self.world.client()

    def assert_state(self, name: str, requests: int) -> None:
        expected = f"<ClientConnection {name} requests={requests}>"
        self.assertEqual(repr(self.client.protocol), expected)

    def test_one_request(self) -> None:
        """A head, a request that is answered, the next head, gone."""
        self.assert_state("HEAD", 0)
        self.client.say(b"GET / HTTP/1.1\r\n")
        self.assert_state("HEAD", 0)
        self.client.say(b"Host: one\r\n\r\n")
        self.assert_state("BUSY", 1)
        self.world.servers[0].say(EMPTY)
        self.assert_state("HEAD", 1)
        self.client.hang_up()
        self.assert_state("GONE", 1)

    def test_body(self) -> None:
        """A body that is coming, then all there."""
        self.client.say(get("/", "one", "Content-Length: 2", method="POST"))
        self.assert_state("BODY", 1)
        self.client.say(b"a")
        self.assert_state("BODY", 1)
        self.client.say(b"b")
        self.assert_state("BUSY", 1)

    def test_body_at_once(self) -> None:
        """A body that came with its head was never waited for."""
        self.client.say(get("/", "one", "Content-Length: 2", method="POST") + b"ab")
        self.assert_state("BUSY", 1)

    def test_body_of_an_answered_request(self) -> None:
        """After the answer the body is still to be read."""
        self.client.say(get("/echo", "one", "Content-Length: 2", method="POST"))
        self.assert_state("BODY", 1)
        self.client.say(b"ab")
        self.assert_state("HEAD", 1)

    def test_linger(self) -> None:
        """After nonsense nothing is understood any more."""
        self.client.say(b"nonsense\r\n\r\n")
        self.assert_state("LINGER", 1)
        self.client.say(get("/echo"))
        self.assert_state("LINGER", 1)
        self.client.hang_up()
        self.assert_state("GONE", 1)

    def test_tunnel(self) -> None:
        """101 turns the connection into bytes both ways; what came ahead goes first."""
        self.client.say(get("/", "one", "Connection: upgrade", "Upgrade: x") + b"early ")
        server = self.world.servers[0]
        server.read()
        server.say(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nfirst")
        self.assert_state("TUNNEL", 1)
        self.client.say(b"late")
        self.assertEqual(server.read(), b"early late")
        self.assertTrue(self.client.read().endswith(b"\r\n\r\nfirst"))
        self.client.hang_up()
        self.assert_state("GONE", 1)
        self.assertTrue(server.closed)

    def test_tunnel_after_much_came_ahead(self) -> None:
        """A client that says more than may wait before 101 is read again, and all arrives in order."""
        self.world.high = 10**6
        self.client.say(get("/", "one", "Connection: upgrade", "Upgrade: x"))
        for number in range(200):
            self.client.say(b"%04d" % number * 250)
        self.assertFalse(self.client.reading)
        server = self.world.servers[0]
        server.read()
        server.say(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        self.assertTrue(self.client.reading)
        self.assertEqual(server.read(), b"".join(b"%04d" % number * 250 for number in range(200)))

    def test_tunnel_to_a_slow_server(self) -> None:
        """Back-pressure holds from the first byte of a tunnel on."""
        self.world.high = 1000
        self.client.say(get("/", "one", "Connection: upgrade", "Upgrade: x"))
        for _ in range(200):
            self.client.say(b"x" * 1000)
        server = self.world.servers[0]
        server.read()
        server.say(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        self.assertFalse(self.client.reading)
        self.assertLess(len(server.got), 70_000)
        total = 0
        while server.got:
            total += len(server.read())
        self.assertEqual(total, 200_000)


class TransportTests(SynchronousTestCase):
    """What the transport sees of us."""

    def connect(self, config: str = CONFIG) -> Delayed:
        world = World(config)
        protocol = world.listeners[0].buildProtocol(None)
        wire = Delayed(protocol, CLIENT, CLIENT)
        protocol.makeConnection(wire)
        return wire

    def test_interfaces(self) -> None:
        """It is a protocol and its transport's producer."""
        protocol = self.connect().protocol
        verifyObject(IProtocol, protocol)
        verifyObject(IPushProducer, protocol)
        protocol.connectionMade()
        protocol.stopProducing()
        self.assertEqual(protocol.state, 0)

    def test_no_delay(self) -> None:
        """``tcp_nodelay`` is on unless the default server says otherwise; a transport without it is left alone."""
        self.assertEqual(self.connect().no_delay, True)
        self.assertEqual(self.connect("tcp_nodelay off;" + CONFIG).no_delay, False)
        World(CONFIG).client()

    def test_one_write(self) -> None:
        """An answer of ours is one write."""
        wire = self.connect()
        wire.say(get("/echo"))
        self.assertEqual((len(wire.writes), head(wire.got)[2]), (1, b"/echo"))

    def test_lost_twice(self) -> None:
        """A connection is lost once, whatever the transport tells."""
        world = World(CONFIG)
        client = world.client()
        client.hang_up()
        client.protocol.connectionLost(None)
        self.assertEqual(world.plane.counters.active, 0)

    def test_a_transport_that_delivers_at_once(self) -> None:
        """Reading that resumes in the midst of an answer neither nests nor mixes up requests."""
        world = World(CONFIG)
        client = world.client()
        client.say(get("/"))
        for number in range(3000):
            client.say(get(f"/echo/{number}"))
        client.high = 10**9
        world.servers[0].say(EMPTY)
        bodies = [part.rpartition(b"\r\n\r\n")[2] for part in client.read().split(b"HTTP/1.1 ")[1:]]
        self.assertEqual(bodies, [b"", *(b"/echo/%d" % number for number in range(3000))])

    def test_nothing_left_for_the_collector(self) -> None:
        """What a connection consists of is freed as it ends, by counting references alone."""

        def there() -> int:
            return sum(
                isinstance(found, ClientConnection | Exchange | Forwarding) for found in gc.get_objects()
            )

        world = World(CONFIG)
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        before = there()
        client = world.client()
        client.say(get("/"))
        world.servers[0].say(EMPTY)
        self.assertEqual(there(), before + 3)
        client.hang_up()
        client.protocol = client._producer = None
        self.assertEqual(there(), before)
