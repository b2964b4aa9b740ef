"""Compressed answers for clients that do not take them."""

from __future__ import annotations

import gzip

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, get, unrest
from tests.proxy.filters.test_gzipping import ASKS, body_of

HTTP = """
upstream one { server 127.0.0.1:9001; }
server { gunzip on; gzip on; gzip_vary on; location / { proxy_pass http://one; } }
"""
BODY = b"hello " * 50
PACKED = gzip.compress(BODY)
HEAD = b'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: "x"\r\nContent-Encoding: GZip\r\n'


class Unpacked(SynchronousTestCase):
    """``gunzip on``."""

    def ask(self, *fields: str, packed: bytes = PACKED) -> tuple[World, tuple[int, dict[str, str], bytes]]:
        """The answer to one request."""
        world = World(HTTP)
        client = world.client(high=1 << 30)
        client.say(get("/", "one", *fields))
        world.servers[0].say(HEAD + b"Content-Length: %d\r\n\r\n" % len(packed) + packed)
        world.clock.pump([0] * 50)
        return world, body_of(client.read())

    def test_unpacked(self) -> None:
        """Who does not ask for it gets it unpacked, once, and not byte for byte what the server's tag means."""
        world, (_, fields, body) = self.ask()
        self.assertEqual((body, fields["etag"], fields["vary"]), (BODY, 'W/"x"', "Accept-Encoding"))
        self.assertEqual(fields.keys() & {"content-length", "content-encoding"}, set())
        self.assertEqual(unrest(world), [])

    def test_asked_for(self) -> None:
        """Who asks for it gets it as it is, and compressed no second time."""
        _, (_, fields, body) = self.ask(ASKS)
        self.assertEqual((fields["content-encoding"], fields["etag"]), ("GZip", '"x"'))
        self.assertEqual((fields["content-length"], gzip.decompress(body)), (str(len(PACKED)), BODY))

    def test_much(self) -> None:
        """What unpacks to much comes whole, in pieces."""
        _, (_, _, body) = self.ask(packed=gzip.compress(b"a" * 1_000_000))
        self.assertEqual(len(body), 1_000_000)

    def test_much_for_a_slow_client(self) -> None:
        """No more is unpacked than the client takes."""
        world = World(HTTP)
        client = world.client()
        client.say(get("/", "one"))
        packed = gzip.compress(b"a" * 2_000_000)
        world.servers[0].say(HEAD + b"Content-Length: %d\r\n\r\n" % len(packed) + packed)
        world.clock.pump([0] * 50)
        self.assertLess(len(client.got), 200_000)
        found = b""
        for _ in range(100):
            found += client.read()
            world.clock.pump([0] * 3)
        self.assertEqual(len(body_of(found)[2]), 2_000_000)
        self.assertEqual(unrest(world), [])

    def test_nonsense(self) -> None:
        """What is no gzip ends the connection, so that the client does not take it for whole; so does half of it."""
        for packed in (b"x" * 50, PACKED[:-9]):
            world = World(HTTP)
            client = world.client()
            client.say(get("/", "one"))
            world.servers[0].say(HEAD + b"Content-Length: %d\r\n\r\n" % len(packed) + packed)
            self.assertFalse(client.read().endswith(b"0\r\n\r\n"))
            self.assertTrue(client.closed)
            self.assertEqual(unrest(world), [])
