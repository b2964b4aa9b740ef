"""Variables of files and of answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.variables import ProxyVariables
from tests.proxy.conversation import World, get, head


class AnswerVariableTests(SynchronousTestCase):
    """What they read."""

    def test_upstream(self) -> None:
        """Fields and cookies of the server's answer; empty before there is one."""
        world = World(
            "server { listen 8080; location / { add_header X-Seen"
            ' "$upstream_http_x_a|$upstream_cookie_c|$upstream_http_none|$sent_http_content_type" always;'
            " proxy_pass http://127.0.0.1:9001; } }"
        )
        client = world.client()
        client.say(get("/"))
        world.servers[0].say(
            b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Type: a/b\r\nSet-Cookie: C=v; Path=/\r\nContent-Length: 0\r\n\r\n"
        )
        self.assertEqual(head(client.read())[1]["x-seen"], "1|v||a/b")
        getter = ProxyVariables().lookup("upstream_http_x_a")
        assert getter is not None
        self.assertEqual(getter(world.client().protocol.exchange), b"")

    def test_cookies(self) -> None:
        """The first cookie of the name counts; beside its ``=`` may be spaces, and no other blanks."""
        world = World(
            'server { listen 8080; location / { add_header X-Seen "[$upstream_cookie_c]";'
            " proxy_pass http://127.0.0.1:9001; } }"
        )
        client = world.client()
        cases = {
            "c=1|c=2": "1",
            "C = v w ; Path=/": "v w ",
            "c\t=v": "",
            "c|c=v": "v",
            "c==v": "=v",
            "=c=v": "",
            "cc=1|d=2": "",
        }
        for cookies, expected in cases.items():
            lines = "".join(f"Set-Cookie: {cookie}\r\n" for cookie in cookies.split("|"))
            client.say(get("/"))
            world.servers[0].say(f"HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n".encode())
            self.assertEqual(head(client.read())[1]["x-seen"], f"[{expected}]", cookies)

    def test_tunnel(self) -> None:
        """The head of a switch of protocols reads as it went out."""
        world = World(
            'server { listen 8080; location / { proxy_set_header Upgrade "x"; proxy_set_header Connection "upgrade";'
            " proxy_pass http://127.0.0.1:9001; } }"
        )
        client = world.client()
        client.say(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
        world.servers[0].say(b"HTTP/1.1 101 S\r\nUpgrade: x\r\nConnection: upgrade\r\nX-A: 1\r\n\r\n")
        exchange = client.protocol.exchange
        for name, expected in (("connection", b"upgrade"), ("upgrade", b"x"), ("x_a", b"1")):
            getter = ProxyVariables().lookup(f"sent_http_{name}")
            assert getter is not None
            self.assertEqual(getter(exchange), expected)

    def test_real_root(self) -> None:
        """The root without links; empty where there is none."""
        folder = Path(self.mktemp()).absolute()
        folder.mkdir()
        (folder / "link").symlink_to(folder)
        for name, expected in (("link", str(folder.resolve())), ("none", "")):
            world = World(f"server {{ listen 8080; root {folder}/{name}; return 200 '$realpath_root'; }}")
            self.assertEqual(head(world.ask(get("/")))[2].decode(), expected)


class LoggedTests(SynchronousTestCase):
    """What is known once the request is over."""

    def logged(self, location: str, text: str) -> tuple[World, Any, list[bytes]]:
        """A world with one request under way to a server, if it has one, and what will be logged."""
        world = World(
            "upstream one { server 127.0.0.1:9001; }"
            f"server {{ listen 8080; access_log /dev/null; location / {{ {location} }} }}"
        )
        lines: list[bytes] = []
        getters = [ProxyVariables().lookup(name) for name in text.split()]
        world.plane.log = lambda x: lines.append(
            b"|".join(getter(x) for getter in getters if getter is not None)
        )
        client = world.client()
        client.say(get("/"))
        return world, client, lines

    def test_completion(self) -> None:
        """``OK`` if the client has its whole answer; empty if it left, was cut off, or has none of it yet."""
        name = "request_completion"
        _, _, lines = self.logged("return 200 x;", name)
        self.assertEqual(lines, [b"OK"])
        _, _, lines = self.logged("return 444;", name)
        self.assertEqual(lines, [b""])
        world, client, lines = self.logged("proxy_pass http://one;", name)
        client.hang_up()
        self.assertEqual(lines, [b""])
        world, client, lines = self.logged("proxy_pass http://one;", name)
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab")
        world.servers[0].hang_up()
        self.assertEqual(lines, [b""])
        world, client, lines = self.logged("proxy_pass http://one;", name)
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab")
        client.say(get("/"))
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(lines, [b"OK", b"OK"])

    def test_not_complete_yet(self) -> None:
        """While it is answered a request is not complete."""
        world = World('server { listen 8080; return 200 "[$request_completion]"; }')
        self.assertEqual(head(world.ask(get("/")))[2], b"[]")

    def test_tunnel_completion(self) -> None:
        """A tunnel is complete when either side closes it."""
        upgrade = get("/", "x", "Upgrade: t", "Connection: upgrade")
        for end in ("client", "server"):
            world = World(
                "upstream one { server 127.0.0.1:9001; } server { listen 8080; access_log /dev/null; location / {"
                "proxy_pass http://one; proxy_set_header Upgrade t; proxy_set_header Connection upgrade; } }"
            )
            lines: list[bytes] = []
            getter = ProxyVariables().lookup("request_completion")
            assert getter is not None
            world.plane.log = lambda x, get=getter, lines=lines: lines.append(get(x))  # type: ignore[misc]
            client = world.client()
            client.say(upgrade)
            world.servers[0].say(b"HTTP/1.1 101 Switching\r\nUpgrade: t\r\nConnection: upgrade\r\n\r\n")
            (client if end == "client" else world.servers[0]).hang_up()
            self.assertEqual(lines, [b"OK"], end)

    def test_rate(self) -> None:
        """The location's limit counts once there is an answer."""
        _, _, lines = self.logged("limit_rate 10m; return 200 x;", "limit_rate")
        self.assertEqual(lines, [b"10485760"])

    def test_length(self) -> None:
        """The answer's length, whoever answers; of a body without one it is empty."""
        name = "sent_http_content_length"
        _, _, lines = self.logged("return 200 xyz;", name)
        self.assertEqual(lines, [b"3"])
        for answer, expected in (
            (b"Content-Length: 2\r\n\r\nab", b"2"),
            (b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab", b"2"),
            (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b""),
        ):
            world, _, lines = self.logged("proxy_pass http://one;", name)
            world.servers[0].say(b"HTTP/1.1 200 OK\r\n" + answer)
            self.assertEqual(lines, [expected])

    def test_nothing_cached(self) -> None:
        """What tells of a cache is empty."""
        names = "upstream_cache_status upstream_cache_key upstream_cache_etag upstream_cache_last_modified"
        _, _, lines = self.logged("return 200 x;", names)
        self.assertEqual(lines, [b"|||"])

    def test_trailers(self) -> None:
        """Fields behind the server's body, where they are passed on."""
        answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 5\r\n\r\n"
        for said, expected in (("on", b"5"), ("off", b"")):
            location = f"proxy_pass http://one; proxy_pass_trailers {said};"
            world, _, lines = self.logged(location, "upstream_trailer_x_sum")
            world.servers[0].say(answer)
            self.assertEqual(lines, [expected])
