"""The head that is sent to a server, field by field."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, get

CONFIG = """
upstream one { server 127.0.0.1:9001; }
server { listen 8080; %s location / { proxy_pass http://one; %s } }
"""


def sent(said: str = "", *more: str, server: str = "", path: str = "/", host: str = "me") -> list[str]:
    """The lines a server gets for a GET with ``more`` fields, where ``said`` stands in the location."""
    world = World(CONFIG % (server, said))
    world.client().say(get(path, host, *more))
    text = world.servers[0].read().decode("latin-1")
    assert text.endswith("\r\n\r\n")
    return text.split("\r\n")[:-2]


class HeadTests(SynchronousTestCase):
    """One pass from the client's head to the server's."""

    def test_default(self) -> None:
        """``Host`` is ``$proxy_host``, no ``Connection`` as the connection is kept, other fields as they came."""
        lines = sent("", "X-A:  b ", "cookie: c", "Accept: */*", "X-a: again")
        self.assertEqual(
            lines, ["GET / HTTP/1.1", "Host: one", "X-A: b", "cookie: c", "Accept: */*", "X-a: again"]
        )

    def test_version_1_0(self) -> None:
        """HTTP/1.0 towards the server says that the connection closes."""
        self.assertEqual(
            sent("proxy_http_version 1.0;"), ["GET / HTTP/1.0", "Host: one", "Connection: close"]
        )

    def test_nothing_else(self) -> None:
        """A request with no field of its own."""
        self.assertEqual(sent(), ["GET / HTTP/1.1", "Host: one"])

    def test_version_1_0_and_fields_of_ours(self) -> None:
        """So it does where the configuration says other fields."""
        lines = sent("proxy_http_version 1.0; proxy_set_header X y;")
        self.assertEqual(lines, ["GET / HTTP/1.0", "Host: one", "X: y", "Connection: close"])

    def test_hop_by_hop(self) -> None:
        """What means something to us only is not passed on, whether it is known or ``Connection`` names it."""
        lines = sent(
            "",
            "Connection: keep-alive, X-Mine, Upgrade, te",
            "Keep-Alive: 5",
            "Proxy-Connection: keep-alive",
            "TE: trailers",
            "Trailer: X",
            "Upgrade: websocket",
            "HTTP2-Settings: x",
            "X-Mine: secret",
            "X-Yours: y",
        )
        self.assertEqual(lines, ["GET / HTTP/1.1", "Host: one", "X-Yours: y"])

    def test_expect(self) -> None:
        """``Expect`` is ours to answer."""
        world = World(CONFIG % ("", ""))
        world.client().say(get("/", "me", "Expect: 100-continue", "Content-Length: 2", method="PUT"))
        self.assertEqual(world.servers[0].read(), b"PUT / HTTP/1.1\r\nHost: one\r\nContent-Length: 2\r\n\r\n")

    def test_set(self) -> None:
        """``proxy_set_header`` replaces the client's field in any case; the rest stays."""
        lines = sent(
            'proxy_set_header X-Real-IP $remote_addr; proxy_set_header x-a "1 2";', "X-A: b", "X-B: c"
        )
        self.assertEqual(lines, ["GET / HTTP/1.1", "Host: one", "X-Real-IP: 192.0.2.7", "x-a: 1 2", "X-B: c"])

    def test_host(self) -> None:
        """``Host`` as received, or without port."""
        self.assertIn("Host: Me:80", sent("proxy_set_header Host $http_host;", host="Me:80"))
        self.assertIn("Host: me", sent("proxy_set_header Host $host;", host="Me:80"))

    def test_empty(self) -> None:
        """An empty value keeps a field from being sent, be it the client's, ours, or empty by a variable."""
        said = 'proxy_set_header Host ""; proxy_set_header X-A ""; proxy_set_header X-B $arg_none;'
        self.assertEqual(sent(said, "X-A: b", "X-B: c", "X-C: d"), ["GET / HTTP/1.1", "X-C: d"])
        self.assertEqual(sent('proxy_set_header Host "";'), ["GET / HTTP/1.1"])

    def test_connection(self) -> None:
        """``Connection`` may be said: empty keeps the connection, ``close`` does not."""
        self.assertEqual(sent('proxy_set_header Connection "";'), ["GET / HTTP/1.1", "Host: one"])
        self.assertIn("Connection: close", sent("proxy_set_header Connection close;"))
        kept = 'proxy_http_version 1.0; proxy_set_header Connection "";'
        self.assertEqual(sent(kept), ["GET / HTTP/1.0", "Host: one"])

    def test_upgrade(self) -> None:
        """The way of nginx's documentation to pass WebSocket on."""
        said = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
        lines = sent(said, "Connection: Upgrade", "Upgrade: websocket")
        self.assertEqual(lines[1:], ["Host: one", "Upgrade: websocket", "Connection: upgrade"])

    def test_framing_is_ours(self) -> None:
        """Nobody but us says how long the body is."""
        said = "proxy_set_header Content-Length 7; proxy_set_header Transfer-Encoding chunked;"
        world = World(CONFIG % ("", said))
        world.client().say(get("/", "me", "Content-Length: 2", method="PUT") + b"ab")
        self.assertEqual(
            world.servers[0].read(), b"PUT / HTTP/1.1\r\nHost: one\r\nContent-Length: 2\r\n\r\nab"
        )

    def test_inheritance(self) -> None:
        """A location that says one field inherits none, one that says nothing inherits all."""
        server = "proxy_set_header X-S s;"
        self.assertEqual(sent("", server=server)[1:], ["Host: one", "X-S: s"])
        self.assertEqual(sent("proxy_set_header X-L l;", server=server)[1:], ["Host: one", "X-L: l"])

    def test_repeated(self) -> None:
        """The same field twice is sent twice."""
        lines = sent("proxy_set_header X a; proxy_set_header X b;", "X: c")
        self.assertEqual(lines[2:], ["X: a", "X: b"])

    def test_forwarded_for(self) -> None:
        """``$proxy_add_x_forwarded_for`` goes on with what the client brought."""
        said = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
        self.assertIn("X-Forwarded-For: 192.0.2.7", sent(said))
        self.assertIn("X-Forwarded-For: 1.1.1.1, 192.0.2.7", sent(said, "X-Forwarded-For: 1.1.1.1"))

    def test_a_newline_in_the_configuration(self) -> None:
        """Not even the configuration can begin another line."""
        self.assertEqual(sent('proxy_set_header X "a\r\nY: b";')[2:], ["X: aY: b"])

    @settings(deadline=None, max_examples=80)
    @given(st.binary(max_size=12))
    def test_one_line_each(self, path: bytes) -> None:
        """Whatever a variable decodes to, a field stays one line."""
        escaped = "".join(f"%{byte:02x}" for byte in path if byte)
        lines = sent("proxy_set_header X a$uri;", path="/x" + escaped)
        self.assertEqual(len(lines), 3)
        self.assertTrue(lines[2].startswith("X: a/"))
