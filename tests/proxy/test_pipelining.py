"""Many requests on one connection: in order, without nesting, and in bounded memory."""

from __future__ import annotations

import sys

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.downstream import MOST_AHEAD
from tests.proxy.conversation import Wire, World, get, head, replies

CONFIG = """
upstream one { server 127.0.0.1:9001; }
keepalive_requests 100000;
server { listen 8080;
    location / { proxy_pass http://one; }
    location /echo { return 200 "$uri"; }
    location /big { echo -n BIG; }
}
""".replace("BIG", " ".join(["x" * 2500] * 4))


def answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def stream(count: int) -> bytes:
    """``count`` requests, every third with a body, of length or chunked in turn."""
    out = []
    for number in range(count):
        if number % 3:
            out.append(get(f"/echo/{number}"))
        elif number % 2:
            out.append(get(f"/echo/{number}", "one", "Content-Length: 5", method="POST") + b"GET /")
        else:
            body = b"5\r\nGET /\r\n0\r\n\r\n"
            out.append(get(f"/echo/{number}", "one", "Transfer-Encoding: chunked", method="POST") + body)
    return b"".join(out)


class PipelineTests(SynchronousTestCase):
    """Requests that come before the last one is answered."""

    def test_ten_thousand(self) -> None:
        """10,000 requests in one read are answered in order, at the depth of one."""
        world = World(CONFIG, high=10**9)
        client = world.client(high=10**9)
        depth = sys.getrecursionlimit()
        sys.setrecursionlimit(_depth() + 200)
        try:
            client.say(stream(10_000))
        finally:
            sys.setrecursionlimit(depth)
        bodies = [body for _, _, body in replies(client.read())]
        self.assertEqual(bodies, [b"/echo/%d" % number for number in range(10_000)])
        self.assertFalse(client.closed)

    def test_told(self) -> None:
        """``$pipe`` tells requests that came before the answer to the one before them."""
        world = World("server { listen 8080; location / { return 200 $pipe; } }")
        client = world.client()
        client.say(get("/") + get("/") + get("/")[:10])
        client.say(get("/")[10:])
        client.say(get("/"))
        self.assertEqual([body for _, _, body in replies(client.read())], [b".", b"p", b"p", b"."])

    def test_forwarded(self) -> None:
        """A server is asked one request after the other; the answers come in order."""
        world = World(CONFIG)
        client = world.client()
        client.say(b"".join(get(path) for path in ("/1", "/2", "/echo/3", "/4")))
        server: Wire = world.servers[0]
        for path in (b"/1", b"/2", b"/4"):
            self.assertEqual(server.read().split(b" ")[1], path)
            server.say(answer(path))
        self.assertEqual(len(world.servers), 1)
        self.assertEqual([body for _, _, body in replies(client.read())], [b"/1", b"/2", b"/echo/3", b"/4"])

    def test_refused_servers(self) -> None:
        """A run of requests that nobody can serve does not nest either, not even a thousand."""
        world = World("server { listen 8080; location / { proxy_pass http://$host; } }")
        client = world.client(high=10**9)
        client.say(get() * 1000)
        self.assertEqual([status for status, _, _ in replies(client.read())], [502] * 1000)

    def test_close_in_between(self) -> None:
        """After ``Connection: close`` nothing that follows is served."""
        client = World(CONFIG).client()
        client.say(get("/echo/1") + get("/echo/2", "one", "Connection: close") + get("/echo/3"))
        self.assertEqual([body for _, _, body in replies(client.read())], [b"/echo/1", b"/echo/2"])
        self.assertTrue(client.write_closed)

    def test_nonsense_in_between(self) -> None:
        """Good requests before nonsense are answered, then comes 400 and the end."""
        client = World(CONFIG).client()
        client.say(get("/echo/1") + b"nonsense\r\n\r\n" + get("/echo/3"))
        self.assertEqual([status for status, _, _ in replies(client.read())], [200, 400])
        client.say(get("/echo/4"))
        self.assertEqual(client.got, b"")

    def test_after_head(self) -> None:
        """400 after a HEAD has its page: it is another request's answer."""
        client = World(CONFIG).client()
        client.say(get("/echo/1", method="HEAD"))
        client.read()
        client.say(b"nonsense\r\n\r\n")
        self.assertIn(b"<h1>400 Bad Request</h1>", client.read())

    @settings(deadline=None, max_examples=40)
    @given(st.lists(st.integers(1, 60), max_size=30))
    def test_any_pieces(self, sizes: list[int]) -> None:
        """The same stream cut anywhere gives the same answers."""
        data = stream(9)
        client = World(CONFIG).client()
        for size in sizes:
            client.say(data[:size])
            data = data[size:]
        if data:
            client.say(data)
        bodies = [body for _, _, body in replies(client.read())]
        self.assertEqual(bodies, [b"/echo/%d" % number for number in range(9)])

    def test_byte_by_byte(self) -> None:
        """Even byte by byte."""
        client = World(CONFIG).client()
        for byte in stream(7):
            client.say(bytes([byte]))
        bodies = [body for _, _, body in replies(client.read())]
        self.assertEqual(bodies, [b"/echo/%d" % number for number in range(7)])

    def test_empty_lines(self) -> None:
        """Empty lines between requests do not count (RFC 9112 section 2.2)."""
        client = World(CONFIG).client()
        client.say(b"\r\n\r\n\n" + get("/echo/1") + b"\r\n" + get("/echo/2") + b"\r\n")
        client.say(b"\r\n" + get("/echo/3"))
        self.assertEqual(len(replies(client.read())), 3)


