"""``proxy_pass``: which upstream is asked and for what, with and without variables.

The targets that are sent were asked of a real nginx, but for those it lets break the request line.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import World, get, head

CONFIG = r"""
upstream one { server 127.0.0.1:9001; }
upstream Two.Example { server 127.0.0.1:9002; }
upstream api.example:8443 { server 127.0.0.1:9003; }
server {
    listen 8080;
    location / { proxy_pass http://$host; }
    location /raw/ { proxy_pass http://$http_host; }
    location /fixed/ { proxy_pass http://ONE; }
    location /slash/ { proxy_pass http://one/; }
    location /swap { proxy_pass http://one/zz; }
    location = /exactly { proxy_pass http://one/other; }
    location ^~ /first/ { proxy_pass http://one/f/; }
    location /asked/ { proxy_pass http://one/?x=; }
    location /query/ { proxy_pass http://one?x=1; }
    location ~ ^/re(?<rest>/.*)$ { proxy_pass http://one; }
    location ~ ^/cut(/.*)$ { proxy_pass http://one$1; }
    location /whole/ { proxy_pass http://one/w$uri; }
    location /both/ { proxy_pass http://$host$uri; }
    location /ask/ { proxy_pass http://$arg_h/x; }
    location /mixed/ { proxy_pass http://one$arg_x/path; }
    location /args/ { proxy_pass http://one?z=$arg_x; }
    location /url/ { proxy_pass $arg_u; }
    location /address/ { proxy_pass http://127.0.0.1:8088; }
    location /address80/ { proxy_pass http://127.0.0.1:80; }
    location /port/ { proxy_pass http://127.0.0.1:$arg_p/q; }
    location /port6/ { proxy_pass http://[::1]:80$arg_p; }
    location /six/ { proxy_pass http://[::1]:8088/; }
    location /socket/ { proxy_pass http://unix:/run/a.sock:/s/; }
    location /name/ { proxy_pass http://later.example:81; }
}
"""

#: (path, Host, what the server is asked for, the Host it is told, the address dialled)
PASSED = [
    ("/x?y=1", "one", "/x?y=1", "one", "127.0.0.1:9001"),
    ("/x", "ONE:8080", "/x", "one", "127.0.0.1:9001"),
    ("/x", "two.EXAMPLE.", "/x", "two.example", "127.0.0.1:9002"),
    ("/%41//b/../c?%20", "one", "/%41//b/../c?%20", "one", "127.0.0.1:9001"),
    ("/raw/", "API.example:8443", "/raw/", "API.example:8443", "127.0.0.1:9003"),
    ("/fixed/a%20b", "x", "/fixed/a%20b", "ONE", "127.0.0.1:9001"),
    ("/slash/a%2fb%20c?d=e", "x", "/a/b%20c?d=e", "one", "127.0.0.1:9001"),
    ("/slash/", "x", "/", "one", "127.0.0.1:9001"),
    ("/slash/../slash//x", "x", "/x", "one", "127.0.0.1:9001"),
    ("/slash/a%3fb%25%23", "x", "/a%3Fb%25%23", "one", "127.0.0.1:9001"),
    ("/slash/%0d%0aX:y", "x", "/%0D%0AX:y", "one", "127.0.0.1:9001"),
    ("/swap/y", "x", "/zz/y", "one", "127.0.0.1:9001"),
    ("/swapped", "x", "/zzped", "one", "127.0.0.1:9001"),
    ("/exactly?a", "x", "/other?a", "one", "127.0.0.1:9001"),
    ("/first/g", "x", "/f/g", "one", "127.0.0.1:9001"),
    ("/query/k", "x", "/?x=1k", "one", "127.0.0.1:9001"),
    ("/re/a%20b?c", "x", "/re/a%20b?c", "one", "127.0.0.1:9001"),
    ("/cut/a?c", "x", "/a", "one", "127.0.0.1:9001"),
    ("/whole/a?c", "x", "/w/whole/a", "one", "127.0.0.1:9001"),
    ("/whole/a%20b%0d%0aX:y", "x", "/w/whole/a%20b%0D%0AX:y", "one", "127.0.0.1:9001"),
    ("/whole/%7f%09", "x", "/w/whole/%7F%09", "one", "127.0.0.1:9001"),
    ("/both/a?c", "one", "/both/a", "one", "127.0.0.1:9001"),
    ("/both/a%20b%0a", "one", "/both/a%20b%0A", "one", "127.0.0.1:9001"),
    ("/ask/?h=one", "x", "/x", "one", "127.0.0.1:9001"),
    ("/ask/?h=One/y", "x", "/y/x", "One", "127.0.0.1:9001"),
    ("/ask/?h=one?y", "x", "/?y/x", "one", "127.0.0.1:9001"),
    ("/mixed/?x=/a", "x", "/a/path", "one", "127.0.0.1:9001"),
    ("/mixed/", "x", "/path", "one", "127.0.0.1:9001"),
    ("/args/k?x=1", "x", "/?z=1", "one", "127.0.0.1:9001"),
    ("/url/k?u=http://one/q?r=1", "x", "/q?r=1", "one", "127.0.0.1:9001"),
    ("/url/k?u=HTTP://one?r=1", "x", "/?r=1", "one", "127.0.0.1:9001"),
    ("/url/k?u=http://one", "x", "/url/k?u=http://one", "one", "127.0.0.1:9001"),
    ("/address/x", "x", "/address/x", "127.0.0.1:8088", "127.0.0.1:8088"),
    ("/address80/x", "x", "/address80/x", "127.0.0.1", "127.0.0.1:80"),
    ("/port/x?p=8099", "x", "/q", "127.0.0.1:8099", "127.0.0.1:8099"),
    ("/port6/x?p=99", "x", "/port6/x?p=99", "[::1]:8099", "[::1]:8099"),
    ("/six/x", "x", "/x", "[::1]:8088", "[::1]:8088"),
    ("/socket/x", "x", "/s/x", "localhost", "unix:/run/a.sock"),
    ("/name/x", "x", "/name/x", "later.example:81", "192.0.2.1:81"),
    ("/raw/x", "later.example:81", "/raw/x", "later.example:81", "192.0.2.1:81"),
]

#: (path, Host, status, what the error log says)
REFUSED = [
    ("/", "three", 502, 'no host "three" to pass the request to: no upstream of that name'),
    ("/raw/", "one:8080", 502, 'no host "one:8080" to pass'),
    ("/", "127.0.0.1", 502, "dyups_literal_targets is off"),
    ("/raw/", "127.0.0.1:8088", 502, "dyups_literal_targets is off"),
    ("/raw/", "[::1]:8088", 502, "dyups_literal_targets is off"),
    ("/ask/?h=unix:/run/a.sock:", "x", 502, "dyups_literal_targets is off"),
    ("/ask/?h=127.0.0.1:8088/y", "x", 502, "dyups_literal_targets is off"),
    ("/ask/", "x", 502, 'no host ""'),
    ("/port/?p=80@192.0.2.1", "x", 502, 'no host "127.0.0.1:80@192.0.2.1"'),
    ("/port/?p=.192.0.2.1:80", "x", 502, 'no host "127.0.0.1:.192.0.2.1:80"'),
    ("/port/", "x", 502, 'no host "127.0.0.1:"'),
    ("/ask/?h=user@one", "x", 502, 'no host "user@one"'),
    ("/mixed/?x=:9001", "x", 502, 'no host "one:9001"'),
    ("/url/", "x", 500, 'invalid URL prefix in ""'),
    ("/url/?u=one", "x", 500, 'invalid URL prefix in "one"'),
    ("/url/?u=ftp://one/", "x", 500, 'invalid URL prefix in "ftp://one/"'),
    ("/url/?u=https://two:1/", "x", 502, 'no host "two:1"'),
    ("/url/?u=http://", "x", 502, 'no host ""'),
]


class TargetTests(SynchronousTestCase):
    """Where requests go."""

    def setUp(self) -> None:
        self.lines: list[str] = []

        def note(event: dict[str, object]) -> None:
            if "nginx_level" in event:
                self.lines.append(str(event["text"]))

        globalLogPublisher.addObserver(note)
        self.addCleanup(globalLogPublisher.removeObserver, note)

    def test_passed(self) -> None:
        """Group, target, ``Host`` and address of each form."""
        for path, host, uri, told, address in PASSED:
            with self.subTest(path):
                world = World(CONFIG)
                world.client().say(get(path, host))
                self.assertEqual([str(dialled.address) for dialled in world.dialled], [address])
                expected = f"GET {uri} HTTP/1.1\r\nHost: {told}\r\n\r\n".encode()
                self.assertEqual(world.servers[0].read(), expected)

    def test_refused(self) -> None:
        """Whatever is no known upstream is answered at once, nobody is dialled, and the log says why."""
        for path, host, status, reason in REFUSED:
            with self.subTest(path):
                world = World(CONFIG)
                self.lines.clear()
                self.assertEqual(head(world.ask(get(path, host)))[0], status)
                self.assertEqual(world.dialled, [])
                self.assertEqual(len([line for line in self.lines if reason in line]), 1, self.lines)

    def test_literals_allowed(self) -> None:
        """``dyups_literal_targets on`` lets addresses through, and nothing else."""
        world = World("dyups_literal_targets on;" + CONFIG)
        for path, host, address in (
            ("/", "127.0.0.9", "127.0.0.9:80"),
            ("/raw/", "127.0.0.9:22", "127.0.0.9:22"),
            ("/raw/", "[::9]:22", "[::9]:22"),
            ("/ask/?h=127.0.0.9:1/y", "x", "127.0.0.9:1"),
        ):
            world.client().say(get(path, host))
            self.assertEqual(str(world.dialled[-1].address), address)
        before = len(world.dialled)
        self.assertEqual(head(world.ask(get("/", "unknown")))[0], 502)
        self.assertEqual(head(world.ask(get("/raw/", "127.0.0.9:99999")))[0], 502)
        self.assertEqual(len(world.dialled), before)

    def test_sockets_allowed(self) -> None:
        """So do sockets, whose path a colon parts from the URI part."""
        world = World("dyups_literal_targets on;" + CONFIG)
        for said, path, line in (
            ("unix:/run/A:/x?y=1", "/run/A", b"GET /x?y=1/x HTTP/1.1"),
            ("UNIX:/run/A:", "/run/A", b"GET /x HTTP/1.1"),
        ):
            world.client().say(get(f"/ask/?h={said}", "x"))
            self.assertEqual(world.dialled[-1].address.path, path)
            self.assertTrue(world.servers[-1].read().startswith(line + b"\r\nHost: localhost\r\n"))
        refused = World(CONFIG)
        self.assertEqual(head(refused.ask(get("/ask/?h=unix:/run/A:/x", "x")))[0], 502)
        self.assertEqual(refused.dialled, [])

    def test_without_host(self) -> None:
        """HTTP/1.0 without ``Host`` names no upstream."""
        world = World(CONFIG)
        self.assertEqual(head(world.ask(b"GET / HTTP/1.0\r\n\r\n"))[0], 502)

    def test_map_first(self) -> None:
        """An upstream that comes later takes the place of an implicit one, and gives it back."""
        world = World(CONFIG)
        later = World("upstream later.example:81 { server 127.0.0.1:9009; } " + CONFIG)
        world.upstreams.replace(next(later.upstreams.specs()), {"127.0.0.1": ("127.0.0.1",)})
        world.client().say(get("/name/"))
        self.assertEqual(str(world.dialled[-1].address), "127.0.0.1:9009")
        world.upstreams.delete("later.example:81")
        world.client().say(get("/name/"))
        self.assertEqual(str(world.dialled[-1].address), "192.0.2.1:81")

    def test_deleted(self) -> None:
        """A constant name whose upstream is gone is 502."""
        world = World(CONFIG)
        world.upstreams.delete("one")
        self.assertEqual(head(world.ask(get("/fixed/")))[0], 502)
        self.assertEqual(head(world.ask(get("/", "one")))[0], 502)

    @settings(deadline=None, max_examples=60)
    @given(st.binary(max_size=12), st.sampled_from(["/slash/", "/whole/", "/both/", "/cut/", "/swap"]))
    def test_one_request_line(self, path: bytes, place: str) -> None:
        """Whatever a path decodes to, the server gets one request line with one target, and one ``Host``."""
        world = World(CONFIG)
        escaped = "".join(f"%{byte:02x}" for byte in path)
        world.client().say(get(place + escaped, "one"))
        for server in world.servers:
            lines = server.read().split(b"\r\n")
            self.assertEqual(len(lines), 4)
            self.assertEqual(len(lines[0].split(b" ")), 3)
            self.assertFalse(any(byte < 33 or byte == 127 for byte in lines[0].split(b" ")[1]))


class SettledTests(SynchronousTestCase):
    """Variables that the configuration gives their values."""

    def test_addresses(self) -> None:
        """They may say any address, with scheme and path or without; what a client says may still say none."""
        world = World(
            "server { listen 8080; set $to 127.0.0.1:9007; set $url http://$to/base;"
            " location /host { proxy_pass http://$to; } location /whole { proxy_pass $url; }"
            " location /path { proxy_pass http://$to$uri; } location /asked { proxy_pass http://$arg_to; } }"
        )
        for path, asked in (("/host?x", b"/host?x"), ("/whole", b"/base"), ("/path?x", b"/path")):
            client = world.client()
            client.say(get(path))
            self.assertTrue(world.servers[-1].got.startswith(b"GET %b HTTP/" % asked), path)
        self.assertEqual(len(world.servers), 3)
        self.assertEqual(head(world.ask(get("/asked?to=127.0.0.1:9007")))[0], 502)
