"""A connection to a server: what it makes of the server's bytes, and its life in and out of the pool."""

from __future__ import annotations

from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.forward.peerlink import GONE, IDLE, LAST_WORDS
from tests.proxy.conversation import Wire, World, head, unrest

HTTP = """
upstream one { server 127.0.0.1:9001; %s }
server { listen 8080; client_max_body_size 0; location / { proxy_pass http://one; } }
"""
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class LinkCase(SynchronousTestCase):
    """A client, a server, and the lines of the error log."""

    def setUp(self) -> None:
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def begin(self, upstream: str = "", **world: Any) -> World:
        """A world in which a client has asked."""
        self.world = World(HTTP % upstream, **world)
        self.client = self.world.client()
        self.client.say(GET)
        return self.world

    def said(self) -> str:
        """The last line of the error log."""
        return str(self.events[-1]["text"])


class HeadTests(LinkCase):
    """Heads, good and bad."""

    def test_repr(self) -> None:
        """A link says where it leads and what it is at."""
        world = self.begin()
        link = world.servers[0].protocol
        self.assertEqual(repr(link), "<PeerLink 127.0.0.1:9001 HEAD requests=1>")
        world.servers[0].say(EMPTY)
        self.assertEqual(repr(link), "<PeerLink 127.0.0.1:9001 IDLE requests=1>")

    def test_many_interim(self) -> None:
        """Thousands of interim answers in one read are passed over like one."""
        world = self.begin()
        world.servers[0].say(b"HTTP/1.1 100 Continue\r\n\r\n" * 5000)
        self.assertEqual(self.client.read(), b"")
        world.servers[0].say(b"HTTP/1.1 102 Processing\r\n\r\n" * 5000 + EMPTY)
        self.assertEqual(head(self.client.read())[0], 200)

    def test_too_big(self) -> None:
        """A head beyond the limit is 502, whether it comes in pieces or at once, ended or not."""
        big = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 4096
        for pieces in ([big], [big[:3000], big[3000:]], [big + b"\r\nContent-Length: 0\r\n\r\n"]):
            world = self.begin()
            for piece in pieces:
                world.servers[0].say(piece)
            self.assertEqual(head(self.client.read())[0], 502)
            self.assertIn("upstream sent too big header while reading response header", self.said())
            self.assertEqual(unrest(world), [])

    def test_not_too_big(self) -> None:
        """A head just within ``proxy_buffer_size`` passes; one more byte is too much."""
        start = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: "
        for size, status in ((4096, 200), (4097, 502)):
            world = self.begin()
            world.servers[0].say(start + b"x" * (size - len(start) - 4) + b"\r\n\r\n")
            self.assertEqual(head(self.client.read())[0], status, size)

    def test_bad(self) -> None:
        """What is no head, or one that two readers could frame differently, is 502 as soon as that shows."""
        for answer in (
            b"SSH-2.0-OpenSSH\r\n",
            b"H2",
            b"HTTP/2 200\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"HTTP/1.1 103 Early Hints\r\n\r\nnonsense\r\n",
        ):
            world = self.begin()
            world.servers[0].say(answer)
            self.assertEqual(head(self.client.read())[0], 502, answer)
            self.assertIn("while reading response header from upstream, client:", self.said())
            self.assertEqual(unrest(world), [])


