"""The URL of proxy_pass."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.build_proxy import parse_proxy_pass
from dyups.config.model import Place, ProxyPass
from dyups.config.parser import Directive
from dyups.config.scope import Scope
from tests.config.helpers import Table, message_of

# scheme, target, uri, has_variables
URLS: dict[str, tuple[str, str, str | None, bool]] = {
    "http://host1": ("http", "host1", None, False),
    "HTTP://host1:8080": ("http", "host1:8080", None, False),
    "http://host1/": ("http", "host1", "/", False),
    "http://[::1]:80/a?b": ("http", "[::1]:80", "/a?b", False),
    "http://host1?x=1": ("http", "host1", "?x=1", False),
    "http://unix:/run/a.sock": ("http", "unix:/run/a.sock", None, False),
    "http://unix:/run/a.sock:": ("http", "unix:/run/a.sock", None, False),
    "http://unix:/run/a.sock:/x": ("http", "unix:/run/a.sock", "/x", False),
    "http://$host": ("http", "$host", None, True),
    "http://$host/a$uri": ("http", "$host", "/a$uri", True),
    "http://host1$request_uri": ("http", "host1$request_uri", None, True),
    "http://host1/$uri": ("http", "host1", "/$uri", True),
    "$host": ("", "$host", None, True),
    "$scheme://host1/a": ("", "$scheme://host1/a", None, True),
}
ERRORS = {
    "host1": "invalid URL prefix",
    "ftp://$host": "invalid URL prefix",
    "http://": 'no host in upstream ""',
    "http:///a": 'no host in upstream ""',
    "http://a:0/": 'invalid port in upstream "a:0"',
    "http://unix:": 'no path in the unix domain socket in upstream "unix:"',
    "http://$nosuch": 'unknown "nosuch" variable',
}
NO_URI = (
    '"proxy_pass" cannot have URI part in location given by regular expression, or inside named location, '
    'or inside "if" statement, or inside "limit_except" block'
)


def parse(url: str, path_replaced: bool = True) -> ProxyPass:
    directive = Directive("proxy_pass", (url,), "f", 7)
    return parse_proxy_pass(directive, Scope("/p", Table()), path_replaced=path_replaced)


class Urls(SynchronousTestCase):
    """Parts of URLs."""

    maxDiff = None

    def test_parts(self) -> None:
        """Target and URI part are split at the first slash or question mark, before variables have values."""
        found = {}
        for url in URLS:
            made = parse(url)
            found[url] = (made.scheme, made.target.source, made.uri and made.uri.source, made.has_variables)
        self.assertEqual(found, URLS)

    def test_place(self) -> None:
        """The place is the directive's."""
        self.assertEqual(parse("http://a").place, Place("f", 7))

    def test_mistakes(self) -> None:
        """What is no URL of a server is refused with nginx's words."""
        self.assertEqual({url: message_of(self, parse, url) for url in ERRORS}, ERRORS)

    def test_uri_without_prefix(self) -> None:
        """Where a location has no prefix to replace, only a URL with variables may have a URI part."""
        self.assertEqual(message_of(self, parse, "http://a/b", False), NO_URI)
        self.assertEqual(parse("http://a", False).target.constant, b"a")
        self.assertIsNotNone(parse("http://$host/b", False).uri)
