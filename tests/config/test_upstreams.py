"""The commands of an upstream, from text and to text."""

from __future__ import annotations

import pickle
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import BalancingSpec, Place, ServerSpec, UpstreamSpec
from dyups.config.upstreams import (
    check_name,
    parse_commands,
    parse_upstreams,
    print_commands,
    print_server,
    print_server_verbose,
    print_upstream,
)
from dyups.errors import ConfigError
from tests.config.helpers import Table, message_of

SEED = "server 127.0.0.1:8089;server 127.0.0.1:8088;"
REFUSED = {
    "": "no servers are inside upstream in line 1",
    "\n": "no servers are inside upstream in line 1",
    "server a backup; server b backup;": 'no servers in upstream "a" in line 1',
    "keepalive 3;": "no servers are inside upstream in line 1",
    "server": 'unexpected end of parameter, expecting ";" in line 1',
    "server;": 'invalid number of arguments in "server" directive in line 1',
    "server a": 'unexpected end of parameter, expecting ";" in line 1',
    "server a;\nfoo b;": 'unknown directive "foo" in line 2',
    "server a; }": 'unexpected "}" in line 1',
    "server a; } upstream b { server c;": 'unexpected "}" in line 1',
    "server a {": 'directive "server" is not terminated by ";" in line 1',
    "server a;\nupstream b {\n": '"upstream" directive is not allowed here in line 2',
    "include /etc/passwd;": '"include" directive is not allowed here in line 1',
    "server a; listen 80;": '"listen" directive is not allowed here in line 1',
    "server a; least_time first;": 'invalid parameter "first" in line 1',
    "server a; least_time header now;": 'invalid parameter "now" in line 1',
    "server a; queue 0;": 'invalid value "0" in "queue" directive in line 1',
    "server a; queue 5 time=3;": 'invalid parameter "time=3" in line 1',
    "server a; queue 5 timeout=x;": 'invalid parameter "timeout=x" in line 1',
    "server a;\nhash $nosuch;": 'unknown "nosuch" variable in line 2',
    "server a; consistent_hash ${nosuch}x;": 'unknown "nosuch" variable in line 1',
    "server a; hash $;": "invalid variable name in line 1",
    "server a; hash ${uri;": 'the closing bracket in "uri" variable is missing in line 1',
    "server a; hash;": 'invalid number of arguments in "hash" directive in line 1',
    "server a; hash x consistent y;": 'invalid number of arguments in "hash" directive in line 1',
    "server a; hash x ketama;": 'invalid parameter "ketama" in line 1',
    "server a; ip_hash x;": 'invalid number of arguments in "ip_hash" directive in line 1',
    "server a; least_conn x;": 'invalid number of arguments in "least_conn" directive in line 1',
    "server a; random one;": 'invalid parameter "one" in line 1',
    "server a; random two least_time;": 'invalid parameter "least_time" in line 1',
    "server a; consistent_hash x y;": 'invalid number of arguments in "consistent_hash" directive in line 1',
    "hash x;\nip_hash; server b;": "load balancing method redefined in line 2",
    "hash x;\nhash y; server b;": '"hash" directive is duplicate in line 2',
    "hash $uri;\nserver a; server b backup;": 'balancing method does not support parameter "backup" in line 2',
    "server a; server b backup;\nip_hash;": 'balancing method does not support parameter "backup" in line 1',
    "random;server a backup;": 'balancing method does not support parameter "backup" in line 1',
    "consistent_hash x;server a backup;": 'balancing method does not support parameter "backup" in line 1',
    "server a weight=3000;\nserver b weight=277;\nhash x consistent;": (
        "the weights of all servers together make 524320 points of a hash ring, more than 524288 in line 3"
    ),
    "server a weight=0;": 'invalid parameter "weight=0" in line 1',
    "server a weight=x;": 'invalid parameter "weight=x" in line 1',
    "server a weight;": 'invalid parameter "weight" in line 1',
    "server a max_conns=-1;": 'invalid parameter "max_conns=-1" in line 1',
    "server a max_fails=;": 'invalid parameter "max_fails=" in line 1',
    "server a fail_timeout=10q;": 'invalid parameter "fail_timeout=10q" in line 1',
    "server a fail_timeout=10ms;": 'invalid parameter "fail_timeout=10ms" in line 1',
    "server a backup=1;": 'invalid parameter "backup=1" in line 1',
    "server a slow_start=1ms;": 'invalid parameter "slow_start=1ms" in line 1',
    "server a; server b slow_start=9s;\nip_hash;": (
        'balancing method does not support parameter "slow_start=9s" in line 1'
    ),
    "server a:0;": 'invalid port in upstream "a:0" in line 1',
    "server $host;": 'invalid host in upstream "$host" in line 1',
    "server a; keepalive x;": 'invalid value "x" in "keepalive" directive in line 1',
    "server a; keepalive 1 remote;": 'invalid parameter "remote" in line 1',
    "server a; keepalive 1;\nkeepalive 2;": '"keepalive" directive is duplicate in line 2',
    "server a; keepalive_timeout x;": '"keepalive_timeout" directive invalid value in line 1',
    "server a; keepalive_requests x;": '"keepalive_requests" directive invalid number in line 1',
    "server a; zone;": 'invalid number of arguments in "zone" directive in line 1',
    "server a\0;": 'invalid host in upstream "a\0" in line 1',
    "server 'a;": 'unexpected end of parameter, expecting ";" in line 1',
}
GOOD_NAMES = ("host1", "api.example.com:8443", "ä", "a*b", "a" * 255, "#x", "%2f")
BAD_NAMES = (
    "",
    "a/b",
    "a b",
    "a\tb",
    "a\0",
    "a;",
    "{",
    "}",
    '"',
    "'",
    "\\",
    "$a",
    "\x7f",
    "a" * 256,
    "ä" * 128,
)

