"""What is kept of a request's body: see also test_request_bodies, and test_retries."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.requestbody import MOST_HELD
from tests.proxy.conversation import World, head

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
        world, _ = self.put(MOST_HELD + 1)
        self.assertEqual(len(world.servers), 1)
        self.assertEqual(head(world.clients[0].read())[0], 502)
