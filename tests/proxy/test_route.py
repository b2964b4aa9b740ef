"""Choosing server and location by nginx's rules, row by row.

The rows with a comment ``nginx`` were asked of a real nginx.
"""

from __future__ import annotations

import re

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import Listen, Location, LocationKind, LocationSettings, Server, ServerSettings
from dyups.interfaces import TcpAddress
from dyups.proxy.contents import NotFound
from dyups.proxy.deadlines import Deadlines
from dyups.proxy.exchange import Exchange
from dyups.proxy.passage import Phase
from dyups.proxy.route import ListenRoutes, capture
from dyups.proxy.serving import Serving
from tests.proxy.conversation import World, get, head

SERVERS = r"""
server { listen 8080; server_name exact.org .Dotted.com; return 200 "exact $server_name"; }
server { listen 8080; server_name *.wild.org; return 200 "leading $server_name"; }
server { listen 8080; server_name *.deep.wild.org; return 200 "deeper $server_name"; }
server { listen 8080; server_name Wild.*; return 200 "trailing $server_name"; }
server { listen 8080; server_name wild.co.*; return 200 "trailing longer"; }
server { listen 8080; server_name "~^(?<Who>r[a-z]+)\.(re|rx)$"; return 200 "regex $who $2 $server_name"; }
server { listen 8080; server_name ~^rr; return 200 "second regex"; }
server { listen 8080; server_name "" unnamed.org; return 200 "empty [$server_name][$host]"; }
server { listen 8080 default_server; server_name fallback.org; return 200 "default [$host]"; }
server { listen 8080; server_name exact.org late.org; return 200 late; }
server { listen 8081; server_name other.org; return 200 "other port"; }
"""

HOSTS = [
    ("exact.org", "exact exact.org"),
    ("EXACT.Org", "exact exact.org"),
    ("exact.org:8080", "exact exact.org"),
    ("exact.org:", "exact exact.org"),
    ("exact.org.", "exact exact.org"),  # nginx
    ("exact.org.:80", "exact exact.org"),  # nginx
    ("late.org", "late"),
    ("dotted.com", "exact exact.org"),
    ("a.dotted.com", "exact exact.org"),
    ("a.b.dotted.com", "exact exact.org"),
    ("a.wild.org", "leading *.wild.org"),  # nginx
    ("a.b.wild.org", "leading *.wild.org"),
    ("a.deep.wild.org", "deeper *.deep.wild.org"),
    ("deep.wild.org", "leading *.wild.org"),
    ("wild.org", "trailing wild.*"),  # nginx
    ("wild.co.uk", "trailing longer"),
    ("wild.co", "trailing wild.*"),
    ("wild.", "default [wild]"),  # nginx: the name is "wild"
    ("xwild.org", "default [xwild.org]"),
    ("rr.re", "regex rr re ~^(?<Who>r[a-z]+)\\.(re|rx)$"),  # nginx
    ("RR.RX", "regex rr rx ~^(?<Who>r[a-z]+)\\.(re|rx)$"),
    ("rr.zz", "second regex"),
    ("nobody.org", "default [nobody.org]"),
    ("other.org", "default [other.org]"),
    ("127.0.0.1", "default [127.0.0.1]"),
    ("[::1]:8080", "default [[::1]]"),
]

LOCATIONS = r"""
server {
    listen 8080;
    location = / { return 200 "= /"; }
    location / { return 200 "/"; }
    location /documents/ { return 200 "/documents/"; }
    location ^~ /images/ { return 200 "^~ /images/"; }
    location ~* \.(gif|jpg|jpeg)$ { return 200 "~* $1"; }
    location ~ ^/Case { return 200 "~ ^/Case"; }
    location /a { return 200 "/a"; }
    location /ab { return 200 "/ab"; }
    location = /exact { return 200 "= /exact"; }
    location /exact { return 200 "/exact"; }
    location "/white space/" { return 200 "/white space/"; }
    location /outer/ {
        return 200 "/outer/";
        location = /outer/same { return 200 "= /outer/same"; }
        location /outer/inner/ { return 200 "/outer/inner/"; }
        location ^~ /outer/first/ { return 200 "^~ /outer/first/"; }
        location ~ \.txt$ { return 200 "nested ~ txt"; }
    }
    location ^~ /guard/ {
        return 200 "^~ /guard/";
        location ~ \.gif$ { return 200 "nested ~ gif"; }
    }
    location ~ ^/deep/(?<Part>[a-z]+) {
        return 200 "~ deep $part";
        location ~ \.one$ { return 200 "nested in ~ $part"; }
    }
    location @named { return 200 "named"; }
    location /secret/ { internal; return 200 "secret"; location /secret/in/ { return 200 "inner"; } }
}
"""

