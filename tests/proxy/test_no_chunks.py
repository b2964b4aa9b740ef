"""``chunked_transfer_encoding off``: answers without a length end with the connection."""

from __future__ import annotations

import gzip

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, get, head, unrest


class NoChunksTests(SynchronousTestCase):
    """What clients of HTTP/1.1 get."""

    def world(self, more: str = "") -> World:
        return World(
            "upstream one { server 127.0.0.1:9001; } server { listen 8080; chunked_transfer_encoding off;"
            f"location / {{ proxy_pass http://one; {more} }} location /text {{ {more} return 200 hello; }} }}"
        )

    def test_forwarded(self) -> None:
        """A chunked body goes out as it is, the connection is said to close, and does; the server's is kept."""
        world = self.world()
        client = world.client()
        client.say(get("/"))
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n")
        status, fields, body = head(client.read())
        self.assertEqual((status, fields["connection"], body), (200, "close", b"hel"))
        self.assertNotIn("transfer-encoding", fields)
        world.servers[0].say(b"2\r\nlo\r\n0\r\n\r\n")
        self.assertEqual((client.read(), client.closed, world.servers[0].closed), (b"lo", True, False))
        self.assertEqual(unrest(world), [])

    def test_length(self) -> None:
        """With a length nothing is other than ever."""
        world = self.world()
        client = world.client()
        client.say(get("/"))
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        _, fields, body = head(client.read())
        self.assertEqual((fields["content-length"], fields["connection"], body), ("2", "keep-alive", b"hi"))

    def test_compressed(self) -> None:
        """So it is with bodies whose length nobody knows any more."""
        world = self.world("gzip on; gzip_min_length 1; gzip_types *;")
        client = world.client()
        client.say(get("/text", "x", "Accept-Encoding: gzip"))
        _, fields, body = head(client.read())
        self.assertEqual(
            (fields["connection"], gzip.decompress(body), client.closed), ("close", b"hello", True)
        )
        self.assertNotIn("transfer-encoding", fields)

    def test_trailers(self) -> None:
        """There is nothing that fields could stand behind."""
        world = self.world("add_trailer X y;")
        _, fields, body = head(world.ask(get("/text")))
        self.assertEqual((fields["content-length"], body), ("5", b"hello"))
