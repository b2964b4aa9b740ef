"""``error_page``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.routing import AnswerSettings
from dyups.proxy.errorpages import error_pages
from tests.proxy.conversation import World, get, head

CONFIG = """
upstream one { server 127.0.0.1:9001; }
server {
    listen 8080;
    error_page 404 /404?a=1;
    error_page 405 418 = @named;
    error_page 403 =200 /echo;
    error_page 402 = /gone;
    error_page 410 http://other/$uri;
    error_page 409 =301 http://other/;
    error_page 500 /missing;
    error_page 406 $where;
    set $where /echo?b=2;
    location = /404 { internal; return 200 "page $args $request_method"; }
    location = /echo { return 201 "echo $args"; }
    location = /gone { return 410; }
    location /code { return 404; }
    location /teapot { return 418; }
    location /forbidden { return 403; }
    location /pay { return 402; }
    location /conflict { return 409; }
    location /moved { return 410; }
    location /broken { return 500; }
    location /variable { return 406; }
    location /own { error_page 404 =204 /echo; return 404; }
    location /missing { return 404; }
    location /twice { recursive_error_pages on; error_page 402 = /again; error_page 410 = /echo; return 402; }
    location /again { recursive_error_pages on; error_page 410 = /echo; return 410; }
    location @named { proxy_pass http://one; }
    location /empty { error_page 404 =204 @named; return 404; }
    location /same { error_page 404 =304 @named; return 404; }
}
"""


class ErrorPageTests(SynchronousTestCase):
    """What stands in place of the small page."""

    def setUp(self) -> None:
        self.world = World(CONFIG)

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body for ``path``."""
        status, _, body = head(self.world.ask(get(path)))
        return status, body

    def test_no_body(self) -> None:
        """What a server has to say to a status without a body is not taken for the next answer."""
        for path, status in (("/empty", b"204"), ("/same", b"304")):
            world = World(CONFIG)
            client = world.client()
            client.say(get(path))
            world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
            got = client.read()
            self.assertTrue(got.startswith(b"HTTP/1.1 " + status), got)
            self.assertTrue(got.endswith(b"\r\n\r\n"), got)
            self.assertNotIn(b"Content-Length", got)
            client.say(get("/teapot"))
            self.assertEqual(len(world.servers), 2)

    def test_path(self) -> None:
        """A path is asked for as a GET, internally, with its own arguments; the status stays."""
        self.assertEqual(self.answer("/code?x"), (404, b"page a=1 GET"))
        answer = head(self.world.ask(get("/code", method="DELETE")))
        self.assertEqual((answer[0], answer[2]), (404, b"page a=1 GET"))

    def test_head(self) -> None:
        """HEAD stays HEAD."""
        status, fields, body = head(self.world.ask(get("/code", method="HEAD")))
        self.assertEqual((status, fields["content-length"], body), (404, "13", b""))

    def test_other_status(self) -> None:
        """``=code`` is the answer's status, ``=`` leaves it to whatever answers, variables are read."""
        self.assertEqual(self.answer("/forbidden"), (200, b"echo "))
        self.assertEqual(self.answer("/own"), (204, b""))
        self.assertEqual(self.answer("/variable"), (406, b"echo b=2"))

    def test_redirect(self) -> None:
        """A URL is a redirect, 302 unless another was said."""
        for path, status, location in (
            ("/moved", 302, "http://other//moved"),
            ("/conflict", 301, "http://other/"),
        ):
            answer = head(self.world.ask(get(path)))
            self.assertEqual((answer[0], answer[1]["location"]), (status, location))
            self.assertIn(b"<h1>", answer[2])

    def test_page_of_redirect(self) -> None:
        """A redirect that has a page of its own is still one; a page that redirects does so on its own."""
        world = World(
            "server { listen 8080; absolute_redirect off; error_page 302 /page; error_page 307 /on;"
            " location /a { return 302 /b; } location /c { return 307 /d; }"
            " location /page { return 200 text; } location /on { return 301 /e; } }"
        )
        answer = world.ask(get("/a"))
        self.assertEqual(
            (head(answer)[0], head(answer)[1]["location"], head(answer)[2]), (302, "/b", b"text")
        )
        answer = world.ask(get("/c"))
        self.assertEqual((answer.count(b"Location:"), head(answer)[1]["location"]), (1, "/e"))

    def test_not_twice(self) -> None:
        """An error page that fails has its own status and the small page, unless pages are recursive."""
        status, body = self.answer("/broken")
        self.assertEqual(status, 404)
        self.assertIn(b"404 Not Found", body)
        self.assertEqual(self.answer("/pay")[0], 410)
        self.assertEqual(self.answer("/twice"), (201, b"echo "))

    def test_closes(self) -> None:
        """After some errors the connection closes, whatever the page."""
        self.assertEqual(head(self.world.ask(get("/broken")))[1]["connection"], "close")

    def test_named(self) -> None:
        """A named location gets the request as it was, with the body that has come and that still comes."""
        client = self.world.client()
        client.say(b"POST /teapot?q HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n12")
        client.say(b"34")
        [server] = self.world.servers
        self.assertTrue(server.got.startswith(b"POST /teapot?q HTTP/1.1\r\n"), server.got)
        self.assertTrue(server.got.endswith(b"\r\n\r\n1234"), server.got)
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(head(client.read())[0], 200)

    def test_too_large(self) -> None:
        """The page for a body that is too large is not itself asked for with that body, known or still to come."""
        world = World(
            "server { listen 8080; client_max_body_size 2; error_page 413 @big;"
            " location / { proxy_pass http://127.0.0.1:9001; }"
            " location @big { proxy_pass http://127.0.0.1:9002; } }"
        )
        for lines, body in (
            ("Content-Length: 9", b"123456789"),
            ("Transfer-Encoding: chunked", b"9\r\n123456789\r\n"),
        ):
            client = world.client()
            client.say(f"POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n\r\n".encode() + body[:7])
            client.say(body[7:])
            client.say(b"9\r\n123456789\r\n" if "chunked" in lines else b"")
            server = world.servers[-1]
            self.assertTrue(server.got.startswith(b"GET / HTTP/1.1"), server.got)
            server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbig")
            status, _, text = head(client.read())
            self.assertEqual((status, text), (413, b"big"))

    def test_next_request(self) -> None:
        """Nothing of it is left for the next request of the connection."""
        client = self.world.client()
        for _ in range(2):
            client.say(get("/code"))
            self.assertEqual(head(client.read())[0], 404)
            client.say(get("/echo"))
            self.assertEqual(head(client.read())[0], 201)

    def test_covers(self) -> None:
        """The table tells which statuses it has; a location without any has no table."""
        route = self.world.listeners[0].routes.default.root
        assert route.error_pages is not None
        self.assertEqual(
            [route.error_pages.covers(status) for status in (404, 405, 401)], [True, True, False]
        )
        self.assertIsNone(error_pages(AnswerSettings()))
