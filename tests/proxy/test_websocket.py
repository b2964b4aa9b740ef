"""Tunnels: a server that switches protocols (101) and what passes then."""

from __future__ import annotations

from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import Wire, World, head, unrest

HTTP = """
upstream one { server 127.0.0.1:9001; }
server {
    listen 8080;
    location / {
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection upgrade;
        proxy_read_timeout 20s;
        proxy_send_timeout 10s;
        send_timeout 15s;
        proxy_pass http://one;
    }
    location /plain { proxy_pass http://one; }
}
"""
ASK = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket, other\r\nConnection: Upgrade\r\nSec-WebSocket-Key: k\r\n\r\n"
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s\r\n\r\n"
)


class TunnelTests(SynchronousTestCase):
    """Both sides speak as they like."""

    def setUp(self) -> None:
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def open(self, ahead: bytes = b"", behind: bytes = b"", **world: Any) -> tuple[World, Wire, Wire]:
        """A tunnel; ``ahead`` comes right after the client's head and ``behind`` right after the server's."""
        made = World(HTTP, **world)
        client = made.client(high=made.high)
        client.say(ASK + ahead)
        (server,) = made.servers
        self.asked = server.read()
        server.say(SWITCH + behind)
        return made, client, server

    def test_heads(self) -> None:
        """The client's wish is passed on as configured, and so is what the server chose of it."""
        _, client, _ = self.open()
        self.assertIn(b"\r\nUpgrade: websocket, other\r\nConnection: upgrade\r\n", self.asked)
        status, fields, body = head(client.read())
        self.assertEqual((status, body), (101, b""))
        self.assertEqual((fields["upgrade"], fields["connection"]), ("websocket", "upgrade"))
        self.assertEqual(fields["sec-websocket-accept"], "s")
        self.assertNotIn("content-length", fields)

    def test_both_ways(self) -> None:
        """Bytes pass as they are, whatever they look like."""
        _, client, server = self.open()
        client.read()
        for data in (b"\x81\x05hello", b"HTTP/1.1 200 OK\r\n\r\n", b"0\r\n\r\n", b"\r\n", b""):
            client.say(data)
            self.assertEqual(server.read(), data)
            server.say(data)
            self.assertEqual(client.read(), data)

    def test_bytes_right_behind_the_heads(self) -> None:
        """What either side sends right after its head is the tunnel's already."""
        _, client, server = self.open(ahead=b"from the client", behind=b"from the server")
        self.assertEqual(head(client.read())[2], b"from the server")
        self.assertEqual(server.read(), b"from the client")
        self.assertEqual(self.asked.partition(b"\r\n\r\n")[2], b"")

    def test_server_closes(self) -> None:
        """The server's end is the client's, after all that was said; nobody is to blame."""
        for clean in (True, False):
            world, client, server = self.open()
            server.say(b"bye")
            server.hang_up(clean)
            self.assertEqual(client.read()[-3:], b"bye")
            self.assertTrue(client.closed)
            self.assertEqual(world.upstreams.find("one").peers[0].fails, 0)
            self.assertEqual(unrest(world), [])

    def test_client_closes(self) -> None:
        """The client's end is the server's, after all that was said."""
        world, client, server = self.open()
        client.say(b"bye")
        client.hang_up()
        self.assertEqual(server.read(), b"bye")
        self.assertTrue(server.closed)
        self.assertFalse(server.aborted)
        self.assertEqual(unrest(world), [])

    def test_silence(self) -> None:
        """``proxy_read_timeout`` ends a tunnel in which nothing passes, in whichever direction."""
        world, client, server = self.open()
        for speaker in (client, server, client):
            world.pass_time(18)
            speaker.say(b"ping")
        self.assertFalse(client.closed)
        world.pass_time(23)
        client.read()
        self.assertTrue(client.closed)
        self.assertTrue(server.closed)
        self.assertIn("upstream timed out", self.events[-1]["text"])
        self.assertIn("while proxying upgraded connection", self.events[-1]["text"])
        self.assertEqual(unrest(world), [])

    def test_slow_server(self) -> None:
        """A server that takes no more holds the client back, until ``proxy_send_timeout``."""
        world, client, server = self.open(high=1000)
        client.read()
        client.say(b"x" * 2000)
        self.assertFalse(client.reading)
        server.read()
        self.assertTrue(client.reading)
        client.say(b"x" * 2000)
        world.pass_time(13)
        self.assertTrue(client.closed)
        self.assertTrue(server.aborted)
        self.assertEqual(unrest(world), [])

    def test_slow_client(self) -> None:
        """A client that takes no more holds the server back, until ``send_timeout``."""
        world, client, server = self.open(high=1000)
        client.read()
        server.say(b"x" * 2000)
        self.assertFalse(server.reading)
        client.read()
        self.assertTrue(server.reading)
        server.say(b"x" * 2000)
        world.pass_time(19)
        self.assertTrue(client.closed)
        self.assertTrue(server.closing)
        self.assertEqual(unrest(world), [])

    def test_counted(self) -> None:
        """While the tunnel is open the server is busy with one request."""
        world, _, server = self.open()
        peer = world.upstreams.find("one").peers[0]
        self.assertEqual(peer.active, 1)
        server.hang_up()
        self.assertEqual(peer.active, 0)

    def test_success_ends_failures(self) -> None:
        """A tunnel that came to be ends a run of failures."""
        world, _, server = self.open()
        peer = world.upstreams.find("one").peers[0]
        peer.fails, peer.checked = 1, peer.accessed + 1
        server.hang_up()
        self.assertEqual(peer.fails, 0)


class RefusedTests(SynchronousTestCase):
    """A server that switches when it must not."""

    def answer(self, request: bytes) -> int:
        world = World(HTTP)
        client = world.client()
        client.say(request)
        world.servers[0].say(SWITCH + b"smuggled")
        got = client.read()
        self.assertNotIn(b"smuggled", got)
        self.assertTrue(world.servers[0].closing)
        self.assertEqual(unrest(world), [])
        return head(got)[0]

    def test_unasked(self) -> None:
        """101 is 502 where the client did not ask, or asked what it may not, or we did not pass it on."""
        self.assertEqual(self.answer(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 502)
        self.assertEqual(self.answer(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"), 502)
        self.assertEqual(self.answer(ASK.replace(b"HTTP/1.1", b"HTTP/1.0")), 502)
        self.assertEqual(self.answer(ASK.replace(b"GET /", b"GET /plain")), 502)

    def test_before_the_request_is_whole(self) -> None:
        """Nobody could tell the rest of the request from the tunnel's first bytes."""
        request = ASK.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.assertEqual(self.answer(request + b"3\r\none\r\n"), 502)

    def test_server_declines(self) -> None:
        """A server that answers in plain HTTP keeps everything plain."""
        world = World(HTTP)
        client = world.client()
        client.say(ASK)
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno")
        self.assertEqual(head(client.read())[2], b"no")
        client.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertNotIn(b"Upgrade", world.servers[-1].read().rpartition(b"GET")[2])
