"""Which variables have their values from the configuration, and which targets with them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.parser import parse_text
from dyups.config.settled import is_settled, settled_names

SETTLED = (
    ("set $a 127.0.0.1:1;", {"a"}),
    ("set $A x; set $a y;", {"a"}),
    ("set $a 1; set $b ${a}2; set $c $b$a;", {"a", "b", "c"}),
    ("map $http_x $a { default b; x c; } set $b $a;", {"a", "b"}),
    ("geo $a { default b; 127.0.0.1 c; }", {"a"}),
    ("split_clients $host $a { 50% b; * c; }", {"a"}),
    ("location / { if ($args) { set $a 1; } }", {"a"}),
)
NOT_SETTLED = (
    "set $a $host;",
    "set $a 1; set $a $arg_x;",
    "set $a $1;",
    "set $b $host; set $a $b;",
    "set $a $b; set $b $a$arg_x;",
    "map $host $a { default $host; }",
    "map $host $b { ~(?<a>.*) x; } set $a 1;",
    "set $a 1; location ~ (?<A>.*) { }",
    "set $a 1; auth_request_set $a $upstream_http_x;",
    "set $http_a 1;",
    "set $args 1;",
    "set $a 1; rewrite_by_lua_block { }",
    "set $a 1; python_hook x:y;",
)
TARGETS = (
    ("$a", True),
    ("http://$a", True),
    ("$b://$a:$b", True),
    ("http://$a/x?$arg_y", True),
    ("http://$a$request_uri", True),
    ("$a$uri$is_args$args", True),
    ("$a?$args", True),
    ("http://127.0.0.1:80$uri", True),
    ("http://$host", False),
    ("http://$a$host", False),
    ("$a.$1", False),
    ("http://$a:$arg_port", False),
    ("$arg_scheme://$a", False),
)


class SettledTests(SynchronousTestCase):
    """What is known without any request."""

    def test_settled(self) -> None:
        """Constants, tables of constants, and texts of such variables."""
        for text, names in SETTLED:
            self.assertEqual(settled_names(parse_text(text)), names, text)

    def test_not_settled(self) -> None:
        """What a client, a server or a script has a say in, anywhere in the configuration."""
        for text in NOT_SETTLED:
            names = settled_names(parse_text(text))
            self.assertFalse(names & {"a", "http_a", "args"}, text)

    def test_targets(self) -> None:
        """A target whose address is made of these alone; what is behind it is the path, and anybody's."""
        for url, expected in TARGETS:
            self.assertIs(is_settled(url, frozenset({"a", "b"})), expected, url)