class PoolTests(LinkCase):
    """Idle connections."""

    def kept(self, upstream: str = "", **world: Any) -> World:
        """A world with one connection in the pool."""
        made = self.begin(upstream, **world)
        made.servers[0].say(EMPTY)
        self.assertEqual(head(self.client.read())[0], 200)
        return made

    def ask(self) -> int:
        """One more request; the number of the server's connection that got it."""
        for wire in self.world.servers:
            wire.read()
        self.client.say(GET)
        (number,) = [n for n, wire in enumerate(self.world.servers) if wire.got]
        self.world.servers[number].say(EMPTY)
        self.assertEqual(head(self.client.read())[0], 200)
        self.assertEqual(unrest(self.world), [])
        return number

    def test_used_again(self) -> None:
        """The last one that was used is used next, by any client."""
        world = self.kept()
        self.client = world.client()
        self.assertEqual(self.ask(), 0)

    def test_no_keepalive(self) -> None:
        """``keepalive 0`` and ``proxy_http_version 1.0`` keep none."""
        self.kept("keepalive 0;")
        self.assertEqual(self.ask(), 1)
        self.assertTrue(self.world.servers[0].closed)

    def test_idle_timeout(self) -> None:
        """After ``keepalive_timeout`` an idle connection closes; use begins the time anew."""
        world = self.kept("keepalive_timeout 10s;")
        world.pass_time(8)
        self.ask()
        world.pass_time(8)
        self.assertFalse(world.servers[0].closing)
        world.pass_time(4)
        self.assertTrue(world.servers[0].closed)
        self.assertEqual(unrest(world), [])
        self.assertEqual(self.ask(), 1)

    def test_requests(self) -> None:
        """After ``keepalive_requests`` a connection is not kept."""
        self.kept("keepalive_requests 3;")
        self.assertEqual([self.ask() for _ in range(6)], [0, 0, 1, 1, 1, 2])

    def test_time(self) -> None:
        """After ``keepalive_time`` a connection is not kept beyond its request."""
        world = self.kept("keepalive_time 10s;")
        world.pass_time(12)
        self.assertEqual([self.ask(), self.ask()], [0, 1])
        self.assertTrue(world.servers[0].closing)

    def test_most_idle(self) -> None:
        """No more than ``keepalive`` are kept: the one longest idle makes room."""
        world = World(HTTP % "keepalive 2;")
        for _ in range(3):
            client = world.client()
            client.say(GET)
        for server in world.servers:
            server.say(EMPTY)
        self.assertEqual([server.closed for server in world.servers], [True, False, False])
        self.assertEqual(unrest(world), [])

    def test_server_closes(self) -> None:
        """A server may close an idle connection: the next request gets a fresh one."""
        world = self.kept()
        world.servers[0].hang_up()
        self.assertEqual(unrest(world), [])
        self.assertEqual(self.ask(), 1)

    def test_bytes_out_of_turn(self) -> None:
        """Bytes on an idle connection belong to nobody: it is not used again."""
        world = self.kept()
        world.servers[0].say(EMPTY)
        self.assertTrue(world.servers[0].closed)
        self.assertEqual(unrest(world), [])
        self.assertEqual(self.ask(), 1)

    def test_retired(self) -> None:
        """A server that is in no upstream any more loses its idle connections, and those in use after their request."""
        world = self.kept()
        second = world.client()
        self.client.say(GET)
        second.say(GET)
        world.servers[1].say(EMPTY)
        world.upstreams.delete("one")
        self.assertTrue(world.servers[1].closed)
        self.assertFalse(world.servers[0].closing)
        world.servers[0].say(EMPTY)
        self.assertEqual(head(self.client.read())[0], 200)
        self.assertTrue(world.servers[0].closed)
        self.assertEqual(unrest(world), [])

    def test_paused_at_the_end(self) -> None:
        """A link that was held back for a slow client reads again once it is given back."""
        world = World(HTTP % "")
        client = world.client(high=10)
        client.say(GET)
        (server,) = world.servers
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n")
        self.assertFalse(server.reading)
        server.protocol.dataReceived(b"end")  # had been read before the pause took effect
        self.assertTrue(server.reading)
        self.assertEqual(unrest(world), [])
        server.say(b"?")
        self.assertTrue(server.closed)


class ClosingTests(LinkCase):
    """How a link ends."""

    def upload(self, high: int) -> Wire:
        """A server that has 413 to say to a long upload, of which it has read nothing."""
        self.world = World(HTTP % "", high=high)
        self.client = self.world.client()
        self.client.say(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 10_000)
        (server,) = self.world.servers
        server.high = 1  # whatever it holds now keeps it from closing
        server.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(head(self.client.read())[0], 413)
        return server

    def test_last_words(self) -> None:
        """What was written still goes out before the connection closes."""
        server = self.upload(high=20_000)
        self.assertEqual((server.protocol.state, server.closing, server.closed), (GONE, True, False))
        self.assertEqual(len(server.read().partition(b"\r\n\r\n")[2]), 10_000)
        self.assertTrue(server.closed)
        self.assertEqual(unrest(self.world), [])

    def test_last_words_unheard(self) -> None:
        """A server that does not take it is not waited for for ever."""
        server = self.upload(high=20_000)
        self.world.pass_time(LAST_WORDS - 1)
        self.assertFalse(server.aborted)
        self.world.pass_time(3)
        self.assertTrue(server.aborted)
        self.assertEqual(unrest(self.world), [])

    def test_blocked(self) -> None:
        """A server that has stopped reading is reset at once."""
        server = self.upload(high=5_000)
        self.assertTrue(server.aborted)
        self.assertEqual(unrest(self.world), [])

    def test_late_bytes(self) -> None:
        """What comes after the end means nothing."""
        world = self.begin()
        link = world.servers[0].protocol
        self.client.hang_up()
        link.dataReceived(EMPTY)
        link.resumeProducing()
        link.pauseProducing()
        link.stopProducing()
        self.assertEqual(link.state, GONE)
        self.assertEqual(unrest(world), [])

    def test_reset(self) -> None:
        """A reset is told from an orderly end in the error log."""
        for clean, words in (
            (True, "upstream prematurely closed connection while reading response header from upstream"),
            (
                False,
                "recv() failed (104: Connection reset by peer) while reading response header from upstream",
            ),
        ):
            world = self.begin()
            world.servers[0].hang_up(clean)
            self.assertEqual(head(self.client.read())[0], 502)
            self.assertIn(words, self.said())

    def test_state_while_idle(self) -> None:
        """An idle link belongs to nobody."""
        world = self.begin()
        world.servers[0].say(EMPTY)
        link = world.servers[0].protocol
        self.assertEqual((link.state, link.forwarding), (IDLE, None))
