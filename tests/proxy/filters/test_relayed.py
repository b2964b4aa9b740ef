"""Servers' answers, compressed on their way: every framing, streams, slow clients, ends."""

from __future__ import annotations

import zlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.http1.chunked import ChunkedReader, chunk
from tests.proxy.conversation import Wire, World, get, head, unrest
from tests.proxy.filters.test_gzipping import ASKS, body_of

HTTP = """
upstream one { server 127.0.0.1:9001; }
gzip on; gzip_types text/event-stream;
server {
    location / { proxy_pass http://one; }
    location /slow { limit_rate 1000; proxy_pass http://one; }
    location /trailers { proxy_pass_trailers on; add_trailer X-Ours a; proxy_pass http://one; }
    location /seen { add_header X-E "$sent_http_content_encoding|"; error_page 500 =200 /; proxy_pass http://one; }
}
"""
START = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
TEXT = b"hello " * 20


class Relayed(SynchronousTestCase):
    """``gzip on`` with ``proxy_pass``."""

    def begin(self, path: str = "/", *, asks: str = ASKS, high: int = 65536) -> tuple[World, Wire]:
        """A request under way."""
        world = World(HTTP)
        client = world.client(high=high)
        client.say(get(path, "one", asks))
        return world, client

    def test_framings(self) -> None:
        """However the server frames the body; its connection is used again where it can be."""
        for answer, kept in (
            (START + b"Content-Length: %d\r\n\r\n" % len(TEXT) + TEXT, True),
            (START + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(TEXT) + b"0\r\n\r\n", True),
            (START + b"\r\n" + TEXT, False),
        ):
            world, client = self.begin()
            server = world.servers[0]
            server.say(answer)
            if not kept:
                server.hang_up()
            status, fields, body = body_of(client.read())
            self.assertEqual((status, fields["content-encoding"], body), (200, "gzip", TEXT))
            self.assertEqual((server.closed, client.closed), (not kept, False))
            self.assertEqual(unrest(world), [])

    @settings(deadline=None, max_examples=50)
    @given(st.lists(st.binary(min_size=1, max_size=2000), min_size=1, max_size=6), st.booleans())
    def test_pieces(self, pieces: list[bytes], chunked: bool) -> None:
        """Whatever comes when, the client reads it at once, and all of it in the end."""
        world, client = self.begin(high=1 << 30)
        server = world.servers[0]
        size = sum(map(len, pieces))
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % max(size, 20)
        pieces[-1] += bytes(max(size, 20) - size)
        server.say(START + framing + b"\r\n\r\n")
        said = b""
        for piece in pieces:
            server.say(chunk(piece) if chunked else piece)
            said += piece
            body = ChunkedReader().feed(client.got.partition(b"\r\n\r\n")[2])
            self.assertEqual(zlib.decompressobj(31).decompress(body), said)
        if chunked:
            server.say(b"0\r\n\r\n")
        self.assertEqual(body_of(client.read())[2], said)
        self.assertEqual(unrest(world), [])

    def test_stream(self) -> None:
        """The head of a stream goes out before there is anything of its body, and each event at once."""
        world, client = self.begin()
        server = world.servers[0]
        server.say(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        _, fields, body = head(client.read())
        self.assertEqual(fields["content-encoding"], "gzip")
        reader = zlib.decompressobj(31)
        self.assertEqual(reader.decompress(ChunkedReader().feed(body)), b"")
        for event in (b"data: 1\n\n", b"data: 2\n\n"):
            server.say(event)
            self.assertEqual(reader.decompress(ChunkedReader().feed(client.read())), event)

    def test_compressed_already(self) -> None:
        """What the server compressed stays so; what has a status of its own too."""
        for answer in (
            START + b"Content-Encoding: br\r\nContent-Length: 30\r\n\r\n" + bytes(30),
            START.replace(b"200", b"206") + b"Content-Length: 30\r\n\r\n" + bytes(30),
        ):
            world, client = self.begin()
            world.servers[0].say(answer)
            self.assertTrue(
                client.read().endswith(b"Content-Length: 30\r\nConnection: keep-alive\r\n\r\n" + bytes(30))
            )

    def test_no_body(self) -> None:
        """HEAD hears what a GET would, 304 what the server says."""
        world = World(HTTP)
        client = world.client()
        client.say(get("/", "one", ASKS, method="HEAD"))
        world.servers[0].say(START + b"Content-Length: 300\r\n\r\n")
        _, fields, body = head(client.read())
        self.assertEqual((fields["content-encoding"], "content-length" in fields, body), ("gzip", False, b""))
        client.say(get("/", "one", ASKS))
        world.servers[0].say(b'HTTP/1.1 304 Not Modified\r\nContent-Type: text/html\r\nETag: "x"\r\n\r\n')
        status, fields, _ = head(client.read())
        self.assertEqual((status, fields["etag"], "content-encoding" in fields), (304, '"x"', False))
        self.assertEqual(unrest(world), [])

    def test_next_request(self) -> None:
        """A connection's next answer may be another kind."""
        world, client = self.begin()
        server = world.servers[0]
        server.say(START + b"Content-Length: %d\r\n\r\n" % len(TEXT) + TEXT)
        client.read()
        client.say(get("/", "one"))
        server.say(START + b"Content-Length: %d\r\n\r\n" % len(TEXT) + TEXT)
        self.assertTrue(client.read().endswith(TEXT))
        client.say(get("/", "one", ASKS))
        server.say(START + b"Content-Length: %d\r\n\r\n" % len(TEXT) + TEXT)
        self.assertEqual(body_of(client.read())[2], TEXT)

    def test_slow_client(self) -> None:
        """The server waits while the client takes nothing; nothing is lost."""
        world, client = self.begin(high=1000)
        server = world.servers[0]
        noise = zlib.compress(bytes(range(256)) * 2000, 9) * 60
        server.say(START + b"Content-Length: %d\r\n\r\n" % (3 * len(noise)))
        for _ in range(3):
            server.say(noise)
        self.assertFalse(server.reading)
        found = b""
        for _ in range(200):
            found += client.read()
            world.clock.pump([0] * 3)
        self.assertEqual(body_of(found)[2], noise * 3)
        self.assertEqual(unrest(world), [])

    def test_paced(self) -> None:
        """``limit_rate`` counts what is sent."""
        world, client = self.begin("/slow", high=1 << 30)
        noise = zlib.compress(bytes(range(256)) + b"x".join(b"%d" % n for n in range(3000)), 9)
        world.servers[0].say(START + b"Content-Length: %d\r\n\r\n" % len(noise) + noise)
        self.assertLessEqual(len(client.got), 1000)
        world.clock.pump([0.05] * 400)
        self.assertEqual(body_of(client.read())[2], noise)
        self.assertEqual(unrest(world), [])

    def test_client_leaves(self) -> None:
        """Nothing goes on for a client that left in the midst of it."""
        for path in ("/", "/slow"):
            world, client = self.begin(path, high=100)
            world.servers[0].say(START + b"Content-Length: 1000000\r\n\r\n" + bytes(300_000))
            client.hang_up()
            self.assertEqual(unrest(world), [])
            world.clock.pump([0.05] * 10)
            self.assertEqual([call for call in world.clock.getDelayedCalls() if call.time < 1], [])

    def test_server_fails(self) -> None:
        """Half an answer is not made whole by its coding."""
        world, client = self.begin()
        server = world.servers[0]
        server.say(START + b"Content-Length: 100\r\n\r\nhello")
        server.hang_up()
        body = client.read().partition(b"\r\n\r\n")[2]
        self.assertFalse(body.endswith(b"0\r\n\r\n"))
        self.assertEqual(zlib.decompressobj(31).decompress(ChunkedReader().feed(body)), b"hello")
        self.assertTrue(client.closed)
        self.assertEqual(unrest(world), [])

    def test_bad_chunks(self) -> None:
        """What cannot be read is answered as without compression."""
        world, client = self.begin()
        world.servers[0].say(START + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n")
        self.assertEqual(head(client.read())[0], 502)

    def test_trailers(self) -> None:
        """The server's fields behind the body, and our own, stand behind the compressed one."""
        world, client = self.begin("/trailers")
        world.servers[0].say(
            START + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(TEXT) + b"0\r\nX-Theirs: b\r\n\r\n"
        )
        self.assertTrue(client.read().endswith(b"0\r\nX-Theirs: b\r\nX-Ours: a\r\n\r\n"))

    def test_added_fields(self) -> None:
        """What is added is added before, as in nginx."""
        world, client = self.begin("/seen")
        world.servers[0].say(START + b"Content-Length: %d\r\n\r\n" % len(TEXT) + TEXT)
        _, fields, body = body_of(client.read())
        self.assertEqual((fields["x-e"], fields["content-encoding"], body), ("|", "gzip", TEXT))