class PressureTests(SynchronousTestCase):
    """A client that asks and does not read."""

    def held(self, client: Wire) -> int:
        return len(client.protocol._ahead)

    def test_answers_wait(self) -> None:
        """Once the transport is full no further request is served, and soon nothing more is read."""
        client = World(CONFIG).client(high=65536)
        for _ in range(2000):
            client.say(get("/big") * 10)
        self.assertLess(len(client.got), 65536 + 20_000)
        self.assertLess(self.held(client), MOST_AHEAD + 2000)
        self.assertFalse(client.reading)
        self.assertGreater(len(client._waiting), 1000)

    def test_goes_on(self) -> None:
        """When it reads, all that waited is answered, and nothing is lost."""
        client = World(CONFIG).client(high=65536)
        for _ in range(300):
            client.say(get("/big") * 10)
        count = 0
        while client.got:
            count += len(replies(client.read()))
        self.assertEqual(count, 3000)
        self.assertTrue(client.reading)

    def test_one_huge_read(self) -> None:
        """What came in one read waits too, served piece by piece as the client reads."""
        client = World(CONFIG).client(high=65536)
        client.say(get("/big") * 3000)
        self.assertLess(len(client.got), 65536 + 20_000)
        client.say(get("/echo/last"))
        self.assertFalse(client.reading)
        bodies = []
        while client.got:
            bodies += [body for _, _, body in replies(client.read())]
        self.assertEqual((len(bodies), bodies[-1]), (3001, b"/echo/last"))

    def test_behind_a_slow_server(self) -> None:
        """Requests behind one that a server has not answered yet wait in bounded memory, and come in order."""
        world = World(CONFIG)
        client = world.client()
        client.say(get("/first"))
        for _ in range(2000):
            client.say(get("/echo/x") * 5)
        self.assertLess(self.held(client), MOST_AHEAD + 1000)
        self.assertFalse(client.reading)
        world.servers[0].say(answer(b"first"))
        bodies = []
        while client.got:
            bodies += [body for _, _, body in replies(client.read())]
        self.assertEqual((len(bodies), bodies[0], bodies[-1]), (10_001, b"first", b"/echo/x"))

    def test_a_long_body_comes_whole(self) -> None:
        """A request whose body is more than what may come ahead gets all of it once its turn has come."""
        for framing in ("Content-Length: 200000", "Transfer-Encoding: chunked"):
            world = World(CONFIG, high=10**9)
            client = world.client()
            client.say(get("/slow"))
            data = (
                b"x" * 200_000
                if "Length" in framing
                else b"186a0\r\n%b\r\n" % (b"x" * 100_000) * 2 + b"0\r\n\r\n"
            )
            client.say(get("/long", "one", framing, method="POST"))
            for at in range(0, len(data), 50_000):
                client.say(data[at : at + 50_000])
            self.assertFalse(client.reading)
            world.servers[0].say(answer(b"slow"))
            server = world.servers[-1]
            heard = b""
            while piece := server.read():
                heard += piece
            self.assertEqual(heard.count(b"x"), 200_000)
            server.say(answer(b"long"))
            self.assertEqual([body for _, _, body in replies(client.read())], [b"slow", b"long"])

    def test_a_long_head_comes_whole(self) -> None:
        """A head longer than what may wait is no reason to stop reading."""
        world = World("large_client_header_buffers 4 200k;" + CONFIG)
        client = world.client()
        request = get("/echo/x", "one", "X-Long: " + "x" * 150_000)
        for start in range(0, len(request), 10_000):
            client.say(request[start : start + 10_000])
        self.assertEqual(head(client.read())[0], 200)

    def test_blocked_between(self) -> None:
        """The keep-alive limit does not run while the answer is still going out."""
        world = World("keepalive_timeout 5s; send_timeout 20s;" + CONFIG)
        client = world.client(high=5000)
        client.say(get("/big"))
        world.pass_time(15)
        self.assertFalse(client.closed)
        client.read()
        world.pass_time(4)
        self.assertFalse(client.closed)
        world.pass_time(3)
        self.assertTrue(client.closed)


def _depth() -> int:
    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1  # type: ignore[assignment]
    return depth
