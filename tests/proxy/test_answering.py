"""A client's connection, the half that gives out: what follows an answer, pace, and what is said of the client."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.errors import RequestRefused
from dyups.proxy.answering import ClientAnswers
from tests.proxy.conversation import World, complaints, get, head

CONFIG = """
upstream one { server 127.0.0.1:9001; }
server { listen 8080; server_name name; location / { proxy_pass http://one; } location /echo { return 200 x; } }
"""


class AnswerTests(SynchronousTestCase):
    """The seam that servings drive."""

    def setUp(self) -> None:
        self.world = World(CONFIG)
        self.client = self.world.client()
        self.protocol = self.client.protocol

    def test_close_after(self) -> None:
        """Who asks for it has the connection closed after the answer, and told so."""
        self.client.say(get("/"))
        self.protocol.close_after()
        self.world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(head(self.client.read())[1]["connection"], "close")
        self.assertTrue(self.client.closed)

    def test_browsers(self) -> None:
        """``keepalive_disable``: connections of some browsers close; by default MSIE 6's after a POST."""
        msie, safari = "User-Agent: x (MSIE 6.0; y)", "User-Agent: (Mac OS X) Safari/1"
        post = (msie, "Content-Length: 0")
        for said, asked, expected in (
            ("", get("/echo", "x", *post, method="POST"), "close"),
            ("", get("/echo", "x", msie), "keep-alive"),
            ("", get("/echo", "x", safari), "keep-alive"),
            ("", get("/echo", "x", "Content-Length: 0", method="POST"), "keep-alive"),
            ("keepalive_disable none;", get("/echo", "x", *post, method="POST"), "keep-alive"),
            ("keepalive_disable safari;", get("/echo", "x", *post, method="POST"), "keep-alive"),
            ("keepalive_disable safari;", get("/echo", "x", safari), "close"),
            ("keepalive_disable safari msie6;", get("/echo", "x", *post, method="POST"), "close"),
        ):
            answer = World(f"server {{ listen 8080; {said} location / {{ return 200 x; }} }}").ask(asked)
            self.assertEqual(head(answer)[1]["connection"], expected, (said, asked))

    def test_refuse(self) -> None:
        """A refusal is an error page, and the connection goes on."""
        self.client.say(get("/"))
        self.world.servers[0].hang_up()
        self.assertEqual(head(self.client.read())[0], 502)
        self.client.say(get("/echo"))
        self.assertEqual(head(self.client.read())[0], 200)

    def test_cut(self) -> None:
        """An answer that cannot be completed ends with the connection, after what was written of it."""
        self.client.say(get("/"))
        self.world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        self.world.servers[0].hang_up()
        self.assertTrue(self.client.closed)
        self.assertTrue(self.client.got.endswith(b"12345"))

    def test_addresses(self) -> None:
        """Both ends, asked of the transport once."""
        asked: list[str] = []
        peer, host = self.client.getPeer, self.client.getHost
        wire: Any = self.client
        wire.getPeer = lambda: asked.append("peer") or peer()  # type: ignore[func-returns-value]
        wire.getHost = lambda: asked.append("host") or host()  # type: ignore[func-returns-value]
        for _ in range(3):
            self.assertEqual(self.protocol.client_address(), (b"192.0.2.7", 54321))
            self.assertEqual(self.protocol.local_address(), (b"127.0.0.1", 8080))
        self.assertEqual(asked, ["peer", "host"])

    def test_half_a_connection(self) -> None:
        """Only a whole connection reads heads, and sends requests elsewhere."""
        half = ClientAnswers(self.world.plane, self.world.listeners[0].routes)
        self.assertRaises(RuntimeError, half._heads, b"")
        self.assertRaises(RuntimeError, half.redirect, b"/", b"")
        self.assertRaises(RuntimeError, half.redirect_named, b"@a")

    def test_one_forwarding(self) -> None:
        """The object that forwards is made once for a connection."""
        seen = set()
        for _ in range(3):
            self.client.say(get("/"))
            seen.add(id(self.protocol._forwarding))
            self.world.servers[0].say(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.assertEqual(len(seen), 1)


class LogTests(SynchronousTestCase):
    """What the error log hears."""

    def setUp(self) -> None:
        self.lines = complaints(self)
        self.world = World("client_max_body_size 5; client_body_timeout 5s;" + CONFIG)
        self.client = self.world.client()

    def test_good_requests(self) -> None:
        """A good request is no news."""
        self.client.say(get("/echo"))
        self.client.say(get("/"))
        self.world.servers[0].say(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.client.hang_up()
        self.assertEqual(self.lines, [])

    def test_broken_head(self) -> None:
        """What a client does wrong is ``info``, with its own request line, not the last one's."""
        self.client.say(get("/echo"))
        self.client.say(b"GET /bro\x07ken HTTP/1.1\r\nHost: x\r\n\r\n")
        ((level, line),) = self.lines
        self.assertEqual(level, "info")
        self.assertTrue(
            line.startswith("*1 client sent invalid request line while reading client request"), line
        )
        expected = ', client: 192.0.2.7, server: name, request: "GET /bro\\x07ken HTTP/1.1"'
        self.assertTrue(line.endswith(expected), line)

    def test_too_large(self) -> None:
        """A body that is too large is ``error``, as in nginx."""
        self.client.say(get("/", "one", "Content-Length: 6", method="POST"))
        ((level, line),) = self.lines
        self.assertEqual(level, "error")
        self.assertTrue(
            line.startswith("*1 client intended to send too large body, client: 192.0.2.7,"), line
        )

    def test_late_body(self) -> None:
        """A body that did not come is ``info``."""
        self.client.say(get("/", "one", "Content-Length: 5", method="POST"))
        self.world.pass_time(8)
        level, line = self.lines[-1]
        self.assertEqual(level, "info")
        self.assertIn("client timed out (110: Connection timed out) while reading client request body", line)

    def test_refusal_has_a_reason(self) -> None:
        """The reason of a refusal is what is logged."""
        self.protocol = self.client.protocol
        self.client.say(get("/"))
        self.protocol._refuse_head(RequestRefused(400, "why"), "doing what")
        self.assertTrue(self.lines[0][1].startswith("*1 why while doing what, client:"))
