"""Sticky sessions through the proxy: which server is asked, and what goes out with the answer."""

from __future__ import annotations

from hashlib import md5

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.upstreams import parse_commands
from tests.proxy.conversation import World, get, head

CONFIG = """
upstream app { STICKY server 127.0.0.1:9001; server 127.0.0.1:9002 route=two; }
server { listen 8080; location / { proxy_pass http://app; }
         location /hidden { session_sticky_hide_cookie upstream=app; proxy_pass http://app; }
         location /own { session_sticky_hide_cookie upstream=app; proxy_set_header Cookie own=1;
                         proxy_pass http://app; } }
"""
ONE = md5(b"127.0.0.1:9001").hexdigest()


def ok(*lines: str) -> bytes:
    """A server's answer."""
    return "\r\n".join(["HTTP/1.1 200 OK", "Content-Length: 2", *lines, "", "ok"]).encode()


class StickyCase(SynchronousTestCase):
    """Two servers, and a client."""

    def world(self, sticky: str) -> World:
        """The proxy."""
        return World(CONFIG.replace("STICKY", sticky))

    def exchange(
        self, world: World, *lines: str, path: str = "/", answer: bytes = ok()
    ) -> tuple[int, str | None]:
        """One request: the port that was asked, and the cookie that the client is to keep."""
        for wire in world.servers:
            wire.read()
        client = world.client()
        client.say(get(path, "app", *lines))
        asked = next(wire for wire in world.servers if wire.got)
        self.heard = asked.read()
        asked.say(answer)
        status, fields, body = head(client.read())
        self.assertEqual((status, body), (200, b"ok"))
        return asked.getPeer().port, fields.get("set-cookie")


class NginxTests(StickyCase):
    """``sticky``."""

    def test_cookie(self) -> None:
        """Every answer names its server, and the requests that name it go there."""
        world = self.world("sticky cookie id path=/;")
        self.assertEqual(self.exchange(world), (9001, f"id={ONE}; path=/"))
        for _ in range(3):
            self.assertEqual(self.exchange(world, f"Cookie: x=1; id={ONE}"), (9001, f"id={ONE}; path=/"))
        self.assertEqual(self.exchange(world), (9002, "id=two; path=/"))
        self.assertEqual(self.exchange(world, "Cookie: id=two")[0], 9002)

    def test_cookie_after_retry(self) -> None:
        """When its server fails, a session goes to another, which the answer names."""
        world = self.world("sticky cookie id;")
        client = world.client()
        client.say(get("/", "app", "Cookie: id=two"))
        world.servers[0].hang_up()
        self.assertEqual([wire.getPeer().port for wire in world.servers], [9002, 9001])
        world.servers[1].say(ok())
        self.assertEqual(head(client.read())[1]["set-cookie"], f"id={ONE}")

    def test_route(self) -> None:
        """A variable names the server; the answer passes as it is."""
        world = self.world("sticky route $cookie_r $arg_r;")
        for _ in range(2):
            self.assertEqual(self.exchange(world, path="/?r=two"), (9002, None))

    def test_learn(self) -> None:
        """The cookie that a server sets belongs to it from then on."""
        world = self.world(
            "sticky learn create=$upstream_cookie_sid lookup=$cookie_sid zone=s:1m timeout=1h;"
        )
        self.assertEqual(self.exchange(world, answer=ok("Set-Cookie: sid=abc; Path=/"))[0], 9001)
        for _ in range(3):
            self.assertEqual(self.exchange(world, "Cookie: sid=abc"), (9001, None))
        body = "sticky learn create=$upstream_cookie_sid lookup=$cookie_sid zone=s:1m; server 127.0.0.1:9003;"
        world.upstreams.replace(
            parse_commands("app", body + "server 127.0.0.1:9001;", world.upstreams.variables), {}
        )
        self.assertEqual(self.exchange(world, "Cookie: sid=abc")[0], 9001)

    def test_drain(self) -> None:
        """A server that is to drain is asked by its sessions alone."""
        world = self.world("sticky cookie id;")
        body = "sticky cookie id; server 127.0.0.1:9001; server 127.0.0.1:9002 route=two drain;"
        world.upstreams.replace(parse_commands("app", body, world.upstreams.variables), {})
        self.assertEqual([self.exchange(world)[0] for _ in range(3)], [9001] * 3)
        self.assertEqual(self.exchange(world, "Cookie: id=two")[0], 9002)

    def test_backup(self) -> None:
        """Sessions of backup servers are theirs as long as only backups are asked."""
        world = self.world("sticky cookie id;")
        servers = (
            "server 127.0.0.1:9001 down; server 127.0.0.1:9002 backup; server 127.0.0.1:9003 backup route=b;"
        )
        body = "sticky cookie id; " + servers
        world.upstreams.replace(parse_commands("app", body, world.upstreams.variables), {})
        self.assertEqual([self.exchange(world, "Cookie: id=b")[0] for _ in range(2)], [9003, 9003])


class TengineTests(StickyCase):
    """``session_sticky``."""

    def test_insert(self) -> None:
        """The first answer sets the cookie, the others leave it; the server sees it unless it is hidden."""
        world = self.world("session_sticky cookie=id hash=plain;")
        self.assertEqual(self.exchange(world), (9001, "id=127.0.0.1:9001; Path=/"))
        self.assertEqual(self.exchange(world, "Cookie: id=two; a=1", path="/hidden"), (9002, None))
        self.assertIn(b"Cookie: id=two; a=1\r\n", self.heard)

    def test_indirect(self) -> None:
        """Where it is hidden the server gets the other cookies alone, and no field where there are none."""
        world = self.world("session_sticky cookie=id hash=plain option=indirect;")
        self.exchange(world, "Cookie: id=two; a=1", "Cookie: b=2", path="/hidden")
        self.assertIn(b"\r\nCookie: a=1; b=2\r\n", self.heard)
        self.assertEqual(self.exchange(world, "Cookie: id=two", path="/hidden")[0], 9002)
        self.assertNotIn(b"ookie", self.heard)
        self.exchange(world, "Cookie: id=two", path="/own")
        self.assertEqual(self.heard.count(b"Cookie: "), 1)
        self.assertIn(b"\r\nCookie: own=1\r\n", self.heard)

    def test_prefix(self) -> None:
        """The server's own cookie carries the server's name, which the server does not see."""
        world = self.world("session_sticky cookie=sid mode=prefix hash=plain;")
        answer = ok("Set-Cookie: sid=abc; Path=/")
        self.assertEqual(
            self.exchange(world, path="/hidden", answer=answer), (9001, "sid=127.0.0.1:9001~abc; Path=/")
        )
        self.assertEqual(self.exchange(world, "Cookie: sid=two~abc", path="/hidden")[0], 9002)
        self.assertIn(b"\r\nCookie: sid=abc\r\n", self.heard)

    def test_rewrite(self) -> None:
        """The server's own cookie becomes its name."""
        world = self.world("session_sticky cookie=sid mode=rewrite hash=plain;")
        answer = ok("Set-Cookie: sid=abc; Path=/")
        self.assertEqual(self.exchange(world, answer=answer), (9001, "sid=127.0.0.1:9001; Path=/"))
        self.assertEqual(self.exchange(world, "Cookie: sid=two")[0], 9002)

    def test_no_fallback(self) -> None:
        """With ``fallback=off`` a session whose server cannot be asked is answered 502."""
        world = self.world("session_sticky cookie=id hash=plain fallback=off;")
        self.assertEqual(head(world.ask(get("/", "app", "Cookie: id=gone")))[0], 502)
        self.assertEqual(self.exchange(world, "Cookie: id=two")[0], 9002)
