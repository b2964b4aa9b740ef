"""Where a request ends: what two readers could understand differently is refused and reaches nobody.

Request smuggling lives on such differences; each row of :data:`AMBIGUOUS` is one of its ways.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, get, head, replies

CONFIG = """
upstream one { server 127.0.0.1:9001; }
server { listen 8080; location / { proxy_pass http://one; } location /echo { return 200 "$uri"; } }
"""

HOST = b"Host: one\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: one\r\n\r\n"

#: (lines after the request line, what follows the head)
AMBIGUOUS = [
    (HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n", b"abcdef"),
    (HOST + b"Content-Length: 5\r\nContent-Length: 5\r\n", b"abcde"),
    (HOST + b"Content-Length: 5, 5\r\n", b"abcde"),
    (HOST + b"Content-Length: +5\r\n", b"abcde"),
    (HOST + b"Content-Length: -5\r\n", b"abcde"),
    (HOST + b"Content-Length: 0x5\r\n", b"abcde"),
    (HOST + b"Content-Length: 5 5\r\n", b"abcde"),
    (HOST + b"Content-Length: 5_0\r\n", b"abcde"),
    (HOST + b"Content-Length: \r\n", b"abcde"),
    (HOST + b"Content-Length: 99999999999999999999\r\n", b"abcde"),
    (HOST + "Content-Length: ٥\r\n".encode(), b"abcde"),
    (HOST + b"Content-Length: 5\r\n" + CHUNKED, b"0\r\n\r\n" + SMUGGLED),
    (HOST + CHUNKED + b"Content-Length: 5\r\n", b"0\r\n\r\n" + SMUGGLED),
    (HOST + CHUNKED + CHUNKED, b"0\r\n\r\n"),
    (HOST + b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"),
    (HOST + b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    (HOST + b"Transfer-Encoding: chunkedx\r\n", b"0\r\n\r\n"),
    (HOST + b"Transfer-Encoding: chunked;q=1\r\n", b"0\r\n\r\n"),
    (HOST + b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
    (HOST + b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n"),
    (HOST + b"Transfer-Encoding: \r\n", b"0\r\n\r\n"),
    (HOST + b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
    (HOST + b"Content-Length : 5\r\n", b"abcde"),
    (HOST + b"Content-Length\t: 5\r\n", b"abcde"),
    (HOST + b" Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    (b"X: y\r\n Content-Length: 5\r\n" + HOST, b"abcde"),
    (b"X: y\r\n\tfolded\r\n" + HOST, b""),
    (HOST + b"X: a\rContent-Length: 5\r\n", b"abcde"),
    (HOST + b"X: a\x00b\r\n", b""),
    (HOST + b"X\x00: b\r\n", b""),
    (HOST + b"X Y: b\r\n", b""),
    (HOST + b"no colon\r\n", b""),
    (HOST + b": no name\r\n", b""),
    (HOST + HOST, b""),
    (HOST + b"Host: two\r\n", b""),
    (b"", b""),
    (b"Host: \r\n", b""),
    (b"Host: one two\r\n", b""),
    (b"Host: one/two\r\n", b""),
    (b"Host: one@two\r\n", b""),
    (b"Host: [::1\r\n", b""),
    (HOST + CHUNKED, b"5\nabcde\r\n0\r\n\r\n"),
    (HOST + CHUNKED, b"5\r\nabcde0\r\n\r\n"),
    (HOST + CHUNKED, b"5\r\nabcdefg\r\n0\r\n\r\n"),
    (HOST + CHUNKED, b"5;\x00\r\nabcde\r\n0\r\n\r\n"),
    (HOST + CHUNKED, b"0x5\r\nabcde\r\n0\r\n\r\n"),
    (HOST + CHUNKED, b"+5\r\nabcde\r\n0\r\n\r\n"),
    (HOST + CHUNKED, b"-5\r\nabcde\r\n0\r\n\r\n"),
    (HOST + CHUNKED, b" 5\r\nabcde\r\n0\r\n\r\n"),
    (HOST + CHUNKED, b"\r\nabcde\r\n0\r\n\r\n"),
    (HOST + CHUNKED, b"g\r\nabcde\r\n0\r\n\r\n"),
    (HOST + CHUNKED, b"10000000000000000\r\nabcde\r\n0\r\n\r\n"),
    (HOST + CHUNKED, b"0\r\nno colon\r\n\r\n"),
]

#: (request line, status)
LINES = [
    (b"POST / HTTP/1.1 x", 400),
    (b"POST  HTTP/1.1", 400),
    (b"POST / HTTP/11", 400),
    (b"POST / HTTP/1", 400),
    (b"POST / http/1.1", 400),
    (b"post / HTTP/1.1", 400),
    (b"POST /a b HTTP/1.1", 400),
    (b"POST /\x00 HTTP/1.1", 400),
    (b"POST /\t HTTP/1.1", 400),
    (b" POST / HTTP/1.1", 400),
    (b"POST * HTTP/1.1", 400),
    (b"POST one HTTP/1.1", 400),
    (b"POST ftp://one/ HTTP/1.1", 400),
    (b"POST http:///x HTTP/1.1", 400),
    (b"POST / HTTP/2.0", 505),
    (b"CONNECT one:443 HTTP/1.1", 405),
]


class AmbiguousTests(SynchronousTestCase):
    """Refused, and nobody was dialled."""

    def refused(self, request: bytes, status: int = 400) -> None:
        for pieces in ([request], [bytes([byte]) for byte in request]):
            world = World(CONFIG)
            client = world.client()
            for piece in pieces:
                client.say(piece)
            answers = replies(client.got)
            self.assertEqual([answer[0] for answer in answers], [status], request)
            self.assertEqual(answers[0][1]["connection"], "close")
            self.assertTrue(client.write_closed, request)
            self.assertEqual([wire.got for wire in world.servers if b"smuggled" in wire.got], [])
            if pieces[0] == request:
                self.assertEqual(world.dialled, [], request)

    def test_heads_and_chunks(self) -> None:
        """400, whether it comes at once or byte by byte, and the connection ends."""
        for fields, body in AMBIGUOUS:
            with self.subTest(fields + body):
                self.refused(b"POST / HTTP/1.1\r\n" + fields + b"\r\n" + body)

    def test_request_lines(self) -> None:
        """A request line that is none, or of another protocol."""
        for line, status in LINES:
            with self.subTest(line):
                self.refused(line + b"\r\n" + HOST + b"\r\n", status)

    def test_unknown_coding(self) -> None:
        """A coding that nobody could take for ``chunked`` is 501."""
        for coding in (b"gzip", b"identity", b"gzip, chunked"):
            self.refused(b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: " + coding + b"\r\n\r\n", 501)

    def test_old_version(self) -> None:
        """HTTP/1.0 knows no transfer coding (RFC 9112 section 6.1)."""
        self.refused(b"POST / HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n")

    def test_later_chunk(self) -> None:
        """A chunk that goes wrong while the body is on its way ends both sides; the client still hears of it."""
        world = World(CONFIG)
        client = world.client()
        client.say(b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n3\r\nabc\r\n")
        (server,) = world.servers
        client.say(b"zz\r\n" + SMUGGLED)
        self.assertEqual([status for status, _, _ in replies(client.got)], [400])
        self.assertTrue(server.closed)
        self.assertNotIn(b"smuggled", server.got)

    def test_in_the_midst_of_the_answer(self) -> None:
        """A body that goes wrong while its answer is coming cuts the answer, and both connections."""
        world = World(CONFIG)
        client = world.client()
        client.say(b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n3\r\nabc\r\n")
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        client.say(b"zz\r\n" + SMUGGLED)
        self.assertTrue(client.got.endswith(b"\r\n\r\n12345"))
        self.assertTrue(client.closed and world.servers[0].closed)

    def test_after_the_answer(self) -> None:
        """A body that goes wrong after its answer ends the connection, which keeps the answer whole."""
        client = World(CONFIG).client()
        client.say(b"POST /echo HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n3\r\n")
        client.say(b"abcxx")
        self.assertEqual([body for _, _, body in replies(client.got)], [b"/echo"])
        self.assertTrue(client.write_closed)
        self.assertFalse(client.aborted)


class PlainTests(SynchronousTestCase):
    """What is odd, but means one thing to everybody."""

    def test_bare_line_feeds(self) -> None:
        """A head may end its lines with LF alone (RFC 9112 section 2.2), in part or throughout."""
        for request in (
            b"GET /echo HTTP/1.1\nHost: one\n\n",
            b"GET /echo HTTP/1.1\r\nHost: one\n\n",
            b"GET /echo HTTP/1.1\nHost: one\r\n\n",
            b"GET /echo HTTP/1.1\nHost: one\n\r\n",
        ):
            with self.subTest(request):
                client = World(CONFIG).client()
                client.say(request * 2 + get("/echo/x") + request)
                bodies = [body for _, _, body in replies(client.read())]
                self.assertEqual(bodies, [b"/echo", b"/echo", b"/echo/x", b"/echo"])

    def test_bare_head_with_body(self) -> None:
        """The body behind such a head is whole, even with empty lines in it."""
        body = b"a\n\nb\r\n\r\nc"
        world = World(CONFIG)
        client = world.client()
        client.say(b"POST / HTTP/1.1\nHost: one\nContent-Length: %d\n\n" % len(body) + body + get("/echo"))
        self.assertTrue(world.servers[0].read().endswith(b"\r\n\r\n" + body))

    def test_bare_head_before_a_long_body(self) -> None:
        """A body is no header line, however long it is before its first empty line."""
        body = b"x" * 40_000 + b"\r\n\r\n"
        world = World(CONFIG)
        world.client().say(b"POST / HTTP/1.1\nHost: one\nContent-Length: %d\n\n" % len(body) + body)
        self.assertTrue(world.servers[0].read().endswith(body))

    def test_chunked(self) -> None:
        """Chunks with extensions and a trailer arrive as chunks; the trailer stays here."""
        world = World(CONFIG)
        client = world.client()
        client.say(
            b"POST / HTTP/1.1\r\n" + HOST + CHUNKED + b"\r\n3;a=b\r\nabc\r\n00A\r\n0123456789\r\n"
            b"0\r\nX-Trailer: y\r\n\r\n" + get("/echo")
        )
        sent = world.servers[0].read()
        self.assertNotIn(b"Trailer", sent)
        self.assertTrue(sent.endswith(b"\r\n\r\nd\r\nabc0123456789\r\n0\r\n\r\n"), sent)

    def test_nothing_announced(self) -> None:
        """Without a length there is no body: what follows is the next request."""
        client = World(CONFIG).client()
        client.say(
            get("/echo/1", method="POST") + get("/echo/2", "one", "Content-Length: 0") + get("/echo/3")
        )
        self.assertEqual(
            [body for _, _, body in replies(client.read())], [b"/echo/1", b"/echo/2", b"/echo/3"]
        )

    def test_known_lines(self) -> None:
        """A line that was good before is not good in bad company."""
        world = World(CONFIG)
        good = get("/echo", "one", "Content-Length: 2", method="POST") + b"ab"
        self.assertEqual(head(world.ask(good))[0], 200)
        both = get("/echo", "one", "Content-Length: 2", "Content-Length: 2", method="POST") + b"ab"
        self.assertEqual(head(world.ask(both))[0], 400)


class VersionTests(SynchronousTestCase):
    """HTTP/1.0 and keep-alive."""

    def test_kept_or_closed(self) -> None:
        """1.1 stays open unless told otherwise, 1.0 closes unless told otherwise; ``close`` counts first."""
        for version, connection, kept in (
            ("1.1", "", True),
            ("1.1", "keep-alive", True),
            ("1.1", "close", False),
            ("1.1", "Close, keep-alive", False),
            ("1.0", "", False),
            ("1.0", "Keep-Alive", True),
            ("1.0", "keep-alive, close", False),
            ("1.9", "", True),
        ):
            with self.subTest(f"{version} {connection}"):
                client = World(CONFIG).client()
                line = f"Connection: {connection}\r\n" if connection else ""
                client.say(f"GET /echo HTTP/{version}\r\nHost: one\r\n{line}\r\n".encode())
                said = head(client.read())[1]["connection"]
                self.assertEqual((said, client.closed), ("keep-alive" if kept else "close", not kept))

    def test_limits(self) -> None:
        """``keepalive_requests`` and ``keepalive_timeout 0`` close too."""
        client = World("keepalive_requests 3;" + CONFIG).client()
        client.say(get("/echo") * 4)
        said = [fields["connection"] for _, fields, _ in replies(client.read())]
        self.assertEqual(said, ["keep-alive", "keep-alive", "close"])
        client = World("keepalive_time 0;" + CONFIG).client()
        client.say(get("/echo"))
        self.assertEqual((head(client.read())[1]["connection"], client.closed), ("close", True))
        client = World("keepalive_timeout 0;" + CONFIG).client()
        client.say(get("/echo"))
        self.assertEqual((head(client.read())[1]["connection"], client.closed), ("close", True))

    def test_draining(self) -> None:
        """A process that is to end closes each connection after its answer."""
        world = World(CONFIG)
        client = world.client()
        client.say(get("/echo"))
        world.plane.draining = True
        client.say(get("/echo"))
        said = [fields["connection"] for _, fields, _ in replies(client.read())]
        self.assertEqual((said, client.closed), (["keep-alive", "close"], True))
