"""Answers passed on: every way of framing a body, and what becomes of the head."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.forward.faults import Fault
from dyups.proxy.forward.relay import Relay
from tests.proxy.conversation import Wire, World, head, unrest

HTTP = """
upstream one { server 127.0.0.1:9001; }
server {
    listen 8080;
    location / { proxy_pass http://one; }
    location /quiet { server_tokens off; proxy_pass http://one; }
}
"""
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"

#: (what it is, the request's method and version, the answer, what the client has as body, is the link used again)
ANSWERS = (
    ("length", b"GET", b"1.1", OK + b"Content-Length: 5\r\n\r\nhello", b"hello", True),
    ("no length at all", b"GET", b"1.1", OK + b"Content-Length: 0\r\n\r\n", b"", True),
    (
        "chunked",
        b"GET",
        b"1.1",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nT: v\r\n\r\n",
        b"hello",
        True,
    ),
    ("chunked, empty", b"GET", b"1.1", OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"", True),
    (
        "chunked, in capitals",
        b"GET",
        b"1.1",
        OK + b"TRANSFER-ENCODING: CHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"hello",
        True,
    ),
    ("until close", b"GET", b"1.1", OK + b"\r\nhello", b"hello", False),
    ("HTTP/1.0 until close", b"GET", b"1.1", b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello", False),
    (
        "HTTP/1.0 with length",
        b"GET",
        b"1.1",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
        False,
    ),
    (
        "HTTP/1.0 kept",
        b"GET",
        b"1.1",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
        True,
    ),
    ("closing", b"GET", b"1.1", OK + b"Connection: close\r\nContent-Length: 5\r\n\r\nhello", b"hello", False),
    ("old client, length", b"GET", b"1.0", OK + b"Content-Length: 5\r\n\r\nhello", b"hello", True),
    (
        "old client, chunked",
        b"GET",
        b"1.0",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        b"hello",
        True,
    ),
    ("old client, until close", b"GET", b"1.0", OK + b"\r\nhello", b"hello", False),
    ("HEAD with length", b"HEAD", b"1.1", OK + b"Content-Length: 5\r\n\r\n", b"", True),
    ("HEAD chunked", b"HEAD", b"1.1", OK + b"Transfer-Encoding: chunked\r\n\r\n", b"", True),
    ("HEAD of neither", b"HEAD", b"1.1", OK + b"\r\n", b"", True),
    ("204", b"GET", b"1.1", b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
    ("304", b"GET", b"1.1", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: x\r\n\r\n", b"", True),
    (
        "interim first",
        b"GET",
        b"1.1",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nhi",
        b"hi",
        True,
    ),
    (
        "interim with fields",
        b"GET",
        b"1.1",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
        + OK
        + b"Content-Length: 2\r\n\r\nhi",
        b"hi",
        True,
    ),
    ("bare line feeds", b"GET", b"1.1", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", b"hi", True),
    ("no reason", b"GET", b"1.1", b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nhi", b"hi", True),
)


def body_of(answer: bytes) -> bytes:
    """The body of an answer to an HTTP/1.1 client, chunks taken away."""
    _, fields, body = head(answer)
    if fields.get("transfer-encoding") != "chunked":
        return body
    whole = b""
    while True:
        size, _, body = body.partition(b"\r\n")
        number = int(size, 16)
        if not number:
            assert body == b"\r\n", body
            return whole
        whole += body[:number]
        assert body[number : number + 2] == b"\r\n"
        body = body[number + 2 :]


class FramingTests(SynchronousTestCase):
    """Each answer arrives whole, however it comes in."""

    def run_one(self, method: bytes, version: bytes, pieces: list[bytes], closes: bool) -> tuple[World, Wire]:
        """A world after the answer in ``pieces``, and the client."""
        world = World(HTTP)
        client = world.client()
        client.say(b"%b / HTTP/%b\r\nHost: a\r\n\r\n" % (method, version))
        (server,) = world.servers
        for piece in pieces:
            server.say(piece)
        if closes:
            server.hang_up()
        return world, client

    def ends(self, name: str) -> bool:
        return "until close" in name

    def test_at_once(self) -> None:
        """Whole in one read: one write to the client."""
        for name, method, version, answer, body, kept in ANSWERS:
            world, client = self.run_one(method, version, [answer], self.ends(name))
            if not self.ends(name):
                self.assertEqual(len(client.writes), 1, name)
            self.assertEqual(body_of(client.read()), body, name)
            self.assertEqual(len(world.upstreams.find("one").peers[0].idle or ()), int(kept), name)
            self.assertEqual(unrest(world), [], name)

    def test_byte_by_byte(self) -> None:
        """One byte in each read."""
        for name, method, version, answer, body, kept in ANSWERS:
            pieces = [answer[at : at + 1] for at in range(len(answer))]
            world, client = self.run_one(method, version, pieces, self.ends(name))
            self.assertEqual(body_of(client.read()), body, name)
            self.assertEqual(len(world.upstreams.find("one").peers[0].idle or ()), int(kept), name)
            self.assertEqual(unrest(world), [], name)

    def test_with_more_behind(self) -> None:
        """Bytes left over are dropped, and the connection they came on is not used again."""
        for name, method, version, answer, body, _ in ANSWERS:
            if self.ends(name):
                continue
            for pieces in (
                [answer + b"HTTP/1.1 200 OK\r\n"],
                [answer[:-1], answer[-1:] + b"x"],
                [answer, b"x"],
            ):
                world, client = self.run_one(method, version, pieces, False)
                self.assertEqual(body_of(client.read()), body, name)
                self.assertFalse(world.upstreams.find("one").peers[0].idle, name)
                self.assertTrue(world.servers[0].closing, name)
                self.assertEqual(unrest(world), [], name)

    def test_client_kept(self) -> None:
        """The client's connection stays where it can tell where the answer ends."""
        for name, method, version, answer, _, _ in ANSWERS:
            _, client = self.run_one(method, version, [answer], self.ends(name))
            _, fields, _ = head(client.read())
            self.assertEqual(client.closed, version == b"1.0", name)
            self.assertEqual(fields["connection"], "close" if version == b"1.0" else "keep-alive", name)

    @given(st.sampled_from(ANSWERS), st.lists(st.integers(1, 40), max_size=12))
    @settings(deadline=None, max_examples=60)
    def test_in_any_pieces(
        self, case: tuple[str, bytes, bytes, bytes, bytes, bool], sizes: list[int]
    ) -> None:
        """Cut anywhere, the client has the same."""
        name, method, version, answer, body, _ = case
        pieces: list[bytes] = []
        rest = answer
        for size in sizes:
            pieces.append(rest[:size])
            rest = rest[size:]
        world, client = self.run_one(
            method, version, [piece for piece in (*pieces, rest) if piece], self.ends(name)
        )
        self.assertEqual(body_of(client.read()), body)
        self.assertEqual(unrest(world), [])

    def test_old_client_keeps(self) -> None:
        """An HTTP/1.0 client that asks for it is kept where there is a length, and only there."""
        for answer, kept in (
            (OK + b"Content-Length: 2\r\n\r\nhi", True),
            (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", False),
        ):
            world = World(HTTP)
            client = world.client()
            client.say(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            world.servers[0].say(answer)
            _, fields, body = head(client.read())
            self.assertEqual((body, client.closed), (b"hi", not kept))
            self.assertNotIn("transfer-encoding", fields)


class HeadTests(SynchronousTestCase):
    """The head of an answer on its way."""

    def fields(self, lines: bytes, path: bytes = b"/") -> tuple[bytes, dict[str, str]]:
        """The head that the client gets for an answer with ``lines``."""
        world = World(HTTP)
        client = world.client()
        client.say(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path)
        world.servers[0].say(b"HTTP/1.1 200 Fine\r\n%bContent-Length: 0\r\n\r\n" % lines)
        answer = client.read()
        return answer, head(answer)[1]

    def test_our_own(self) -> None:
        """Server and Date are ours, each once, first, with or without the version."""
        lines = b"Server: theirs\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
        answer, fields = self.fields(lines)
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 Fine\r\nServer: dyups/"))
        self.assertEqual(fields["date"], "Sun, 09 Sep 2001 01:46:40 GMT")
        self.assertEqual((answer.count(b"Server:"), answer.count(b"Date:")), (1, 1))
        self.assertEqual(self.fields(lines, b"/quiet")[1]["server"], "dyups")

    def test_removed(self) -> None:
        """Fields for the next hop, and those meant for the proxy, go no further."""
        for name in (
            "Keep-Alive",
            "Proxy-Connection",
            "Trailer",
            "Upgrade",
            "X-Pad",
            "X-Accel-Redirect",
            "X-Accel-Expires",
            "X-Accel-Buffering",
            "X-Accel-Charset",
            "X-Accel-Limit-Rate",
        ):
            _, fields = self.fields(f"{name}: theirs\r\n".encode())
            self.assertNotIn(name.lower(), fields)

    def test_named_by_connection(self) -> None:
        """What ``Connection`` names goes no further; Content-Length cannot be named away."""
        _, fields = self.fields(b"X-A: 1\r\nConnection: x-a, X-B, content-length\r\nX-B: 2\r\nX-C: 3\r\n")
        self.assertNotIn("x-a", fields)
        self.assertNotIn("x-b", fields)
        self.assertEqual((fields["x-c"], fields["content-length"]), ("3", "0"))
        self.assertEqual(fields["connection"], "keep-alive")

    def test_as_it_was(self) -> None:
        """The rest passes in order, names as they were written, repeats and all."""
        answer, _ = self.fields(b"Set-Cookie: a=1\r\nx-oDD: v\r\nSet-Cookie: b=2\r\nEmpty:\r\n")
        self.assertIn(b"\r\nSet-Cookie: a=1\r\nx-oDD: v\r\nSet-Cookie: b=2\r\nEmpty: \r\n", answer)

    def test_no_length_of_no_content(self) -> None:
        """204 loses its Content-Length (RFC 9110 section 8.6), 304 and HEAD keep theirs."""
        for request, status, kept in (
            (GET, b"204 No Content", False),
            (GET, b"304 Not Modified", True),
            (GET.replace(b"GET", b"HEAD"), b"200 OK", True),
        ):
            world = World(HTTP)
            client = world.client()
            client.say(request)
            world.servers[0].say(b"HTTP/1.1 %b\r\nContent-Length: 7\r\n\r\n" % status)
            self.assertEqual("content-length" in head(client.read())[1], kept)


class EndTests(SynchronousTestCase):
    """Answers that do not end well."""

    def begin(self, answer: bytes, request: bytes = GET) -> tuple[World, Wire, Wire]:
        """The client has the beginning of an answer."""
        world = World(HTTP)
        client = world.client()
        client.say(request)
        world.servers[0].say(answer)
        return world, client, world.servers[0]

    def test_cut_off(self) -> None:
        """A server that closes within a body: the client sees that it is not whole, and nobody is blamed."""
        for answer in (
            OK + b"Content-Length: 10\r\n\r\nhalf",
            OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
            OK + b"Transfer-Encoding: chunked\r\n\r\n8\r\nhalf",
        ):
            world, client, server = self.begin(answer)
            server.hang_up()
            got = client.read()
            self.assertIn(b"half", got)
            self.assertNotIn(b"0\r\n\r\n", got.partition(b"\r\n\r\n")[2])
            self.assertTrue(client.closed)
            self.assertEqual(world.upstreams.find("one").peers[0].fails, 0)
            self.assertEqual(unrest(world), [])

    def test_reset_is_no_end(self) -> None:
        """A body that ends with the connection is not whole if the connection was reset (RFC 9112 section 8)."""
        world, client, server = self.begin(OK + b"\r\nhalf")
        server.hang_up(clean=False)
        self.assertNotIn(b"0\r\n\r\n", client.read().partition(b"\r\n\r\n")[2])
        self.assertTrue(client.closed)
        self.assertEqual(unrest(world), [])

    def test_bad_chunk(self) -> None:
        """Chunks that are none: at the head it is 502, later the answer is cut."""
        world, client, _ = self.begin(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n")
        self.assertEqual(head(client.read())[0], 502)
        self.assertEqual(unrest(world), [])
        world, client, server = self.begin(OK + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        server.say(b"zz\r\n")
        self.assertTrue(client.closed)
        self.assertTrue(server.closing)
        self.assertEqual(unrest(world), [])

    def test_silent_within_body(self) -> None:
        """``proxy_read_timeout`` runs between two reads of the body."""
        world, client, server = self.begin(OK + b"Content-Length: 100\r\n\r\nhalf")
        for _ in range(3):
            world.pass_time(50)
            server.say(b"more")
        self.assertFalse(client.closed)
        world.pass_time(63)
        self.assertTrue(client.closed)
        self.assertTrue(server.closing)
        self.assertEqual(unrest(world), [])

    def test_pipelined(self) -> None:
        """The next request is asked when the answer before it is whole."""
        world, client, server = self.begin(OK + b"Content-Length: 4\r\n\r\nfi", GET * 2)
        self.assertEqual(server.read().count(b"GET"), 1)
        server.say(b"ve")
        self.assertEqual(server.read().count(b"GET"), 1)
        server.say(OK + b"Content-Length: 0\r\n\r\n")
        self.assertEqual(client.read().count(b"HTTP/1.1 200 OK"), 2)
        self.assertEqual(unrest(world), [])


class AloneTests(SynchronousTestCase):
    """A relay without an attempt around it."""

    def test_cannot_retry(self) -> None:
        """It says so if it is asked what only an attempt can do."""
        world = World(HTTP)
        world.client()
        (timed,) = world.deadlines._timed
        relay = Relay(timed)  # type: ignore[arg-type]
        self.assertRaises(RuntimeError, relay.failed, Fault.CLOSED)
        self.assertRaises(RuntimeError, relay.passes_over, Fault.HTTP_500)
