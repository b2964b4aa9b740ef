"""Tests of dyups.control.patch."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config import servers as servers_module
from dyups.config.model import UpstreamSpec
from dyups.config.upstreams import parse_commands, print_commands
from dyups.control.patch import FLAGS, patched
from dyups.errors import ConfigError
from tests.config.helpers import Table

START = "server 127.0.0.1:1 weight=2;\nserver app.example:80 max_fails=3 backup;\nserver unix:/s;\n"
TABLE = Table()


def patch(text: str, start: str = START) -> list[str]:
    """The lines of the upstream after the commands."""
    return print_commands(patched(parse_commands("u", start, TABLE), text, TABLE)).splitlines()


class CommandsTests(SynchronousTestCase):
    """What each command does."""

    maxDiff = None

    def test_table(self) -> None:
        """Commands, and the upstream that they make of ``server a; server b weight=2 down;``."""
        start = "server a;server b weight=2 down;"
        table = {
            "add server c weight=3 backup;": [
                "server a;",
                "server b weight=2 down;",
                "server c weight=3 backup;",
            ],
            "add server a:81;": ["server a;", "server b weight=2 down;", "server a:81;"],
            "set server a weight=5;": ["server a weight=5;", "server b weight=2 down;"],
            "set server b weight=5;": ["server a;", "server b weight=5 down;"],
            "set server b weight=1;": ["server a;", "server b down;"],
            "set server b down=off;": ["server a;", "server b weight=2;"],
            "set server a down;": ["server a down;", "server b weight=2 down;"],
            "set server a down=on;": ["server a down;", "server b weight=2 down;"],
            "set server a down down down=on;": ["server a down;", "server b weight=2 down;"],
            "set server a down down=off;": ["server a;", "server b weight=2 down;"],
            "set server a backup=off max_fails=0 fail_timeout=1m;": [
                "server a max_fails=0 fail_timeout=60s;",
                "server b weight=2 down;",
            ],
            "set server a weight=5 weight=6;": ["server a weight=6;", "server b weight=2 down;"],
            "remove server a;": ["server b weight=2 down;"],
            "remove server A:80;": ["server b weight=2 down;"],
            "remove server a; add server a down;": ["server b weight=2 down;", "server a down;"],
            "remove server a; remove server b; add server c;": ["server c;"],
            'set server "a" # comment\n weight=5;': ["server a weight=5;", "server b weight=2 down;"],
        }
        for commands, lines in table.items():
            self.assertEqual(patch(commands, start), lines, commands)

    def test_addresses(self) -> None:
        """An address is meant however it is written: port 80 or none, names without case, IPv6, unix sockets."""
        start = "server App.example;server [::1]:80;server unix:/S;server 127.0.0.1:80;server left;"
        for address in ("app.example:80", "[::1]", "unix:/S", "127.0.0.1"):
            self.assertEqual(len(patch(f"remove server {address};", start)), 4, address)
        self.assertRaises(ConfigError, patch, "remove server unix:/s;", start)

    def test_twice(self) -> None:
        """An address that stands twice is meant both times."""
        start = "server a;server a:80 backup;server b;"
        self.assertEqual(
            patch("set server a weight=2;", start)[:2], ["server a weight=2;", "server a:80 weight=2 backup;"]
        )
        self.assertEqual(patch("remove server a;", start), ["server b;"])

    def test_other_commands_stay(self) -> None:
        """Balancing method and whatever else the upstream says stay as they are."""
        start = "hash $arg_x consistent;keepalive 7;server a;"
        self.assertEqual(
            patch("add server b;", start),
            ["hash $arg_x consistent;", "keepalive 7;", "server a;", "server b;"],
        )

    def test_drain(self) -> None:
        """``drain`` is a parameter like others, and may be taken back."""
        start = "server a;server b;"
        self.assertEqual(patch("drain server a;", start), ["server a drain;", "server b;"])
        self.assertEqual(patch("drain server a; set server a drain=off;", start), ["server a;", "server b;"])

    def test_flags(self) -> None:
        """Exactly the parameters that have no value can be taken away by ``off``."""
        bare = {name for name in servers_module._PARAMETERS if not name.endswith("=")}
        self.assertEqual(FLAGS, bare)

    def test_name(self) -> None:
        """The name keeps its spelling."""
        spec = patched(parse_commands("Shop", "server a;"), "add server b;", TABLE)
        self.assertEqual(spec.name, "Shop")


class ErrorsTests(SynchronousTestCase):
    """What is refused, with the reason and the line."""

    def test_table(self) -> None:
        """Each wrong text and what is said of it."""
        one_of = "not one of add, set, drain, remove server"
        table = {
            "": "no commands in line 1",
            "# nothing\n": "no commands in line 1",
            "server a;": f'unknown command "server a", {one_of} in line 1',
            "delete server a;": f'unknown command "delete server", {one_of} in line 1',
            "add;": f'unknown command "add", {one_of} in line 1',
            "add upstream x;": f'unknown command "add upstream", {one_of} in line 1',
            "add server b;\nadd server;": 'no address in "add server" in line 2',
            "set server unix:/s;": 'no parameters in "set server" in line 1',
            "remove server unix:/s down;": 'invalid parameter "down" in "remove server" in line 1',
            "drain server unix:/s now;": 'invalid parameter "now" in "drain server" in line 1',
            "\nremove server nobody;": 'no server "nobody" in upstream "u" in line 2',
            "add server 127.0.0.1:1;": 'server "127.0.0.1:1" is there already in upstream "u" in line 1',
            "add server b;\nadd server c wait=3;\nadd server d;": 'invalid parameter "wait=3" in line 2',
            "add server b;\nset server unix:/s weight=0;": 'invalid parameter "weight=0" in line 2',
            "set server unix:/s down=maybe;": 'invalid parameter "down=maybe" in line 1',
            "set server unix:/s weight=off;": 'invalid parameter "weight=off" in line 1',
            "add server b:99999;": 'invalid port in upstream "b:99999" in line 1',
            "add server b {": 'unexpected "{" in line 1',
            "add server b;\n}": 'unexpected "}" in line 2',
            "add server b": 'unexpected end of parameter, expecting ";" in line 1',
        }
        for text, reason in table.items():
            self.assertEqual(str(self.assertRaises(ConfigError, patch, text)), reason)

    def test_last_one(self) -> None:
        """The last server stays: the line is that of the command that would take it."""
        error = self.assertRaises(
            ConfigError, patch, "remove server a;\nremove server b;", "server a;server b;"
        )
        self.assertEqual(str(error), "no servers are inside upstream in line 2")

    def test_method(self) -> None:
        """What the balancing method does not allow is refused too, at the command that brought it."""
        error = self.assertRaises(
            ConfigError, patch, "\nadd server b backup;\nadd server c;", "ip_hash;server a;"
        )
        self.assertEqual(str(error), 'balancing method does not support parameter "backup" in line 2')


servers = st.sampled_from(["a", "b:81", "127.0.0.1", "[::1]:9", "unix:/s", "C", "c:80"])
parameters = st.sampled_from(
    ["weight=3", "weight=1", "down", "down=off", "backup", "backup=on", "max_fails=0", "x=1"]
)
commands = st.lists(
    st.builds(
        lambda verb, server, given: (
            f"{verb} server {' '.join([server, *(given if verb in ('add', 'set') else [])])};"
        ),
        st.sampled_from(["add", "set", "remove"]),
        servers,
        st.lists(parameters, max_size=3),
    ),
    min_size=1,
    max_size=6,
)


class AnyCommandsTests(SynchronousTestCase):
    """Whatever the commands are."""

    @settings(deadline=None, max_examples=150)
    @given(st.lists(servers, min_size=1, max_size=5), commands)
    def test_text_goes_round(self, start: list[str], texts: list[str]) -> None:
        """What comes out can be printed and read back as the same, or the text is refused with one of its lines."""
        spec = parse_commands("u", "".join(f"server {address};" for address in start))
        try:
            made = patched(spec, "\n".join(texts), TABLE)
        except ConfigError as error:
            self.assertIn(error.line, range(1, len(texts) + 1))
            return
        self.assertEqual(parse_commands("u", print_commands(made)), made)

    @settings(deadline=None, max_examples=100)
    @given(st.lists(servers, min_size=1, max_size=5), commands)
    def test_one_after_the_other(self, start: list[str], texts: list[str]) -> None:
        """Commands of one text do what they do in texts of their own, where each of those is accepted."""
        spec = step = parse_commands("u", "".join(f"server {address};" for address in start))
        try:
            for text in texts:
                step = patched(step, text, TABLE)
        except ConfigError:
            return
        self.assertEqual(_said(patched(spec, "".join(texts), TABLE)), _said(step))


def _said(spec: UpstreamSpec) -> str:
    return print_commands(spec)
