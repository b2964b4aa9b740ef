"""Servers that send a request elsewhere, and errors that are intercepted."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import Wire, World, get, head, unrest

HTTP = """
upstream one { server 127.0.0.1:9001; }
upstream two { server 127.0.0.1:9002; }
server {
    listen 8080;
    location / { proxy_pass http://one; %s }
    location /inside/ { internal; return 200 "inside $uri $args $request_method"; }
    location /more/ { internal; proxy_pass http://two; }
    location @at { return 200 "at $request_method"; }
    error_page 404 /inside/missing;
    error_page 401 = @at;
}
"""


class AccelCase(SynchronousTestCase):
    """A client, a server, and where that sends the request."""

    def ask(self, answer: bytes, location: str = "", request: bytes = b"") -> tuple[World, Wire]:
        world = World(HTTP % location)
        client = world.client()
        client.say(request or get("/x?y"))
        world.servers[0].say(answer)
        self.addCleanup(lambda: self.assertEqual(unrest(world), []))
        return world, client


def told(*fields: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "Content-Length: 2", "", "ab"]).encode()


class Redirect(AccelCase):
    """``X-Accel-Redirect``."""

    def test_path(self) -> None:
        """A path within the server answers in place of the server's answer, a path as a GET."""
        request = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
        for target, body in {
            "/inside/a%20b?c=d": b"inside /inside/a b c=d GET",
            "@at": b"at POST",
        }.items():
            _, client = self.ask(told(f"X-Accel-Redirect: {target}"), request=request)
            status, _, found = head(client.read())
            self.assertEqual((status, found), (200, body))

    def test_kept(self) -> None:
        """The type, cookies and what caches need go with the other answer; nothing else does."""
        fields = (
            "Content-Type: text/x-own",
            "Set-Cookie: a=b",
            "Cache-Control: private",
            "ETag: x",
            "X-Other: 1",
        )
        _, client = self.ask(told("X-Accel-Redirect: /inside/", *fields))
        found = head(client.read())[1]
        self.assertEqual(found["content-type"], "text/x-own")
        self.assertEqual((found["set-cookie"], found["cache-control"]), ("a=b", "private"))
        self.assertEqual({"etag", "x-other", "x-accel-redirect"} & set(found), set())

    def test_to_another_server(self) -> None:
        """Another server's answer gets the fields, too."""
        world, client = self.ask(told("X-Accel-Redirect: /more/x", "Set-Cookie: a=b"))
        self.assertTrue(world.servers[1].read().startswith(b"GET /more/x HTTP/1.1\r\n"))
        world.servers[1].say(told("Content-Type: text/plain"))
        status, fields, body = head(client.read())
        self.assertEqual((status, fields["set-cookie"], body), (200, "a=b", b"ab"))

    def test_unsafe(self) -> None:
        """A path that climbs is 404; so is what is no path."""
        for target in ("/inside/../x", "/inside/%2e%2e/x", "inside"):
            _, client = self.ask(told(f"X-Accel-Redirect: {target}"))
            self.assertIn(b"inside /inside/missing", client.read())

    def test_ignored(self) -> None:
        """``proxy_ignore_headers``: the answer is the server's."""
        _, client = self.ask(told("X-Accel-Redirect: /inside/"), "proxy_ignore_headers X-Accel-Redirect;")
        _, fields, body = head(client.read())
        self.assertEqual(body, b"ab")
        self.assertNotIn("x-accel-redirect", fields)

    def test_in_a_circle(self) -> None:
        """A server that sends the request to itself again and again ends with 500."""
        world = World(HTTP.replace("location / ", "location /loop ") % "")
        client = world.client()
        client.say(get("/loop"))
        for _ in range(11):
            world.servers[-1].say(told("X-Accel-Redirect: /loop"))
        self.assertEqual(head(client.read())[0], 500)

    def test_next_request(self) -> None:
        """The connection goes on, and nothing of the first answer is left for the next."""
        world, client = self.ask(told("X-Accel-Redirect: /inside/", "Set-Cookie: a=b"))
        client.read()
        client.say(get("/y"))
        world.servers[-1].say(told())
        self.assertNotIn(b"Set-Cookie", client.read())


class Intercepted(AccelCase):
    """``proxy_intercept_errors``."""

    def test_on(self) -> None:
        """A status that ``error_page`` has something for is answered by that; another passes."""
        on = "proxy_intercept_errors on;"
        _, client = self.ask(told(status="404 Not Found"), on)
        status, _, body = head(client.read())
        self.assertEqual((status, body), (404, b"inside /inside/missing  GET"))
        _, client = self.ask(told(status="500 Oops"), on)
        self.assertEqual(head(client.read())[2], b"ab")

    def test_off(self) -> None:
        """By default the server's own page is the answer."""
        _, client = self.ask(told(status="404 Not Found"))
        self.assertEqual(head(client.read())[2], b"ab")

    def test_challenge(self) -> None:
        """Of a 401 the challenge goes with the page."""
        _, client = self.ask(
            told("WWW-Authenticate: Basic realm=x", status="401 No"), "proxy_intercept_errors on;"
        )
        self.assertEqual(head(client.read())[1]["www-authenticate"], "Basic realm=x")


class Hints(AccelCase):
    """``early_hints``."""

    def test_hints(self) -> None:
        """103 goes to HTTP/1.1 clients where a string says so, and nowhere else; 102 never."""
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
        for location, minor, passed in (
            ("early_hints 1;", 1, True),
            ("early_hints $arg_none 0;", 1, False),
            ("", 1, False),
            ("early_hints 1;", 0, False),
        ):
            request = b"GET / HTTP/1.%d\r\nHost: a\r\n\r\n" % minor
            answer = b"HTTP/1.1 102 Processing\r\n\r\n" + hints + told()
            _, client = self.ask(answer, location, request)
            found = client.read()
            self.assertEqual(found.startswith(hints), passed, (location, minor))
            self.assertTrue(found.endswith(b"\r\n\r\nab"))
            self.assertNotIn(b"102", found)


class Trailers(AccelCase):
    """``proxy_pass_trailers``."""

    def test_trailers(self) -> None:
        """Trailer fields pass where that is said, but those that belong into a head."""
        answer = (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"
            b"0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n"
        )
        _, client = self.ask(answer, "proxy_pass_trailers on;")
        self.assertTrue(client.read().endswith(b"2\r\nab\r\n0\r\nX-Sum: 1\r\n\r\n"))
        _, client = self.ask(answer)
        self.assertTrue(client.read().endswith(b"2\r\nab\r\n0\r\n\r\n"))

    def test_in_pieces(self) -> None:
        """However the answer comes."""
        world = World(HTTP % "proxy_pass_trailers on;")
        client = world.client()
        client.say(get("/"))
        for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n":
            world.servers[0].say(bytes([byte]))
        self.assertTrue(client.read().endswith(b"1\r\na\r\n0\r\nX-Sum: 1\r\n\r\n"))
