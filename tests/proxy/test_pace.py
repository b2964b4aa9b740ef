"""A client's connection: pace both ways, and its end."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.pace import ClientPace, ignore
from tests.proxy.conversation import CLIENT, Wire, World, get, head

CONFIG = """
upstream one { server 127.0.0.1:9001; }
server { listen 8080; server_name name; location / { proxy_pass http://one; } location /echo { return 200 x; } }
"""


class PaceTests(SynchronousTestCase):
    """Back-pressure both ways."""

    def setUp(self) -> None:
        self.world = World(CONFIG, high=1000)
        self.client = self.world.client(high=1000)

    def test_slow_client(self) -> None:
        """A client that takes no more holds the server back, and only as long."""
        self.client.say(get("/"))
        (server,) = self.world.servers
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 1000)
        self.assertFalse(server.reading)
        for _ in range(98):
            server.say(b"x" * 1000)
        self.assertLess(len(self.client.got), 3000)
        total = 0
        while self.client.got:
            total += len(self.client.read())
        self.assertGreater(total, 99_000)
        self.assertTrue(server.reading)

    def test_slow_server(self) -> None:
        """A server that takes no more holds the client back."""
        self.client.say(get("/", "one", "Content-Length: 100000", method="POST"))
        (server,) = self.world.servers
        for _ in range(100):
            self.client.say(b"x" * 1000)
        self.assertFalse(self.client.reading)
        self.assertLess(len(server.got), 3000)
        total = 0
        while server.got:
            total += len(server.read())
        self.assertGreater(total, 100_000)
        self.assertTrue(self.client.reading)

    def test_both(self) -> None:
        """One direction does not hold the other."""
        self.client.say(get("/", "one", "Content-Length: 100000", method="POST"))
        (server,) = self.world.servers
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 2000)
        self.assertFalse(server.reading)
        server.read()
        self.client.say(b"y" * 500)
        self.assertEqual(server.read(), b"y" * 500)


class EndTests(SynchronousTestCase):
    """How a connection ends."""

    def setUp(self) -> None:
        self.world = World(CONFIG)
        self.client = self.world.client()
        self.protocol = self.client.protocol

    def test_no_half_close(self) -> None:
        """A transport that cannot close its writing side alone is closed."""

        class Whole(Wire):
            loseWriteConnection: Any = None

        wire = Whole(self.world.listeners[0].buildProtocol(None), CLIENT, CLIENT)
        wire.protocol.makeConnection(wire)
        wire.say(b"nonsense\r\n\r\n")
        self.assertTrue(wire.closed)
        self.assertEqual(head(wire.got)[0], 400)

    def test_end_idle(self) -> None:
        """At the process's end an idle connection closes early; one that is at work does not."""
        busy = self.world.client()
        busy.say(get("/"))
        for client in (self.client, busy):
            client.protocol.end_idle(3.0)
        self.world.pass_time(4)
        self.assertEqual((self.client.closed, busy.closed), (True, False))

    def test_end_idle_later(self) -> None:
        """``keepalive_min_timeout``: an idle connection stays open for so long after its answer, whatever ends."""
        world = World("server { listen 8080; keepalive_min_timeout 20s; location / { return 200 x; } }")
        used, unused = world.client(), world.client()
        used.say(get("/"))
        world.pass_time(5)
        for _ in range(4):
            for client in (used, unused):
                client.protocol.end_idle(world.plane.deadlines.now + 1)
            world.pass_time(3)
        self.assertEqual((used.closed, unused.closed), (False, True))
        world.pass_time(6)
        self.assertTrue(used.closed)

    def test_end_idle_not_later_than_ever(self) -> None:
        """``keepalive_timeout`` ends an idle connection whatever its least time."""
        world = World(
            "server { listen 8080; keepalive_min_timeout 60s; keepalive_timeout 5s; location / { return 200 x; } }"
        )
        client = world.client()
        client.say(get("/"))
        client.protocol.end_idle(world.plane.deadlines.now + 1)
        world.pass_time(8)
        self.assertTrue(client.closed)

    def test_parts(self) -> None:
        """Pace alone is no connection, and what is written to a closed one is nobody's."""
        self.assertRaises(RuntimeError, ClientPace(self.world.plane, self.world.listeners[0].routes)._next)
        self.assertIsNone(ignore(b"x"))
