"""Variables of files and of answers."""

from __future__ import annotations

from pathlib import Path

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
