"""Requests of our own to locations of the same server."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import Location
from dyups.proxy.client import BodySink
from dyups.proxy.exchange import Exchange
from dyups.proxy.serving import DISCARD, Serving
from dyups.proxy.subrequest import MOST_KEPT, SubRequest
from tests.proxy.conversation import World, get, unrest

HTTP = """
upstream one { server 127.0.0.1:9001; }
server {
    location / { dyups_interface; allow all; }
    location /own { internal; deny all; return 201 "own $request_uri $uri $args $request_method"; }
    location /proxied { proxy_pass http://one; }
    location /set { set $seen yes; return 200 $seen; }
    location /lost { error_page 404 = @at; }
    location @at { return 202 named; }
    location /loop { rewrite ^ /loop last; }
}
"""


class Asks:
    """A content that asks for something else first; the client is not answered."""

    def __init__(self) -> None:
        self.path = b"/own"
        self.options: dict[str, Any] = {"keep": True}
        self.done: list[SubRequest] = []
        self.sub: SubRequest | None = None
        self.exchange: Exchange | None = None

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        self.exchange = exchange
        self.sub = SubRequest(exchange.client, self.done.append, **self.options)
        self.sub.start(self.path, b"a=b")
        return DISCARD


class SubRequests(SynchronousTestCase):
    """What they get."""

    def ask(self, path: bytes, **options: Any) -> tuple[World, Asks]:
        asks = Asks()
        asks.path = path
        asks.options |= options

        def make(location: Location) -> Serving:
            return asks

        world = World(HTTP, resources={"dyups_interface": make})
        self.client = world.client()
        self.client.say(get("/front?x", "name", "X-Own: 1"))
        return world, asks

    def answer(self, asks: Asks) -> tuple[int, bytes]:
        (done,) = asks.done
        return done.status, done.body

    def test_own(self) -> None:
        """A location answers whatever it answers, ``internal`` or closed, and the request's own URI is read."""
        _, asks = self.ask(b"/own")
        self.assertEqual(self.answer(asks), (201, b"own /front?x /own a=b GET"))

    def test_proxied(self) -> None:
        """A server is asked with the request's fields, and its body comes without framing."""
        world, asks = self.ask(b"/proxied")
        heard = world.servers[0].read()
        self.assertTrue(heard.startswith(b"GET /proxied?a=b HTTP/1.1\r\nHost: one\r\n"), heard)
        self.assertIn(b"X-Own: 1\r\n", heard)
        world.servers[0].say(b"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n2\r\nab\r\n")
        self.assertEqual(asks.done, [])
        world.servers[0].say(b"1\r\nc\r\n0\r\n\r\n")
        self.assertEqual(self.answer(asks), (404, b"abc"))
        head = asks.done[0].exchange.upstream_head
        assert head is not None
        self.assertEqual(head.value(b"x-a"), b"b")
        self.assertEqual(unrest(world), [])

    def test_server_fails(self) -> None:
        """No answer is 502; half an answer is a failure."""
        world, asks = self.ask(b"/proxied")
        world.servers[0].hang_up()
        self.assertEqual(asks.done[0].status, 502)
        world, asks = self.ask(b"/proxied")
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
        world.servers[0].hang_up()
        self.assertTrue(asks.done[0].failed)

    def test_variables(self) -> None:
        """What the location sets the request has, too; one that is detached keeps it to itself."""
        for detached, seen in ((False, b"yes"), (True, None)):
            _, asks = self.ask(b"/set", detached=detached)
            assert asks.exchange is not None
            self.assertEqual(asks.exchange.user.get("seen"), seen)

    def test_sent_elsewhere(self) -> None:
        """``error_page`` leads on within the server; a circle ends with 500."""
        _, asks = self.ask(b"/lost")
        self.assertEqual(self.answer(asks), (202, b"named"))
        _, asks = self.ask(b"/loop")
        self.assertEqual(asks.done[0].status, 500)

    def test_not_kept(self) -> None:
        """A body that nobody wants is not kept; one that is too long is a failure."""
        _, asks = self.ask(b"/own", keep=False)
        self.assertEqual(self.answer(asks), (201, b""))
        world, asks = self.ask(b"/proxied")
        size = MOST_KEPT + 1
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
        self.assertTrue(asks.done[0].failed)

    def test_cancelled(self) -> None:
        """Nobody hears of one that was cancelled, and its server is let go."""
        world, asks = self.ask(b"/proxied")
        assert asks.sub is not None
        asks.sub.cancel()
        self.assertTrue(world.servers[0].closing)
        self.assertEqual((asks.done, unrest(world)), ([], []))

    def test_nothing_for_the_client(self) -> None:
        """The client gets nothing of it."""
        self.ask(b"/own")
        self.assertEqual(self.client.got, b"")
