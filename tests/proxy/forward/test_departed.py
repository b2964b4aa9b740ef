"""Clients that leave while a server works for them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, get, unrest

POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"


class Departures(SynchronousTestCase):
    """``proxy_ignore_client_abort``."""

    def world(self, choice: str) -> World:
        return World(
            "upstream one { server 127.0.0.1:9001; server 127.0.0.1:9002; }"
            f"server {{ location / {{ proxy_pass http://one; proxy_ignore_client_abort {choice}; }} }}"
        )

    def left(self, choice: str, request: bytes = get()) -> World:
        world = self.world(choice)
        client = world.client()
        client.say(request)
        client.hang_up()
        return world

    def test_goes_on(self) -> None:
        """The server may finish its answer, and its connection is kept."""
        world = self.left("on")
        self.assertFalse(world.servers[0].closing)
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
        world.servers[0].say(b"b")
        self.assertFalse(world.servers[0].closing)
        self.assertEqual(unrest(world), [])
        other = world.client()
        other.say(get() + get())
        self.assertEqual(len(world.servers), 2)

    def test_failures(self) -> None:
        """Another server is asked where that is due, and nobody hears of the end."""
        world = self.left("on")
        world.servers[0].hang_up()
        world.servers[1].hang_up()
        self.assertEqual(unrest(world), [])

    def test_off(self) -> None:
        """By default a client that leaves ends it all."""
        world = self.left("off")
        self.assertTrue(world.servers[0].closing)

    def test_half_a_body(self) -> None:
        """A request that is not whole is of no use to a server."""
        world = self.left("on", POST + b"a")
        self.assertTrue(world.servers[0].closing)
        self.assertEqual(unrest(world), [])

    def test_chunks_and_errors(self) -> None:
        """Whatever the answer is like, it goes nowhere."""
        for answer in (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
            b"HTTP/1.0 200 OK\r\n\r\nabc",
        ):
            world = self.left("on")
            world.servers[0].say(answer)
            world.servers[0].hang_up()
            self.assertEqual(unrest(world), [])