PATHS = [
    ("/", "= /"),
    ("/?x=/documents/", "= /"),
    ("/index.html", "/"),
    ("/documents/document.html", "/documents/"),
    ("/documents", "/"),
    ("/images/1.gif", "^~ /images/"),
    ("/documents/1.jpg", "~* jpg"),
    ("/x.GIF", "~* GIF"),
    ("/Case.html", "~ ^/Case"),
    ("/case.html", "/"),
    ("/a", "/a"),
    ("/abc", "/ab"),
    ("/exact", "= /exact"),
    ("/exact/", "/exact"),
    ("/exac%74", "= /exact"),
    ("//documents///x", "/documents/"),
    ("/x/../documents/./x", "/documents/"),
    ("/documents/..", "= /"),
    ("/documents/.", "/documents/"),
    ("/%64ocuments/", "/documents/"),
    ("/documents%2Fx", "/documents/"),
    ("/x%2f..%2Fdocuments/x", "/documents/"),
    ("/white%20space/x", "/white space/"),
    ("/documents/%2e%2e/a", "/a"),
    ("/documents?/../../x", "/"),
    ("/documents/#/x", "/documents/"),
    ("/outer/", "/outer/"),
    ("/outer/x", "/outer/"),
    ("/outer/same", "= /outer/same"),
    ("/outer/inner/x", "/outer/inner/"),
    ("/outer/x.txt", "nested ~ txt"),
    ("/outer/inner/x.txt", "nested ~ txt"),
    ("/outer/first/x.txt", "^~ /outer/first/"),
    ("/outer/first/x.gif", "~* gif"),  # the inner ^~ stops the inner expressions only
    ("/outer/x.gif", "~* gif"),
    ("/guard/x.gif", "nested ~ gif"),
    ("/guard/x.jpg", "^~ /guard/"),
    ("/deep/abc", "~ deep abc"),
    ("/deep/abc.one", "nested in ~ abc"),
    ("/@named", "/"),
    ("/@named/x", "/"),
]

#: Where ``/path`` leads although only ``/path/`` is there: asked of nginx.
SLASHES = r"""
upstream up { server 127.0.0.1:9001; }
server {
    listen 8080;
    location /auto/ { proxy_pass http://up; }
    location ~ /auto$ { return 200 regex; }
    location /both/ { proxy_pass http://up; }
    location /both { return 200 both; }
    location = /only/ { proxy_pass http://up; }
    location = /sure { return 200 sure; }
    location /sure/ { proxy_pass http://up; }
    location /text/ { return 200 text; }
    location "/white space/" { proxy_pass http://up; }
    location /hidden/ { internal; proxy_pass http://up; }
    location /in/ { return 200 in; location /in/deep/ { proxy_pass http://up; } }
}
"""

LED = [
    ("/auto", "http://one:8080/auto/"),
    ("/auto?x=1&y", "http://one:8080/auto/?x=1&y"),
    ("/aut%6f", "http://one:8080/auto/"),
    ("/only", "http://one:8080/only/"),
    ("/white%20space", "http://one:8080/white%20space/"),
    ("/in/deep", "http://one:8080/in/deep/"),
]
NOT_LED = [("/both", 200, b"both"), ("/sure", 200, b"sure"), ("/text", 404, None), ("/hidden", 404, None)]


class ServerTests(SynchronousTestCase):
    """``server_name``."""

    def setUp(self) -> None:
        self.world = World(SERVERS)

    def test_hosts(self) -> None:
        """Exact before leading wildcard before trailing wildcard before expression, longest first, then default."""
        for host, expected in HOSTS:
            with self.subTest(host):
                self.assertEqual(head(self.world.ask(get("/", host)))[2].decode(), expected)

    def test_other_address(self) -> None:
        """Only the servers of the address that the client came to count."""
        self.assertEqual(head(self.world.ask(get("/", "exact.org"), listener=1))[2], b"other port")

    def test_absolute_form(self) -> None:
        """The host of an absolute-form target counts, whatever ``Host`` says (RFC 9112 section 3.2.2)."""
        request = b"GET http://EXACT.org:99/ HTTP/1.1\r\nHost: nobody.org\r\n\r\n"
        self.assertEqual(head(self.world.ask(request))[2], b"exact exact.org")

    def test_without_host(self) -> None:
        """HTTP/1.0 without ``Host`` is for the server with the empty name."""
        self.assertEqual(head(self.world.ask(b"GET / HTTP/1.0\r\n\r\n"))[2], b"empty [][]")

    def test_without_host_or_empty_name(self) -> None:
        """Without an empty name it is for the default server."""
        world = World("server { listen 8080; server_name a; return 200 a; } ")
        self.assertEqual(head(world.ask(b"GET / HTTP/1.0\r\n\r\n"))[2], b"a")

    def test_first_is_default(self) -> None:
        """Without ``default_server`` the first server is the default, a server without name has the empty one."""
        world = World(
            "server { listen 8080; server_name a; return 200 a; } server { listen 8080; return 200 nameless; }"
        )
        self.assertEqual(head(world.ask(get("/", "x")))[2], b"a")
        self.assertEqual(head(world.ask(b"GET / HTTP/1.0\r\n\r\n"))[2], b"nameless")


