"""``map`` and ``split_clients``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.murmur import murmur2
from dyups.config.upstreams import parse_commands
from tests.config.helpers import http_of, message_of
from tests.proxy.conversation import World, get, head

BAD = {
    "map $host x { }": 'invalid variable name "x" in conf/nginx.conf:3',
    "map $host $host { }": 'the duplicate "host" variable in conf/nginx.conf:3',
    "map $nosuch $x { }": 'unknown "nosuch" variable in conf/nginx.conf:3',
    "map $host $x {\na; }": "invalid number of the map parameters in conf/nginx.conf:4",
    "map $host $x { a b; A c; }": 'conflicting parameter "A" in conf/nginx.conf:3',
    "map $host $x { default a; default b; }": "duplicate default map parameter in conf/nginx.conf:3",
    "map $host $x { ~( b; }": 'pcre2_compile() failed: missing closing parenthesis in "(" in conf/nginx.conf:3',
    "map $host $x { hostnames; a.*.b c; }": (
        'invalid hostname or regular expression "a.*.b" in conf/nginx.conf:3'
    ),
    "map $host $x { a $nosuch; }": 'unknown "nosuch" variable in conf/nginx.conf:3',
    "split_clients $host $x { 0% a; }": 'invalid percent value "0%" in conf/nginx.conf:3',
    "split_clients $host $x { 60% a; 50% b; }": "percent total is greater than 100% in conf/nginx.conf:3",
    "split_clients $host $x { 5% a b; }": "invalid number of arguments in conf/nginx.conf:3",
    "split_clients $nosuch $x { * a; }": 'unknown "nosuch" variable in conf/nginx.conf:3',
}


class MapTests(SynchronousTestCase):
    """What a value maps to."""

    def mapped(self, block: str, *values: str, source: str = "$arg_v") -> list[str]:
        """The variable for each value."""
        world = World(f'map {source} $m {{ {block} }} server {{ listen 8080; return 200 "$m"; }}')
        return [head(world.ask(get(f"/?v={value}")))[2].decode() for value in values]

    def test_exact(self) -> None:
        """Values without regard to case, the default, and nothing without one."""
        self.assertEqual(self.mapped("a 1; '' none; default d;", "a", "A", "", "b"), ["1", "1", "none", "d"])
        self.assertEqual(self.mapped("a 1;", "b"), [""])
        self.assertEqual(self.mapped(r"\default 1; \hostnames 2;", "default", "hostnames"), ["1", "2"])

    def test_regex(self) -> None:
        """Regular expressions in order, after exact values; captures are there for the result."""
        found = self.mapped(
            "ab x; ~^a(?<rest>.*) $rest-$arg_v; ~*^A second; ~(.)$ $1;", "ab", "ac", "Ad", "zy"
        )
        self.assertEqual(found, ["x", "c-ac", "second", "y"])

    def test_hostnames(self) -> None:
        """Names: whole, the longest wildcard before them, the longest behind them, a dot at the end aside."""
        block = "hostnames; a.b 1; *.b 2; *.c.b 3; .d 4; a.* 5; a.b.* 6; ~x 7;"
        found = self.mapped(block, "a.b", "z.b", "z.c.b", "d", "y.d", "a.q", "a.b.q", "a.b.", "x", "A.B")
        self.assertEqual(found, ["1", "2", "3", "4", "4", "5", "6", "1", "7", "1"])

    def test_lazy(self) -> None:
        """It is computed when it is read; a volatile one again after what it depends on has changed."""
        for flag, expected in (("", b"1 1"), ("volatile;", b"1 2")):
            world = World(
                f"map $v $m {{ {flag} a 1; b 2; }} server {{ listen 8080; set $v a; set $first $m; set $v b;"
                ' return 200 "$first $m"; }'
            )
            self.assertEqual(head(world.ask(get("/")))[2], expected)

    def test_of_maps(self) -> None:
        """A map may read another that comes later, and ``set`` may overwrite it."""
        world = World(
            "map $b $a { 1 one; } map $arg_v $b { x 1; } server { listen 8080;"
            ' if ($arg_set) { set $a set; } return 200 "$a"; }'
        )
        self.assertEqual(
            [head(world.ask(get(f"/?v=x{more}")))[2] for more in ("", "&set=1")], [b"one", b"set"]
        )

    def test_at_run_time(self) -> None:
        """An upstream that is created while running may be balanced by it."""
        world = World("map $arg_v $m { default x; } server { listen 8080; }")
        spec = parse_commands("late", "server 127.0.0.1:1; hash $m;", world.upstreams.variables)
        self.assertEqual((spec.balancing.method, spec.balancing.args), ("hash", ("$m",)))

    def test_mistakes(self) -> None:
        """Mistakes are told in nginx's words, with their place."""
        self.assertEqual({text: message_of(self, http_of, text) for text in BAD}, BAD)


class SplitTests(SynchronousTestCase):
    """Shares of all requests."""

    def test_shares(self) -> None:
        """Each key has the value of its share, as nginx cuts them."""
        world = World(
            "split_clients x$arg_v $s { 0.5% a; 33.33% b; * c; } server { listen 8080; return 200 $s; }"
        )
        found = [head(world.ask(get(f"/?v={number}")))[2] for number in range(300)]
        cuts = (50 * 0xFFFFFFFF // 10000, 50 * 0xFFFFFFFF // 10000 + 3333 * 0xFFFFFFFF // 10000)
        hashes = [murmur2(b"x%d" % number) for number in range(300)]
        self.assertEqual(found, [b"a" if h < cuts[0] else b"b" if h < cuts[1] else b"c" for h in hashes])
        self.assertEqual(set(found) - {b"a"}, {b"b", b"c"})

    def test_rest(self) -> None:
        """What no share is for has nothing."""
        world = World('split_clients $arg_v $s { 0.01% a; } server { listen 8080; return 200 "$s"; }')
        self.assertEqual(head(world.ask(get("/?v=1")))[2], b"")
