"""What is kept of a request's body: see also test_request_bodies, and test_retries."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.forward.requestbody import MOST_KEPT
from tests.proxy.conversation import Wire, World, head

CONFIG = """
upstream up { server 127.0.0.1:9001; server 127.0.0.1:9002; }
server { listen 8080; location / { proxy_pass http://up; proxy_next_upstream error non_idempotent; } }
"""


class KeptTests(SynchronousTestCase):
    """A body is kept as long as it may have to be sent again."""

    def put(self, size: int, framing: bytes = b"") -> tuple[World, bytes]:
        """A server fails on a body of that size; the proxy, and what the body was."""
        world = World(CONFIG, high=1 << 20)
        client = world.client()
        body = b"x" * size
        head_line = framing or b"Content-Length: %d\r\n" % size
        client.say(b"PUT / HTTP/1.1\r\nHost: up\r\n" + head_line + b"\r\n")
        client.say(b"%x\r\n%b\r\n0\r\n\r\n" % (size, body) if framing else body)
        world.servers[0].hang_up()
        return world, body

    def test_sent_again(self) -> None:
        """What is short enough goes to the next server as it went to the first, whatever its framing."""
        for framing in (b"", b"Transfer-Encoding: chunked\r\n"):
            world, body = self.put(1000, framing)
            first, second = world.servers
            self.assertEqual(first.got, second.got)
            self.assertIn(body, second.got)

    def test_too_long(self) -> None:
        """What is longer is sent once: 502."""
        world, _ = self.put(MOST_KEPT + 1)
        self.assertEqual(len(world.servers), 1)
        self.assertEqual(head(world.clients[0].read())[0], 502)


class TextTests(SynchronousTestCase):
    """``$request_body``."""

    SAYS = 'add_header X-Body "[$request_body]" always;'
    OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    def asked(self, location: str, *pieces: bytes, framing: bytes = b"") -> Wire:
        """A client that sent a body in these pieces to a server that is there, and failed once."""
        self.world = World(
            CONFIG.replace("location / {", f"{location} location / {{ {self.SAYS}"), high=1 << 20
        )
        client = self.world.client()
        length = framing or b"Content-Length: %d\r\n" % sum(map(len, pieces))
        client.say(b"PUT / HTTP/1.1\r\nHost: up\r\n" + length + b"\r\n")
        for piece in pieces:
            client.say(b"%x\r\n%b\r\n" % (len(piece), piece) if framing else piece)
        if framing:
            client.say(b"0\r\n\r\n")
        return client

    def seen(self, client: Wire, server: int = 0, answer: bytes = OK) -> str:
        self.world.servers[server].say(answer)
        return head(client.read())[1].get("x-body", "")

    def test_pieces(self) -> None:
        """However it is framed, and though it is sent again, it is there once."""
        for framing in (b"", b"Transfer-Encoding: chunked\r\n"):
            client = self.asked("", b"one ", b"two ", b"three", framing=framing)
            self.world.servers[0].hang_up()
            self.assertEqual(self.seen(client, 1), "[one two three]")

    def test_next_request(self) -> None:
        """It is gone with its request."""
        client = self.asked("", b"one")
        self.assertEqual(self.seen(client), "[one]")
        client.say(b"GET / HTTP/1.1\r\nHost: up\r\n\r\n")
        self.assertEqual(self.seen(client, 1), "[]")

    def test_gathered(self) -> None:
        """A chunked body for a server of HTTP/1.0 is no exception."""
        client = self.asked(
            "proxy_http_version 1.0;", b"one ", b"two", framing=b"Transfer-Encoding: chunked\r\n"
        )
        self.assertEqual(self.seen(client), "[one two]")

    def test_redirected(self) -> None:
        """It is still there where an error page is served; what takes the body over begins it anew."""
        catch = "proxy_intercept_errors on; error_page 500"
        client = self.asked(f"{catch} /page; location /page {{ {self.SAYS} return 200 x; }}", b"one")
        failed = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
        self.assertEqual(self.seen(client, answer=failed), "[one]")
        client = self.asked(f"{catch} @b; location @b {{ {self.SAYS} proxy_pass http://up; }}", b"one")
        self.world.servers[0].say(failed)
        self.assertEqual(self.seen(client, 1), "[one]")

    def test_too_long(self) -> None:
        """Of what is too long to be kept there is no text."""
        client = self.asked("", b"x" * MOST_KEPT, b"y")
        self.assertEqual(self.seen(client), "[]")

    def test_not_wanted(self) -> None:
        """Where no text reads it nothing is kept."""
        self.SAYS = ""
        self.asked("", b"one")
        self.assertEqual(self.world.clients[0].protocol.exchange.user, {})
