"""Requests that are sent elsewhere within the server."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.client import BodySink, ClientSide
from dyups.proxy.exchange import Exchange
from dyups.proxy.serving import DISCARD
from tests.proxy.conversation import Wire, World, get, head

CONFIG = """
upstream one { server 127.0.0.1:9001; }
server {
    listen 8080;
    set $n "$n+";
    location / { proxy_pass http://one; }
    location /in { internal; return 200 "$uri $args $request_method $request_uri"; }
    location /sized { client_max_body_size 2; return 200 sized; }
    location @named { set $x named; proxy_pass http://one; }
    location /start { echo "not reached"; }
}
"""
POST = b"POST /start HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n"


class Sends:
    """A content that does with the client what it is told to."""

    def __init__(self, act: Callable[[ClientSide, Exchange, bytes, bool], object]) -> None:
        self.act = act

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        self.act(exchange.client, exchange, body, ended)
        return DISCARD


class RedirectTests(SynchronousTestCase):
    """:meth:`ClientPhases.redirect` and its kin."""

    def ask(self, act: Callable[[ClientSide, Exchange, bytes, bool], object], request: bytes) -> Wire:
        """A client whose request met a content that does ``act``."""
        self.world = World(CONFIG)
        exchange = Exchange(None)  # type: ignore[arg-type]
        exchange.uri = b"/start"
        route = self.world.listeners[0].routes.default.level.find(exchange)
        assert route is not None
        route.serving = Sends(act)
        client = self.world.client()
        client.say(request)
        return client

    def served(self, client: Wire) -> bytes:
        """What the one server got, after it has answered."""
        [server] = self.world.servers
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(head(client.read())[0], 200)
        return server.got

    def test_internal(self) -> None:
        """A redirect leads to internal locations; the request's own line stays as it was."""
        client = self.ask(lambda c, x, body, ended: c.redirect(b"/in b", b"a=1"), get("/start?q"))
        self.assertEqual(head(client.read())[2], b"/in b a=1 GET /start?q")

    def test_proxied(self) -> None:
        """A server is asked for the new path, with the body that had come and that still comes."""
        client = self.ask(lambda c, x, body, ended: c.redirect(b"/a b", b"c", body, ended), POST + b"12")
        client.say(b"34")
        got = self.served(client)
        self.assertTrue(got.startswith(b"POST /a%20b?c HTTP/1.1\r\n"), got)
        self.assertTrue(got.endswith(b"\r\n\r\n1234"), got)

    def test_body_dropped(self) -> None:
        """A request that lost its body is a GET without one; what still comes of the body goes nowhere."""

        def act(client: ClientSide, exchange: Exchange, body: bytes, ended: bool) -> None:
            exchange.drop_body()
            client.redirect(b"/x", b"")

        client = self.ask(act, POST + b"12")
        client.say(b"34" + get("/in/x"))
        got = self.served(client)
        self.assertTrue(got.startswith(b"GET /x HTTP/1.1\r\n"), got)
        self.assertNotIn(b"34", got)
        client.say(b"")
        self.assertNotIn(b"ontent-", got)

    def test_named(self) -> None:
        """A named location serves the path as it was."""
        client = self.ask(lambda c, x, body, ended: c.redirect_named(b"@named", body, ended), POST + b"1234")
        got = self.served(client)
        self.assertTrue(got.startswith(b"POST /start HTTP/1.1\r\n") and got.endswith(b"1234"), got)

    def test_named_unknown(self) -> None:
        """A name that nothing has is 500."""
        client = self.ask(lambda c, x, body, ended: c.redirect_named(b"@none"), get("/start"))
        self.assertEqual(head(client.read())[0], 500)

    def test_circle(self) -> None:
        """A request that goes in circles ends with 500, and the connection with it."""
        client = self.ask(lambda c, x, body, ended: c.redirect(b"/start", b""), get("/start"))
        self.assertEqual(head(client.read())[0], 500)

    def test_limit_of_new_place(self) -> None:
        """``client_max_body_size`` of the new location counts."""
        client = self.ask(lambda c, x, body, ended: c.redirect(b"/sized", b"", body, ended), POST + b"1234")
        self.assertEqual(head(client.read())[0], 413)

    def test_methods(self) -> None:
        """TRACE and CONNECT are nothing for a proxy, and nobody knows what comes behind them."""
        world = World(CONFIG)
        for method in ("TRACE", "CONNECT"):
            answer = world.ask(f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n".encode() + get("/"))
            self.assertEqual((head(answer)[0], answer.count(b"HTTP/1.1 ")), (405, 1))
            self.assertEqual(head(answer)[1]["connection"], "close")
