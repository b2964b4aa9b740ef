"""What servers get of requests."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, get, head, unrest

POST = b"POST /x HTTP/1.1\r\nHost: a\r\nX-Own: 1\r\nContent-Length: 3\r\n\r\n"
EMPTY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Requests(SynchronousTestCase):
    """Method, body and fields."""

    def world(self, location: str) -> World:
        return World(
            "upstream one { server 127.0.0.1:9001; }"
            f"server {{ location / {{ proxy_pass http://one; {location} }}"
            "error_page 502 /no; location /no { return 200 no; } }"
        )

    def heard(self, location: str, request: bytes = POST + b"abc") -> bytes:
        """What the server gets."""
        world = self.world(location)
        client = world.client()
        client.say(request)
        found = world.servers[0].read()
        world.servers[0].say(EMPTY)
        self.assertEqual(head(client.read())[0], 200)
        self.assertEqual(unrest(world), [])
        return found

    def test_method(self) -> None:
        """``proxy_method``, with variables; an empty one is the client's."""
        self.assertTrue(self.heard("proxy_method PUT;").startswith(b"PUT /x HTTP/1.1\r\n"))
        self.assertTrue(self.heard("proxy_method $arg_none;").startswith(b"POST /x "))

    def test_no_method(self) -> None:
        """What is no method is left away: it would be more of the request line than that."""
        request = b"POST /x HTTP/1.1\r\nHost: a\r\nM: GET /y HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
        self.assertTrue(self.heard("proxy_method $http_m;", request).startswith(b"POST /x HTTP/1.1\r\n"))

    def test_method_of_gathered(self) -> None:
        """A chunked body that is gathered goes out with that method, too."""
        request = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"
        heard = self.heard("proxy_method PUT; proxy_http_version 1.0;", request)
        self.assertTrue(heard.startswith(b"PUT /x HTTP/1.0\r\n"))

    def test_head_for_get(self) -> None:
        """A server that is asked with HEAD sends no body: the client's answer has none either, and does not wait."""
        world = self.world("proxy_method HEAD;")
        client = world.client()
        client.say(get("/a") + get("/b"))
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
        status, fields = head(client.read())[:2]
        self.assertEqual((status, fields["content-length"]), (200, "0"))
        world.servers[1].say(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertIn(b"Content-Length: 0\r\n", client.read())

    def test_get_for_head(self) -> None:
        """The body that a server sends for a HEAD which it got as a GET is not taken for the next answer."""
        world = self.world("proxy_method GET; proxy_http_version 1.1;")
        client = world.client()
        client.say(b"HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n")
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n")
        self.assertIn(b"Content-Length: 7\r\n", client.read())
        self.assertTrue(world.servers[0].closing or world.servers[0].closed)
        client.say(get("/b"))
        self.assertEqual(len(world.servers), 2)

    def test_body(self) -> None:
        """``proxy_set_body`` takes the place of the client's body, and a GET gets one, too."""
        found = self.heard("proxy_set_body 'for $host';")
        self.assertTrue(found.endswith(b"\r\n\r\nfor a"))
        self.assertEqual(found.count(b"Content-Length"), 1)
        self.assertTrue(self.heard("proxy_set_body x;", get()).endswith(b"Content-Length: 1\r\n\r\nx"))

    def test_no_body(self) -> None:
        """Without the body nothing tells its length."""
        found = self.heard("proxy_pass_request_body off;")
        self.assertTrue(found.endswith(b"\r\n\r\n"))
        self.assertNotIn(b"Content-Length", found)
        self.assertIn(b"X-Own: 1", found)

    def test_no_fields(self) -> None:
        """Without the fields there are those that are set, and ours."""
        found = self.heard("proxy_pass_request_headers off; proxy_set_header X-Set 2;")
        self.assertNotIn(b"X-Own", found)
        self.assertIn(b"X-Set: 2\r\n", found)
        self.assertIn(b"Host: one\r\n", found)
        self.assertTrue(found.endswith(b"\r\n\r\nabc"))

    def test_body_in_pieces(self) -> None:
        """The client's body may come for as long as it wants; the connection goes on after it."""
        world = self.world("proxy_set_body own;")
        client = world.client()
        client.say(POST)
        self.assertTrue(world.servers[0].read().endswith(b"own"))
        client.say(b"a")
        world.servers[0].say(EMPTY)
        self.assertEqual(head(client.read())[0], 200)
        client.say(b"bc" + get())
        world.servers[0].say(EMPTY)
        self.assertEqual(head(client.read())[0], 200)

    def test_failure(self) -> None:
        """A body of ours is not taken for the client's when an error page needs that."""
        world = self.world("proxy_set_body own;")
        client = world.client()
        client.say(POST + b"abc")
        world.servers[0].hang_up()
        self.assertTrue(client.read().endswith(b"no"))
