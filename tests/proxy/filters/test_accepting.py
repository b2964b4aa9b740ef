"""Which clients get compressed answers."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.compression import CompressionSettings
from dyups.proxy.filters.accepting import Acceptance, accepts_gzip
from dyups.proxy.filters.answerhead import AnswerHead
from tests.config.helpers import location_of
from tests.proxy.conversation import World, get

#: As ``ngx_http_gzip_accept_encoding`` reads them.
VALUES = {
    b"": False,
    b"gzip": True,
    b"GZIP": True,
    b"gzip, deflate": True,
    b"gzip,x": True,
    b"deflate, gzip": True,
    b"deflate,gzip": True,
    b"deflate;gzip": False,
    b"xgzip": False,
    b"xgzip, gzip": True,
    b"gzipx": False,
    b"gzip ": True,
    b"gzip ,x": True,
    b"*": False,
    b"identity": False,
    b"gzip;": True,
    b"gzip; ": True,
    b"gzip;q": False,
    b"gzip;q=": False,
    b"gzip;q=0": False,
    b"gzip;q=1": True,
    b"gzip;q=0,x": False,
    b"gzip; Q=1, x": True,
    b"gzip;q=0.": False,
    b"gzip;q=0.0": False,
    b"gzip;q=0.000": False,
    b"gzip;q=0.001": True,
    b"gzip;q=0.0001": False,
    b"gzip;q=0.5": True,
    b"gzip;q=1.0": True,
    b"gzip;q=1.000 ": True,
    b"gzip;q=1.001": False,
    b"gzip;q=2": False,
    b"gzip;q=10": False,
    b"gzip;x=1": False,
    b"gzip;q=0, gzip": False,
}

_EXPIRED = b"Expires: Thu, 01 Jan 1970 00:00:01 GMT\r\n"
_LATER = b"Expires: Thu, 31 Dec 2037 23:55:55 GMT\r\n"
_BAD = b"Expires: -1\r\n"
_LASTS = b"Last-Modified: Thu, 01 Jan 1970 00:00:01 GMT\r\n"
#: What ``gzip_proxied`` says, the lines of the answer, and whether one that came through a proxy gets it compressed.
PROXIED = (
    ("off", b"", False),
    ("any", _LATER, True),
    ("expired", _EXPIRED, True),
    ("expired", _LATER, False),
    ("expired", _BAD, False),
    ("no-cache", _EXPIRED, False),
    ("expired", b"", True),
    ("no-cache", b"Cache-Control: public, No-Cache\r\n", True),
    ("no-cache", b"Cache-Control: no-store\r\n", False),
    ("no-cache no-store", b"Cache-Control: no-store\r\n", True),
    ("private", b"Cache-Control: private=x\r\n", True),
    ("expired", b"Cache-Control: no-cache\r\n", False),
    ("no_last_modified", _LASTS, False),
    ("no_last_modified", b'ETag: "x"\r\n', True),
    ("no_etag", b'ETag: "x"\r\n', False),
    ("no_etag", _LASTS, True),
    ("auth", _LATER, False),
)


class Accepting(SynchronousTestCase):
    """``Accept-Encoding``."""

    def test_values(self) -> None:
        """Each form of the field is read as nginx reads it."""
        self.assertEqual({value: accepts_gzip(value) for value in VALUES}, VALUES)


class Asking(SynchronousTestCase):
    """What a location says besides."""

    def ok(self, said: str, lines: bytes, *fields: str, version: bytes = b"1.1", sub: bool = False) -> bool:
        """May the client have it compressed."""
        world = World("server { location / { return 200; } }")
        client = world.client()
        request = get("/", "one", "Accept-Encoding: gzip", *fields).replace(b"HTTP/1.1", b"HTTP/" + version)
        client.say(request)
        exchange = client.protocol.exchange
        exchange.sub = sub
        found: CompressionSettings = location_of(said).settings.compression
        return Acceptance(found).ok(exchange, AnswerHead(exchange, lines, -1))

    def test_proxied(self) -> None:
        """``gzip_proxied`` looks at the answer, where the request came through a proxy, and else not at all."""
        for said, lines, expected in PROXIED:
            self.assertIs(self.ok(f"gzip_proxied {said};", lines, "Via: 1.1 x"), expected, (said, lines))
            self.assertTrue(self.ok(f"gzip_proxied {said};", lines))

    def test_authorization(self) -> None:
        """A request with a password is its client's alone, if that is said."""
        self.assertTrue(self.ok("gzip_proxied auth;", _LATER, "Via: 1.1 x", "Authorization: Basic x"))
        self.assertFalse(self.ok("gzip_proxied expired;", _LATER, "Via: 1.1 x", "Authorization: Basic x"))

    def test_version(self) -> None:
        """HTTP/1.0 gets nothing compressed unless that is said."""
        self.assertFalse(self.ok("", b"", version=b"1.0"))
        self.assertTrue(self.ok("gzip_http_version 1.0;", b"", version=b"1.0"))

    def test_agents(self) -> None:
        """Neither does a client that is named."""
        for agent, expected in (
            ("curl/8", False),
            ("Mozilla/4.0 (MSIE 6.0; X)", False),
            ("Mozilla/5.0", True),
        ):
            said = "gzip_disable ^curl; gzip_disable msie6;"
            self.assertIs(self.ok(said, b"", f"User-Agent: {agent}"), expected)
        self.assertTrue(self.ok("gzip_disable ^curl;", b""))

    def test_subrequests(self) -> None:
        """What we ask ourselves we do not compress."""
        self.assertFalse(self.ok("", b"", sub=True))
