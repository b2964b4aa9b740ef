"""The conversation harness itself, on the shortest conversations there are."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, head

CONFIG = """
upstream one { server 127.0.0.1:9001; }
server { listen 8080; location / { proxy_pass http://$host; } location = /echo { echo hello; } }
"""


class ConversationTests(SynchronousTestCase):
    """One request there and back."""

    def test_forwarded(self) -> None:
        """A request goes to the upstream named by its Host and the answer comes back."""
        world = World(CONFIG)
        client = world.client()
        client.say(b"GET /x?y=1 HTTP/1.1\r\nHost: ONE\r\nAccept: */*\r\n\r\n")
        (server,) = world.servers
        self.assertEqual(server.read(), b"GET /x?y=1 HTTP/1.1\r\nHost: one\r\nAccept: */*\r\n\r\n")
        server.say(b"HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\nX-A: b\r\n\r\nhi")
        status, fields, body = head(client.read())
        self.assertEqual((status, body), (200, b"hi"))
        self.assertEqual(fields["x-a"], "b")
        self.assertEqual(fields["connection"], "keep-alive")
        self.assertEqual(len(client.writes), 1)

    def test_kept(self) -> None:
        """The second request uses the connection of the first."""
        world = World(CONFIG)
        client = world.client()
        for _ in range(2):
            client.say(b"GET / HTTP/1.1\r\nHost: one\r\n\r\n")
            world.servers[0].read()
            world.servers[0].say(b"HTTP/1.1 204 No Content\r\n\r\n")
            self.assertEqual(head(client.read())[0], 204)
        self.assertEqual(len(world.servers), 1)

    def test_unknown_upstream(self) -> None:
        """A name that is no upstream is 502 at once."""
        world = World(CONFIG)
        self.assertEqual(head(world.ask(b"GET / HTTP/1.1\r\nHost: two\r\n\r\n"))[0], 502)

    def test_echo(self) -> None:
        """``echo`` answers by itself."""
        world = World(CONFIG)
        answer = world.ask(b"GET /echo HTTP/1.1\r\nHost: two\r\n\r\n")
        self.assertEqual(head(answer)[2], b"hello\n")
