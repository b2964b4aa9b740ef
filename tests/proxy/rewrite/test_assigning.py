"""``set`` of variables that do something."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.variables import SETTABLE
from dyups.proxy.rewrite.assigning import _KINDS, size_of
from tests.proxy.conversation import World, complaints, get, head


class ArgsTests(SynchronousTestCase):
    """``set $args``."""

    def asked(self, location: str, path: str = "/a%20b?x=1") -> bytes:
        """The target that a server gets."""
        world = World(f"upstream one {{ server 127.0.0.1:9001; }} server {{ listen 8080; {location} }}")
        world.client().say(get(path))
        return world.servers[0].got.split(b" ")[1]

    def test_servers_get_them(self) -> None:
        """Servers are asked with the arguments that were set, the path as it would be written."""
        self.assertEqual(
            self.asked("location / { set $args $args&y=2; proxy_pass http://one; }"), b"/a%20b?x=1&y=2"
        )
        self.assertEqual(self.asked("set $args y; location / { proxy_pass http://one/p/; }"), b"/p/a%20b?y")
        self.assertEqual(self.asked('location / { set $args ""; proxy_pass http://one; }'), b"/a%20b")

    def test_read(self) -> None:
        """All that reads arguments reads the new ones."""
        world = World(
            'server { listen 8080; set $args "b=2 3"; return 200 "$args$is_args$query_string $arg_b"; }'
        )
        self.assertEqual(head(world.ask(get("/?a=1")))[2], b"b=2%203?b=2%203 2%203")

    def test_place(self) -> None:
        """A path that a rewrite takes out of its location afterwards has them as well."""
        self.assertEqual(
            self.asked(
                "location /in/ { set $args c; rewrite ^/in/(.*) /out/$1 break; proxy_pass http://one/p/; }",
                "/in/x",
            ),
            b"/out/x?c",
        )

    def test_in_if(self) -> None:
        """It works where it is in a block that is chosen."""
        location = "location / { if ($arg_x) { set $args z=9; } proxy_pass http://one; }"
        self.assertEqual(self.asked(location, "/?x=1"), b"/?z=9")
        self.assertEqual(self.asked(location, "/?y=1"), b"/?y=1")


class RateTests(SynchronousTestCase):
    """``set $limit_rate``; what it does to answers is told in ``filters.test_pacing``."""

    def said(self, text: str) -> bytes:
        world = World(f'server {{ listen 8080; location / {{ {text} return 200 "$limit_rate"; }} }}')
        return head(world.ask(get("/")))[2]

    def test_size(self) -> None:
        """A size is what it reads as; the last one counts, and before the answer nothing else."""
        self.assertEqual(self.said("set $limit_rate 2k; set $limit_rate 3k;"), b"3072")
        self.assertEqual(self.said("limit_rate 1k;"), b"0")

    def test_nonsense(self) -> None:
        """What is no size changes nothing, and the error log says so."""
        lines = complaints(self)
        self.assertEqual(self.said('set $limit_rate 5000; set $limit_rate "x y";'), b"5000")
        ((level, text),) = lines
        self.assertEqual(level, "error")
        self.assertIn('*1 invalid $limit_rate "x y", client: 192.0.2.7', text)

    def test_sizes(self) -> None:
        """A value that is no size is none."""
        self.assertEqual([size_of(value) for value in (b"", b"7", b"1k", b"-1", b"\xff")], [0, 7, 1024, 0, 0])


class NamesTests(SynchronousTestCase):
    """The two lists."""

    def test_same(self) -> None:
        """The configuration lets ``set`` have exactly what there are steps for."""
        self.assertEqual({*SETTABLE}, {*_KINDS})