hosts = st.sampled_from(["127.0.0.1", "10.0.0.255", "[::1]", "app.example", "a_b", "ä.example", "localhost"])
addresses = st.one_of(
    hosts,
    st.builds("{}:{}".format, hosts, st.integers(1, 65535)),
    st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).map(
        lambda path: f"unix:/{path}"
    ),
)
numbers = st.integers(0, 10**6)
server_lines = st.builds(
    lambda address, weight, conns, fails, seconds, flags: (address, weight, conns, fails, seconds, flags),
    addresses,
    st.integers(1, 10**6),
    numbers,
    numbers,
    numbers,
    st.sampled_from(
        [
            "",
            " backup",
            " down",
            " backup down",
            " drain slow_start=30s",
            " resolve",
            " route=r1 drain",
            " resolve slow_start=1m backup 'route=;{}\"'",
        ]
    ),
)
commands = st.lists(
    st.sampled_from(
        [
            "keepalive 16;",
            "keepalive_time 90s;",
            "keepalive_requests 5;",
            "keepalive_timeout 500ms;",
            "zone a 64k;",
            "resolver 127.0.0.1 [::1]:5353 valid=1m ipv6=off status_zone=z;",
            "resolver_timeout 5s;",
            "queue 10;",
            "sticky cookie id expires=1h domain=.a.example httponly secure samesite=lax 'path=/a b';",
        ]
    ),
    unique=True,
)


def body_of(servers: list[tuple[str, int, int, int, int, str]], extra: list[str]) -> str:
    """A body that says all parameters of all servers."""
    lines = [
        "server '{}' weight={} max_conns={} max_fails={} fail_timeout={}{};".format(
            address.replace("\\", "\\\\").replace("'", "\\'"), *rest
        )
        for address, *rest in servers
    ]
    return "\n".join([*lines, *extra])


class Bodies(SynchronousTestCase):
    """Bodies of POSTs."""

    maxDiff = None

    def test_seed(self) -> None:
        """The seed's body makes two servers in its order."""
        spec = parse_commands("dyhost", SEED)
        self.assertEqual(
            spec,
            UpstreamSpec(
                "dyhost",
                (
                    ServerSpec("127.0.0.1:8089", "127.0.0.1", 8089),
                    ServerSpec("127.0.0.1:8088", "127.0.0.1", 8088),
                ),
            ),
        )
        self.assertEqual(spec.place, Place("", 1))

    def test_parameters(self) -> None:
        """Every parameter of a server is read."""
        text = "server [::1]:81 weight=3 max_conns=7 max_fails=0 fail_timeout=1m backup down;"
        self.assertEqual(
            parse_commands("a", text + "server b;").servers[:1],
            (ServerSpec("[::1]:81", "::1", 81, "", 3, 7, 0, 60.0, True, True),),
        )

    def test_other_commands(self) -> None:
        """Other commands set their fields and are kept as text, in order."""
        spec = parse_commands("a", "server a;\nkeepalive  8 local;\nzone 'x y' 1m;keepalive_time 2h;")
        self.assertEqual((spec.keepalive, spec.keepalive_time), (8, 7200.0))
        self.assertEqual(spec.commands, ("keepalive 8 local;", 'zone "x y" 1m;', "keepalive_time 2h;"))

    def test_refused(self) -> None:
        """Whatever is not a good command of an upstream is refused with its line, and nothing else is said."""
        found = {body: message_of(self, parse_commands, "a", body, Table()) for body in REFUSED}
        self.assertEqual(found, REFUSED)

    @settings(deadline=None)
    @given(st.text(st.characters(exclude_categories=()), max_size=80))
    @example("\ud800;")
    @example("server unix:/\ud800;")
    def test_any_body(self, body: str) -> None:
        """Any text is accepted or a ConfigError, and does not change what the next body gives."""
        try:
            parse_commands("a", body)
        except ConfigError as error:
            self.assertEqual(error.file, "")
        self.assertEqual(len(parse_commands("a", SEED).servers), 2)

    @settings(deadline=None)
    @given(st.data())
    def test_mutated_bodies(self, data: st.DataObject) -> None:
        """A good body with a piece cut out or put in is accepted or a ConfigError with a line."""
        good = "server 127.0.0.1:8088 weight=3;\nserver 'unix:/a b' backup;\nkeepalive 3;\n"
        at = data.draw(st.integers(0, len(good)))
        piece = data.draw(
            st.sampled_from(["", "{", "}", ";", '"', "'", "\\", "\0", "#", "$", "include x;", "é", "\n"])
        )
        cut = data.draw(st.integers(0, 5))
        try:
            parse_commands("a", good[:at] + piece + good[at + cut :])
        except ConfigError as error:
            self.assertGreater(error.line, 0)


