"""Locations and what stands in them."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.build_location import parse_modifier
from dyups.config.model import Echo, LocationKind, Place, ProxyPass, ResourceContent, ReturnStep, SetStep
from dyups.config.parser import parse_text
from tests.config.helpers import FILE, Exchange, location_of, message_of, server_of

KINDS = {
    "/a": (LocationKind.PREFIX, "/a"),
    "= /a": (LocationKind.EXACT, "/a"),
    "=/a": (LocationKind.EXACT, "/a"),
    "^~ /a": (LocationKind.PREFIX_FIRST, "/a"),
    "^~/a": (LocationKind.PREFIX_FIRST, "/a"),
    r"~ \.php$": (LocationKind.REGEX, r"\.php$"),
    r"~\.php$": (LocationKind.REGEX, r"\.php$"),
    r"~* \.php$": (LocationKind.REGEX_CASELESS, r"\.php$"),
    r"~*\.php$": (LocationKind.REGEX_CASELESS, r"\.php$"),
    "@x": (LocationKind.NAMED, "@x"),
}
# Content of a server, which begins on line 4 of FILE.
BAD_SERVERS = {
    "location ! /a {}": 'invalid location modifier "!" in conf/nginx.conf:4',
    "location / {}\nlocation / {}": 'duplicate location "/" in conf/nginx.conf:5',
    "location /a {} location ^~ /a {}": 'duplicate location "/a" in conf/nginx.conf:4',
    "location = /a {} location = /a {}": 'duplicate location "/a" in conf/nginx.conf:4',
    "location @a {} location @a {}": 'duplicate location "@a" in conf/nginx.conf:4',
    "location /a {\nlocation /b {} }": 'location "/b" is outside location "/a" in conf/nginx.conf:5',
    "location ~ a { location /b {} }": 'location "/b" is outside location "a" in conf/nginx.conf:4',
    "location = /a { location /a/b {} }": (
        'location "/a/b" cannot be inside the exact location "/a" in conf/nginx.conf:4'
    ),
    "location @a { location /b {} }": (
        'location "/b" cannot be inside the named location "@a" in conf/nginx.conf:4'
    ),
    "location / { location @b {} }": (
        'named location "@b" can be on the server level only in conf/nginx.conf:4'
    ),
    "location ~ ( {}": 'pcre2_compile() failed: missing closing parenthesis in "(" in conf/nginx.conf:4',
    "location / { location /a {} location /a {} }": 'duplicate location "/a" in conf/nginx.conf:4',
    "proxy_pass http://a;": '"proxy_pass" directive is not allowed here in conf/nginx.conf:4',
    "location /": 'unexpected "}" in conf/nginx.conf:5',
    "location /;": 'directive "location" has no opening "{" in conf/nginx.conf:4',
    "location {}": 'invalid number of arguments in "location" directive in conf/nginx.conf:4',
}
# Content of a location, which begins on line 5 of FILE.
BAD_LOCATIONS = {
    "return;": 'invalid number of arguments in "return" directive in conf/nginx.conf:5',
    "return x;": 'invalid return code "x" in conf/nginx.conf:5',
    "return 1000;": 'invalid return code "1000" in conf/nginx.conf:5',
    "return /path;": 'invalid return code "/path" in conf/nginx.conf:5',
    "return 200 $nosuch;": 'unknown "nosuch" variable in conf/nginx.conf:5',
    "set x y;": 'invalid variable name "x" in conf/nginx.conf:5',
    "set $ y;": 'invalid variable name "$" in conf/nginx.conf:5',
    "set $host y;": 'the duplicate "host" variable in conf/nginx.conf:5',
    "\nproxy_pass $nosuch;": 'unknown "nosuch" variable in conf/nginx.conf:6',
    "proxy_set_header A $nosuch;": 'unknown "nosuch" variable in conf/nginx.conf:5',
    "echo a; proxy_pass http://a;": '"proxy_pass" directive conflicts with "echo" in conf/nginx.conf:5',
    "proxy_pass http://a; echo a;": '"echo" directive conflicts with "proxy_pass" in conf/nginx.conf:5',
    "proxy_pass http://a; proxy_pass http://b;": '"proxy_pass" directive is duplicate in conf/nginx.conf:5',
    "dyups_interface; dyups_interface;": '"dyups_interface" directive is duplicate in conf/nginx.conf:5',
    "ssi on;": '"ssi" directive is not supported in conf/nginx.conf:5',
    "if (host) {}": 'invalid condition "host" in conf/nginx.conf:5',
    "listen 80;": '"listen" directive is not allowed here in conf/nginx.conf:5',
}


class Modifiers(SynchronousTestCase):
    """Kinds of locations."""

    def test_kinds(self) -> None:
        """A modifier stands by itself or glued to the path."""
        found = {text: parse_modifier(parse_text(f"location {text} {{}}")[0]) for text in KINDS}
        self.assertEqual(found, KINDS)

    def test_mistakes(self) -> None:
        """Locations that contradict each other are refused as nginx refuses them."""
        self.assertEqual({text: message_of(self, server_of, text) for text in BAD_SERVERS}, BAD_SERVERS)

    def test_regex(self) -> None:
        """Regular expressions are compiled once; the caseless ones do not mind the case; they may repeat."""
        found = server_of("location ~ a {} location ~* a {} location ~ a {}").locations
        flags = [location.regex.flags & re.IGNORECASE for location in found if location.regex]
        self.assertEqual(flags, [0, re.IGNORECASE, 0])

    def test_nested(self) -> None:
        """Inner locations inherit settings, not steps or content."""
        outer = location_of("send_timeout 7; return 404; location /a { location ~ b {} }")
        inner = outer.locations[0]
        self.assertEqual((inner.pattern, inner.settings.send_timeout, inner.steps), ("/a", 7.0, ()))
        self.assertEqual(inner.locations[0].kind, LocationKind.REGEX)
        self.assertEqual(inner.place, Place(FILE, 5))


class Contents(SynchronousTestCase):
    """What a location does."""

    def test_mistakes(self) -> None:
        """Mistakes are nginx's, with the place."""
        self.assertEqual({text: message_of(self, location_of, text) for text in BAD_LOCATIONS}, BAD_LOCATIONS)

    def test_return(self) -> None:
        """A code, a code with a text, or a URL, which is a redirect."""
        steps = location_of('return 204; return 200 "a $host"; return http://b$uri; return 404;').steps
        found = [
            (step.code, step.text and step.text.source) for step in steps if isinstance(step, ReturnStep)
        ]
        self.assertEqual(found, [(204, None), (200, "a $host"), (302, "http://b$uri"), (404, None)])

    def test_set(self) -> None:
        """Set variables may be used anywhere, in any case, above their definition as well."""
        location = location_of("set $A b$later; set $later c; echo $a;")
        first = location.steps[0]
        assert isinstance(first, SetStep) and isinstance(location.content, Echo)
        self.assertEqual((first.name, first.value.render(Exchange({"later": b"c"}))), ("a", b"bc"))
        self.assertEqual(location.content.lines[0].render(Exchange({"a": b"x"})), b"x\n")

    def test_server_steps(self) -> None:
        """Steps may stand in the server too."""
        self.assertEqual(server_of("return 444;").steps, (ReturnStep(444),))

    def test_echo(self) -> None:
        """Arguments are joined by a space, commands are lines; -n leaves the newline away."""
        for text, lines in {
            "echo 8088;": [b"8088\n"],
            "echo a '' $host; echo;": [b"a  <host>\n", b"\n"],
            "echo -n a; echo b; echo -n;": [b"a", b"b\n", b""],
            "echo a -n;": [b"a -n\n"],
        }.items():
            content = location_of(text).content
            assert isinstance(content, Echo)
            self.assertEqual([line.render(Exchange()) for line in content.lines], lines)

    def test_contents(self) -> None:
        """The interface is a resource, proxy_pass a ProxyPass; a location may have nothing at all."""
        self.assertEqual(location_of("dyups_interface;").content, ResourceContent("dyups_interface"))
        self.assertIsInstance(location_of("proxy_pass http://a;").content, ProxyPass)
        self.assertIsNone(location_of("").content)

    def test_internal(self) -> None:
        """A location may be internal."""
        self.assertTrue(location_of("internal;").internal)
        self.assertFalse(location_of("").internal)

    def test_named_groups(self) -> None:
        """Named groups of locations and server names are variables everywhere."""
        server = server_of("server_name ~^(?<sub>.+)$; location ~ ^/(?<Rest>.*)$ { echo $sub $rest; }")
        content = server.locations[0].content
        assert isinstance(content, Echo)
        self.assertEqual(content.lines[0].render(Exchange({"sub": b"a", "rest": b"b"})), b"a b\n")
