"""``return``, ``set``, ``echo`` and a location with nothing in it.

What ``return`` gives was asked of a real nginx, code by code.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, get, head

CONFIG = r"""
server {
    listen 8080;
    default_type text/x-ours;
    location = /empty { }
    location = /echo { echo one two; echo "three  $arg_x"; echo -n "four"; }
    location = /constant { echo constant; }
    location = /set {
        set $a "1$arg_x";
        set $b "$a-$a";
        set $a 2;
        return 200 "$a $b $c";
        set $a 3;
    }
    set $c server;
    %s
}
"""

#: (arguments of ``return``, status line, fields that must be there, body; None is the page)
RETURNS: list[tuple[str, str, dict[str, str], bytes | None]] = [
    ("200", "200 OK", {"content-type": "text/x-ours", "content-length": "0"}, b""),
    ("200 text", "200 OK", {"content-type": "text/x-ours", "content-length": "4"}, b"text"),
    ('200 "$uri?$args"', "200 OK", {}, b"/r?"),
    ("204", "204 No Content", {}, b""),
    ("204 text", "204 No Content", {}, b""),
    ("206", "206 Partial Content", {"content-length": "0"}, b""),
    ("300", "300 ", {"content-length": "0"}, b""),
    ("304", "304 Not Modified", {}, b""),
    ("400", "400 Bad Request", {"connection": "close"}, None),
    ("404", "404 Not Found", {"content-type": "text/html", "connection": "keep-alive"}, None),
    ("404 text", "404 Not Found", {"content-type": "text/x-ours"}, b"text"),
    ('404 ""', "404 Not Found", {"content-type": "text/html"}, None),
    ("409", "409 Conflict", {}, None),
    ("418", "418 ", {"content-length": "0"}, b""),
    ("418 teapot", "418 ", {"content-length": "6"}, b"teapot"),
    ("500", "500 Internal Server Error", {"connection": "close"}, None),
    ("503", "503 Service Temporarily Unavailable", {"connection": "keep-alive"}, None),
    ("599", "599 ", {"content-length": "0"}, b""),
    ("301 /x", "301 Moved Permanently", {"location": "http://one:8080/x"}, None),
    ("302 //x", "302 Moved Temporarily", {"location": "http://one:8080//x"}, None),
    ("303 x", "303 See Other", {"location": "x"}, None),
    ("307 https://$host$uri", "307 Temporary Redirect", {"location": "https://one/r"}, None),
    ("308 http://a/b", "308 Permanent Redirect", {"location": "http://a/b"}, None),
    ("http://a/$arg_x", "302 Moved Temporarily", {"location": "http://a/"}, None),
    ("https://a/", "302 Moved Temporarily", {"location": "https://a/"}, None),
    ("$scheme://a/", "302 Moved Temporarily", {"location": "http://a/"}, None),
    ("301", "301 Moved Permanently", {"location": ""}, None),
]


class ReturnTests(SynchronousTestCase):
    """``return`` in all its forms."""

    def answer(self, arguments: str, path: str = "/r", host: str = "one") -> bytes:
        world = World(CONFIG % f"location /r {{ return {arguments}; }}")
        return world.ask(get(path, host))

    def test_forms(self) -> None:
        """Code, text, page or redirect as nginx gives them."""
        for arguments, line, expected, body in RETURNS:
            with self.subTest(arguments):
                answer = self.answer(arguments)
                self.assertTrue(answer.startswith(f"HTTP/1.1 {line}\r\n".encode()), answer)
                _, fields, sent = head(answer)
                self.assertEqual({name: fields.get(name) for name in expected}, expected)
                if body is None:
                    self.assertIn(b"<hr><center>dyups/", sent)
                else:
                    self.assertEqual(sent, body)

    def test_nothing_for_no_content(self) -> None:
        """204 and 304 have neither a type nor a length (RFC 9110 sections 8.6 and 15.3.5)."""
        for code in (204, 304):
            fields = head(self.answer(f"{code} text"))[1]
            self.assertNotIn("content-length", fields)
            self.assertNotIn("content-type", fields)

    def test_silent(self) -> None:
        """444 and 499 close the connection without a byte."""
        for code in (444, 499):
            world = World(CONFIG % f"location /r {{ return {code}; }}")
            client = world.client()
            client.say(get("/r"))
            self.assertEqual((client.got, client.closed), (b"", True))

    def test_found(self) -> None:
        """The page of a 302 says Found, its status line Moved Temporarily, as in nginx."""
        self.assertIn(b"<title>302 Found</title>", self.answer("302 /x"))

    def test_one_line(self) -> None:
        """A decoded CR and LF in a redirect begin no other header line."""
        for path in ("/r%0d%0aX-Evil:1", "/r%0aX-Evil:1", "/r%0d%0a%0d%0ahi"):
            answer = self.answer("302 http://a$uri", path)
            fields = head(answer)[1]
            self.assertNotIn("x-evil", fields)
            self.assertTrue(fields["location"].startswith("http://a/r"))
            self.assertIn(b"\r\n\r\n<html>", answer)

    def test_where_a_path_leads(self) -> None:
        """Without ``Host`` to our own address; the port of the socket, 80 left away."""
        world = World("server { listen 80; listen 8080; return 301 /x; }")
        for listener, expected in ((0, "http://127.0.0.1/x"), (1, "http://127.0.0.1:8080/x")):
            answer = world.ask(b"GET / HTTP/1.0\r\n\r\n", listener)
            self.assertEqual(head(answer)[1]["location"], expected)
        answer = world.ask(get("/", "Name.Example:9999"))
        self.assertEqual(head(answer)[1]["location"], "http://name.example/x")

    def test_server_level(self) -> None:
        """A ``return`` of the server comes before any location."""
        world = World("server { listen 8080; return 200 server; location / { return 200 location; } }")
        self.assertEqual(head(world.ask(get()))[2], b"server")


class ContentTests(SynchronousTestCase):
    """The other contents."""

    def setUp(self) -> None:
        self.world = World(CONFIG % "")

    def test_empty(self) -> None:
        """Nothing to serve: 404."""
        self.assertEqual(head(self.world.ask(get("/empty")))[0], 404)

    def test_echo(self) -> None:
        """The texts of a command with a space between, its newline unless ``-n``; type and length told."""
        status, fields, body = head(self.world.ask(get("/echo?x=%20")))
        self.assertEqual((status, body), (200, b"one two\nthree  %20\nfour"))
        self.assertEqual((fields["content-type"], fields["content-length"]), ("text/x-ours", "23"))

    def test_constant_echo(self) -> None:
        """A text without variables is the same every time."""
        for _ in range(2):
            self.assertEqual(head(self.world.ask(get("/constant")))[2], b"constant\n")

    def test_set(self) -> None:
        """``set`` runs in order up to the ``return``; the server's come first."""
        self.assertEqual(head(self.world.ask(get("/set?x=y")))[2], b"2 1y-1y server")

    def test_head(self) -> None:
        """HEAD gets the head of GET and nothing else."""
        for path in ("/echo", "/empty", "/set", "/constant"):
            with self.subTest(path):
                whole, alone = self.world.ask(get(path)), self.world.ask(get(path, method="HEAD"))
                self.assertEqual(alone, whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")

    def test_methods(self) -> None:
        """Any method is served but TRACE, which would show what others must not see."""
        for method, status in (("PUT", 200), ("PROPFIND", 200), ("TRACE", 405), ("DELETE", 200)):
            self.assertEqual(head(self.world.ask(get("/constant", method=method)))[0], status)