#: From what is written to the method and its arguments.
METHODS = {
    "least_conn;": ("least_conn",),
    "ip_hash;": ("ip_hash",),
    "hash $uri;": ("hash", "$uri"),
    "hash 'a b${uri}c' consistent;": ("hash", "a b${uri}c", "consistent"),
    'hash "$http_x;{";': ("hash", "$http_x;{"),
    "hash '' ;": ("hash", ""),
    "random;": ("random",),
    "random two;": ("random", "two"),
    "random two least_conn;": ("random", "two", "least_conn"),
    "consistent_hash $arg_x;": ("consistent_hash", "$arg_x"),
}


class Balancing(SynchronousTestCase):
    """Balancing methods."""

    def test_methods(self) -> None:
        """Each method is read, shown first wherever it was written, and can be written back."""
        for text, (method, *args) in METHODS.items():
            spec = parse_commands("a", f"keepalive 3; server b; {text}", Table())
            self.assertEqual(spec.balancing, BalancingSpec(method, tuple(args)))
            self.assertEqual(spec.commands[1:], ("keepalive 3;",))
            self.assertEqual(parse_commands("a", print_commands(spec), Table()), spec)
            self.assertEqual(parse_upstreams(print_upstream(spec), "d", Table()), [spec])
            self.assertTrue(print_commands(spec).startswith(method), text)

    def test_default(self) -> None:
        """Without a method it is round robin, and all such upstreams share one object for that."""
        self.assertIs(parse_commands("a", SEED).balancing, parse_commands("b", SEED).balancing)

    def test_backup(self) -> None:
        """least_conn knows backup servers."""
        spec = parse_commands("a", "least_conn; server b; server c backup;")
        self.assertEqual([server.backup for server in spec.servers], [False, True])

    def test_another_process(self) -> None:
        """An upstream with a key can be pickled: it holds the text, nothing that was compiled."""
        spec = parse_commands("a", "hash $uri$arg_x consistent; server b;", Table())
        self.assertEqual(pickle.loads(pickle.dumps(spec)), spec)

    def test_many_weights(self) -> None:
        """What a hash ring may hold bounds consistent hashing alone."""
        spec = parse_commands("a", "hash x consistent; server b weight=3276;")
        self.assertEqual(spec.servers[0].weight, 3276)
        for method in ("hash x;", "consistent_hash x;", "random;"):
            self.assertEqual(
                parse_commands("a", f"{method} server b weight=9999999;").balancing.method,
                method[:-1].split()[0],
            )

    @settings(deadline=None)
    @given(
        st.text(st.characters(exclude_characters="$\0", exclude_categories=["Cs"]), max_size=20),
        st.booleans(),
    )
    def test_any_key(self, key: str, variable: bool) -> None:
        """Whatever the key is written with, what is shown reads back as the same upstream."""
        key += "$uri" * variable
        word = key.replace("\\", "\\\\").replace("'", "\\'")
        spec = parse_commands("a", f"hash '{word}' consistent; server b;", Table())
        self.assertEqual(spec.balancing.args, (key, "consistent"))
        self.assertEqual(parse_commands("a", print_commands(spec), Table()), spec)
        self.assertEqual(parse_upstreams(print_upstream(spec), "d", Table()), [spec])

    def test_one_bad_body_never_harms_the_next(self) -> None:
        """An unknown variable is an error of its own body alone."""
        for _ in range(2):
            self.assertRaises(ConfigError, parse_commands, "a", "hash $nosuchvar; server b;", Table())
            self.assertEqual(parse_commands("a", SEED, Table()).commands, ())