class LocationTests(SynchronousTestCase):
    """``location``."""

    def setUp(self) -> None:
        self.world = World(LOCATIONS)

    def test_paths(self) -> None:
        """The examples of nginx's documentation, nesting, and paths that are normalised first."""
        for path, expected in PATHS:
            with self.subTest(path):
                self.assertEqual(head(self.world.ask(get(path)))[2].decode(), expected)

    def test_internal(self) -> None:
        """What is ``internal``, or within it, is not there from outside."""
        for path in ("/secret/", "/secret/x", "/secret/in/x"):
            self.assertEqual(head(self.world.ask(get(path)))[0], 404)

    def test_merge_slashes_off(self) -> None:
        """``merge_slashes off`` keeps them apart."""
        world = World("server { listen 8080; merge_slashes off; location /a/ { return 200 $uri; } }")
        self.assertEqual(head(world.ask(get("/a//b")))[2], b"/a//b")
        self.assertEqual(head(world.ask(get("//a/b")))[0], 404)

    def test_nowhere(self) -> None:
        """A server without a location for the path has nothing there."""
        world = World("server { listen 8080; location = /only { return 200 x; } }")
        self.assertEqual(head(world.ask(get("/")))[0], 404)

    def test_out_of_the_root(self) -> None:
        """A path that climbs above the root, or is not percent-encoded properly, is 400."""
        for path in ("/..", "/a/../../b", "/%2e%2e/", "/%zz", "/%", "/%4", "/%00"):
            with self.subTest(path):
                self.assertEqual(head(self.world.ask(get(path)))[0], 400)

    def test_limits_are_the_locations(self) -> None:
        """The settings of the location that was chosen hold."""
        world = World(
            "server { listen 8080; location / { return 200 x; }"
            "location /c { keepalive_timeout 0; return 200 x; } }"
        )
        self.assertEqual(head(world.ask(get("/")))[1]["connection"], "keep-alive")
        self.assertEqual(head(world.ask(get("/c")))[1]["connection"], "close")


class SlashTests(SynchronousTestCase):
    """A location that ends with a slash and is passed on is found without it too."""

    def setUp(self) -> None:
        self.world = World(SLASHES)

    def test_led(self) -> None:
        """301 to the location, before expressions, with the arguments."""
        for path, expected in LED:
            with self.subTest(path):
                status, fields, _ = head(self.world.ask(get(path)))
                self.assertEqual((status, fields.get("location")), (301, expected))

    def test_not_led(self) -> None:
        """Not where another location has just that path, nor for other contents."""
        for path, status, body in NOT_LED:
            with self.subTest(path):
                answer = head(self.world.ask(get(path)))
                self.assertEqual(answer[0], status)
                if body is not None:
                    self.assertEqual(answer[2], body)
        self.assertEqual(self.world.dialled, [])


class CaptureTests(SynchronousTestCase):
    """What expressions leave behind."""

    def test_capture(self) -> None:
        """Named groups become variables in lower case; one that took no part is empty."""
        exchange = Exchange(None)  # type: ignore[arg-type]
        match = re.match(rb"(?P<Name>a)(?P<none>b)?", b"a")
        assert match is not None
        capture(exchange, match)
        self.assertEqual(exchange.user, {"name": b"a", "none": b""})
        self.assertIs(exchange.captures, match)

    def test_not_kept(self) -> None:
        """The next request on the connection sees nothing of the last one's captures and ``set``."""
        world = World(
            'server { listen 8080; location / { return 200 "[$1][$n][$v]"; }'
            'location ~ ^/(?<n>x) { set $v 1; return 200 "[$1][$n][$v]"; } }'
        )
        client = world.client()
        client.say(get("/x") + get("/"))
        self.assertIn(b"[x][x][1]", client.got)
        self.assertTrue(client.read().endswith(b"[][][]"))


class NothingThere:
    """Makes locations without content."""

    def serving(self, location: Location) -> Serving:
        return NotFound()

    def phases(self, location: Location) -> tuple[Phase, ...]:
        return ()


class LimitTests(SynchronousTestCase):
    """Settings compiled to numbers."""

    def test_padded(self) -> None:
        """Every time limit that is swept has one period more, so that none ends early; 0 stays 0."""
        settings = LocationSettings(keepalive_timeout=3.0, client_body_timeout=5.0)
        location = Location(LocationKind.PREFIX, "/", settings)
        server = Server((), ServerSettings(client_header_timeout=7.0), settings, (location,))
        listen = Listen(TcpAddress("127.0.0.1", 1), (server,), server)
        routes = ListenRoutes(listen, NothingThere(), Deadlines(Clock(), 0.5))
        root = routes.default.root
        self.assertEqual((root.keepalive_timeout, root.body_timeout, routes.header_timeout), (3.5, 5.5, 7.5))
        self.assertEqual((root.lingering_time, root.lingering_timeout, root.send_timeout), (30.5, 5.5, 60.5))
        self.assertEqual((routes.line_limit, routes.head_limit), (8192, 32768))
