"""Cookies that tell visitors apart."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.variables import ProxyVariables
from tests.proxy.conversation import World, complaints, get, head

KNOWN = bytes(range(1, 17))
COOKIE = b64encode(KNOWN).decode()
HEX = "04030201" + "08070605" + "0C0B0A09" + "100F0E0D"


class VisitorTests(SynchronousTestCase):
    """``userid``."""

    def world(self, said: str = "", more: str = "") -> World:
        return World(
            f'server {{ listen 8080; userid on; {said} location / {{ return 200 "[$uid_got][$uid_set]"; }} {more} }}'
        )

    def ask(self, world: World, cookie: str = "", path: str = "/") -> tuple[str, str]:
        """The cookie that is set, empty for none, and the body."""
        fields = (f"Cookie: {cookie}",) if cookie else ()
        _, found, body = head(world.ask(get(path, "x", *fields)))
        return found.get("set-cookie", ""), body.decode()

    def test_new(self) -> None:
        """A visitor without a cookie gets one: our address, the time, the process, and a number, all different."""
        world = self.world()
        values = []
        for _ in range(2):
            cookie, body = self.ask(world)
            match = re.fullmatch(r"uid=([A-Za-z0-9+/]{22}==); path=/", cookie)
            assert match is not None, cookie
            values.append(b64decode(match[1]))
            self.assertEqual(body, "[][]")
        first, second = values
        self.assertEqual((first[:4], int.from_bytes(first[4:8], "big")), (b"\x7f\0\0\1", world.plane.wall()))
        self.assertEqual(first[:12], second[:12])
        numbers = [int.from_bytes(value[12:], "big") for value in values]
        self.assertEqual((numbers[0] & 0xFF, numbers[1] - numbers[0]), (2, 256))

    def test_known(self) -> None:
        """Who has one keeps it, and it can be read, in any case and among others."""
        for cookie in (f"uid={COOKIE}", f"a=b; UID={COOKIE}; c=d", f"uid={COOKIE[:22]}garbage"):
            self.assertEqual(self.ask(self.world(), cookie), ("", f"[uid={HEX}][]"))

    def test_logged(self) -> None:
        """The access log knows what was set."""
        world = self.world("access_log /dev/null;")
        getter = ProxyVariables().lookup("uid_set")
        assert getter is not None
        logged: list[bytes] = []
        world.plane.log = lambda x: logged.append(getter(x))
        cookie, _ = self.ask(world)
        value = b64decode(cookie[4:28])
        numbers = [int.from_bytes(value[at : at + 4], "little") for at in (0, 4, 8, 12)]
        self.assertEqual(logged, [b"uid=" + b"".join(b"%08X" % number for number in numbers)])

    def test_read_alone(self) -> None:
        """``log`` reads, and sets nothing; ``off`` does neither."""
        self.assertEqual(
            self.ask(self.world("", "location /l { userid log; return 200 $uid_got; }"), "", "/l"), ("", "")
        )
        more = "location /l { userid log; return 200 $uid_got; } location /o { userid off; return 200 [$uid_got]; }"
        world = self.world("", more)
        self.assertEqual(self.ask(world, f"uid={COOKIE}", "/l"), ("", f"uid={HEX}"))
        self.assertEqual(self.ask(world, f"uid={COOKIE}", "/o"), ("", "[]"))

    def test_form(self) -> None:
        """Name, domain, path, flags and time; a name for policies goes with it."""
        world = self.world(
            "userid_name id; userid_domain d.example; userid_path /p; userid_flags secure samesite=strict;"
            "userid_expires 1d; userid_p3p 'x y'; userid_service 258;"
        )
        _, fields, _ = head(world.ask(get("/")))
        cookie = fields["set-cookie"]
        self.assertRegex(
            cookie,
            r"^id=\S{24}; expires=Mon, 10-Sep-01 01:46:40 GMT; domain=d\.example; path=/p; secure; samesite=strict$",
        )
        self.assertEqual((b64decode(cookie[3:27])[:4], fields["p3p"]), (b"\0\0\1\2", "x y"))
        self.assertIn(
            "; expires=Thu, 31-Dec-37 23:55:55 GMT; path=/", self.ask(self.world("userid_expires max;"))[0]
        )
        self.assertIn("-Aug-2051 ", self.ask(self.world("userid_expires 50y;"))[0])

    def test_version_1(self) -> None:
        """The older form has its numbers the other way round."""
        world = World("server { listen 8080; userid v1; userid_service 258; location / { return 200 x; } }")
        value = b64decode(self.ask(world)[0][4:28])
        self.assertEqual((value[:4], int.from_bytes(value[4:8], "little")), (b"\2\1\0\0", world.plane.wall()))

    def test_mark(self) -> None:
        """A cookie without the mark is sent anew with it, the same visitor's; one that has it is left alone."""
        world = self.world("userid_mark Z;")
        marked = f"{COOKIE[:22]}Z="
        self.assertTrue(self.ask(world, f"uid={COOKIE}")[0].startswith(f"uid={marked}; path=/"))
        self.assertEqual(self.ask(world, f"uid={marked}")[0], "")
        self.assertRegex(self.ask(world)[0], r"^uid=.{22}Z=; ")

    def test_nonsense(self) -> None:
        """What is no identity is told, and another one is given."""
        for value, word in (("short", "too short"), ("!" * 24, "invalid")):
            lines = complaints(self)
            self.assertNotEqual(self.ask(self.world(), f"uid={value}")[0], "")
            self.assertIn(f'client sent {word} userid cookie "uid={value}"', lines[0][1])
            self.assertEqual({level for level, _ in lines}, {"error"})

    def test_reset(self) -> None:
        """``set $uid_reset`` gives a visitor another identity, and may say so in the log."""
        for value, expected, said in (("1", True, 0), ("0", False, 0), ("''", False, 0), ("log", True, 1)):
            lines = complaints(self)
            cookie, _ = self.ask(self.world(f"set $uid_reset {value};"), f"uid={COOKIE}")
            self.assertEqual((bool(cookie), len(lines)), (expected, said))
        self.assertEqual(self.ask(self.world("add_header X [$uid_reset];"), f"uid={COOKIE}")[0], "")

    def test_forwarded(self) -> None:
        """Servers' answers have it as well, whatever their status."""
        world = World(
            "upstream one { server 127.0.0.1:9001; }"
            "server { listen 8080; userid on; location / { proxy_pass http://one; } }"
        )
        client = world.client()
        client.say(get("/"))
        world.servers[0].say(b"HTTP/1.1 404 Not Found\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")
        answer = client.read()
        self.assertIn(b"Set-Cookie: a=b\r\n", answer)
        self.assertIn(b"Set-Cookie: uid=", answer)