class Names(SynchronousTestCase):
    """Names of upstreams."""

    def test_good(self) -> None:
        """A name may have a port, any letter, and up to 255 bytes."""
        for name in GOOD_NAMES:
            check_name(name)
            self.assertEqual(parse_commands(name, SEED).name, name)

    def test_bad(self) -> None:
        """Control characters, slashes, white space and what has a meaning in a configuration are refused."""
        for name in BAD_NAMES:
            self.assertTrue(message_of(self, check_name, name).startswith("invalid upstream name"))
            self.assertRaises(ConfigError, parse_commands, name, SEED)


class Dumps(SynchronousTestCase):
    """Texts of upstream blocks."""

    def test_blocks(self) -> None:
        """A dump is upstream blocks and comments; each upstream knows its place."""
        text = f"# dump\nupstream Host1 {{\n{SEED}\n}}\nupstream host2 {{ server a; }}\n"
        found = parse_upstreams(text, "up.conf")
        self.assertEqual([spec.name for spec in found], ["Host1", "host2"])
        self.assertEqual([spec.place for spec in found], [Place("up.conf", 2), Place("up.conf", 5)])

    def test_refused(self) -> None:
        """Everything else is refused with file and line."""
        for text, error in {
            "server a;": 'only "upstream" is allowed here, not "server" in d:1',
            "\nupstream a { }": "no servers are inside upstream in d:2",
            "upstream a/b { server a; }": "invalid upstream name 'a/b' in d:1",
            "upstream a b { server a; }": 'invalid number of arguments in "upstream" directive in d:1',
            "upstream a;": 'directive "upstream" has no opening "{" in d:1',
            "upstream a { server b;": 'unexpected end of file, expecting "}" in d:1',
            "upstream a { server b { } }": 'directive "server" is not terminated by ";" in d:1',
            "upstream a { include b; }": '"include" directive is not allowed here in d:1',
            "upstream a {\n server b:x; }": 'invalid port in upstream "b:x" in d:2',
        }.items():
            self.assertEqual(message_of(self, parse_upstreams, text, "d"), error)


class Printing(SynchronousTestCase):
    """Printed forms."""

    def test_server(self) -> None:
        """Only what differs from the defaults is printed, in the seed's form."""
        plain = ServerSpec("127.0.0.1:8088", "127.0.0.1", 8088)
        self.assertEqual(print_server(plain), "server 127.0.0.1:8088")
        full = replace(plain, weight=3, max_conns=4, max_fails=0, fail_timeout=5.0, backup=True, down=True)
        self.assertEqual(
            print_server(full),
            "server 127.0.0.1:8088 weight=3 max_conns=4 max_fails=0 fail_timeout=5s backup down",
        )

    def test_verbose(self) -> None:
        """The newer C form says every parameter."""
        server = ServerSpec("a:1", "a", 1, down=True)
        self.assertEqual(
            print_server_verbose(server),
            "server a:1 weight=1 max_conns=0 max_fails=1 fail_timeout=10 backup=0 down=1",
        )

    def test_upstream(self) -> None:
        """A block has the other commands first, then the servers."""
        spec = parse_commands("a", SEED + "keepalive 5;")
        self.assertEqual(
            print_upstream(spec),
            "upstream a {\n    keepalive 5;\n    server 127.0.0.1:8089;\n    server 127.0.0.1:8088;\n}\n",
        )
        self.assertEqual(
            print_commands(spec), "keepalive 5;\nserver 127.0.0.1:8089;\nserver 127.0.0.1:8088;\n"
        )

    @settings(deadline=None)
    @given(st.lists(server_lines, min_size=1, max_size=5), commands, st.sampled_from(GOOD_NAMES))
    def test_round_trip(
        self, servers: list[tuple[str, int, int, int, int, str]], extra: list[str], name: str
    ) -> None:
        """What is printed reads back as the same upstream, as commands and as a block, one or many."""
        spec = parse_commands(name, "server primary;" + body_of(servers, extra))
        self.assertEqual(len(spec.servers), len(servers) + 1)
        self.assertEqual(parse_commands(name, print_commands(spec)), spec)
        self.assertEqual(parse_upstreams(print_upstream(spec) * 2, "d"), [spec, spec])
