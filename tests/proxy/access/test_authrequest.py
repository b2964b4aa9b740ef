"""Other locations that say whether a request may pass, and such that get it, too."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.access import authrequest
from tests.proxy.conversation import Wire, World, get, head, unrest

HTTP = """
upstream app { server 127.0.0.1:9001; }
upstream auth { server 127.0.0.1:9002; }
server {
    location / {
        auth_request /check;
        auth_request_set $who $upstream_http_x_user;
        proxy_set_header X-User $who;
        proxy_pass http://app;
    }
    location = /check {
        internal;
        proxy_pass_request_body off;
        proxy_set_header X-Original-URI $request_uri;
        proxy_pass http://auth;
    }
    location /mirrored { mirror /copy; %s proxy_pass http://app; }
    location /copy { internal; proxy_pass http://auth; }
    location /args { auth_request /check; auth_request_set $args u=$upstream_http_x_user; proxy_pass http://app; }
    location /some { satisfy any; deny all; auth_request /check; proxy_pass http://app; }
}
"""
EMPTY = b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n%b\r\n"


class AuthCase(SynchronousTestCase):
    """A client, a server, and one that is asked first."""

    def begin(self, request: bytes, mirrored: str = "") -> tuple[World, Wire]:
        world = World(HTTP % mirrored)
        client = world.client()
        client.say(request)
        return world, client

    def tell(self, status: int, fields: bytes = b"", path: str = "/x?y") -> tuple[World, Wire]:
        world, client = self.begin(get(path))
        world.servers[0].say(EMPTY % (status, fields))
        return world, client


class AuthRequests(AuthCase):
    """``auth_request``."""

    def test_asked(self) -> None:
        """The location is asked with the request's fields and without its body, and nobody else meanwhile."""
        world, client = self.begin(
            b"POST /x?y HTTP/1.1\r\nHost: a\r\nCookie: c=d\r\nContent-Length: 3\r\n\r\nabc"
        )
        (asked,) = world.servers
        heard = asked.read()
        self.assertTrue(heard.startswith(b"GET /check HTTP/1.1\r\n"), heard)
        self.assertIn(b"X-Original-URI: /x?y\r\n", heard)
        self.assertIn(b"Cookie: c=d\r\n", heard)
        self.assertNotIn(b"Content-Length", heard)
        asked.say(EMPTY % (200, b"X-User: ann\r\n"))
        passed = world.servers[1].read()
        self.assertTrue(passed.startswith(b"POST /x?y HTTP/1.1\r\n"))
        self.assertIn(b"X-User: ann\r\n", passed)
        self.assertTrue(passed.endswith(b"\r\n\r\nabc"))
        world.servers[1].say(EMPTY % (200, b""))
        self.assertEqual(head(client.read())[0], 200)
        self.assertEqual(unrest(world), [])

    def test_refused(self) -> None:
        """401 and 403 are the client's answer, with what the 401 asks; anything else is 500."""
        said: list[str] = []
        self.patch(authrequest, "complain", lambda level, text: said.append(text))
        for status, answered in ((401, 401), (403, 403), (404, 500), (302, 500), (500, 500)):
            world, client = self.tell(status, b"WWW-Authenticate: Bearer x\r\n")
            found, fields, _ = head(client.read())
            self.assertEqual(found, answered)
            self.assertEqual(fields.get("www-authenticate"), "Bearer x" if status == 401 else None)
            self.assertEqual(len(world.servers), 1)
        self.assertIn("auth request unexpected status: 404 while sending to client", said[0])

    def test_server_gone(self) -> None:
        """Without an answer nobody passes."""
        self.patch(authrequest, "complain", lambda level, text: None)
        world, client = self.begin(get("/x"))
        world.servers[0].hang_up()
        self.assertEqual(head(client.read())[0], 500)

    def test_any(self) -> None:
        """``satisfy any``: its word may be enough."""
        world, client = self.tell(204, path="/some")
        self.assertEqual(len(world.servers), 2)
        world, client = self.tell(403, path="/some")
        self.assertEqual(head(client.read())[0], 403)

    def test_arguments(self) -> None:
        """What it says may become the request's arguments."""
        world, _ = self.tell(200, b"X-User: ann\r\n", "/args?u=bob")
        self.assertTrue(world.servers[1].read().startswith(b"GET /args?u=ann HTTP/1.1\r\n"))

    def test_client_leaves(self) -> None:
        """A client that leaves takes the question with it."""
        world, client = self.begin(get("/x"))
        client.hang_up()
        self.assertTrue(world.servers[0].closing)
        self.assertEqual(unrest(world), [])

    def test_again(self) -> None:
        """Each request of a connection is asked for by itself."""
        world, client = self.tell(200)
        world.servers[1].say(EMPTY % (200, b""))
        client.read()
        client.say(get("/z"))
        world.servers[0].say(EMPTY % (403, b""))
        self.assertEqual(head(client.read())[0], 403)

    def test_slow_body(self) -> None:
        """A body that comes meanwhile is kept for the server."""
        world, _ = self.begin(b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab")
        self.clients = world.clients
        self.clients[0].say(b"cd")
        world.servers[0].say(EMPTY % (200, b""))
        self.clients[0].say(b"ef")
        self.assertTrue(world.servers[1].read().endswith(b"\r\n\r\nabcdef"))


class Mirrors(AuthCase):
    """``mirror``."""

    POST = b"POST /mirrored?a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n"

    def test_both(self) -> None:
        """Both get the request, the client one answer, whatever the other says and whenever."""
        world, client = self.begin(self.POST + b"abc")
        copy, served = (wire.read() for wire in world.servers)
        self.assertTrue(copy.startswith(b"POST /copy?a HTTP/1.1\r\n"), copy)
        self.assertTrue(copy.endswith(b"\r\n\r\nabc"))
        self.assertTrue(served.endswith(b"\r\n\r\nabc"))
        world.servers[1].say(EMPTY % (200, b""))
        self.assertEqual(head(client.read())[0], 200)
        client.hang_up()
        self.assertFalse(world.servers[0].closing)
        world.servers[0].say(EMPTY % (500, b""))
        self.assertEqual(unrest(world), [])

    def test_body_in_pieces(self) -> None:
        """With the body the request waits for all of it; without, it does not."""
        world, client = self.begin(self.POST + b"a")
        self.assertEqual(world.servers, [])
        client.say(b"bc")
        self.assertEqual(len(world.servers), 2)
        world, client = self.begin(self.POST + b"a", "mirror_request_body off;")
        copy = world.servers[0].read()
        self.assertNotIn(b"Content-Length", copy)
        self.assertTrue(copy.startswith(b"POST /copy?a "))

    def test_off(self) -> None:
        """``off`` outweighs."""
        world, _ = self.begin(self.POST + b"abc", "mirror off;")
        self.assertEqual(len(world.servers), 1)
