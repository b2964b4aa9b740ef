"""The table of compressed answers."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.helpers import location_of, message_of

_POWERS = "512, 1k, 2k, 4k, 8k, 16k, "
BAD = {
    "gzip x;": 'invalid value "x" in "gzip" directive, it must be "on" or "off" in conf/nginx.conf:5',
    "gzip_comp_level 0;": "value must be between 1 and 9 in conf/nginx.conf:5",
    "gzip_comp_level 10;": "value must be between 1 and 9 in conf/nginx.conf:5",
    "gzip_comp_level x;": '"gzip_comp_level" directive invalid number in conf/nginx.conf:5',
    "gzip_window 3k;": f'"gzip_window" directive must be {_POWERS}or 32k in conf/nginx.conf:5',
    "gzip_window 256;": f'"gzip_window" directive must be {_POWERS}or 32k in conf/nginx.conf:5',
    "gzip_window x;": '"gzip_window" directive invalid value in conf/nginx.conf:5',
    "gzip_hash 1m;": f'"gzip_hash" directive must be {_POWERS}32k, 64k, or 128k in conf/nginx.conf:5',
    "gzip_disable (;": 'pcre2_compile() failed: missing closing parenthesis in "(" in conf/nginx.conf:5',
    "gzip_http_version 2;": 'invalid value "2" in conf/nginx.conf:5',
    "gzip_proxied foo;": 'invalid value "foo" in conf/nginx.conf:5',
    "gzip_min_length x;": '"gzip_min_length" directive invalid value in conf/nginx.conf:5',
    "gzip_static x;": 'invalid value "x" in conf/nginx.conf:5',
    "gzip_buffers 4;": 'invalid number of arguments in "gzip_buffers" directive in conf/nginx.conf:5',
}
_EXPLORER = b"Mozilla/4.0 (compatible; MSIE %b; Windows NT 5.1)"


class Compression(SynchronousTestCase):
    """What the table reads itself."""

    def test_mistakes(self) -> None:
        """Mistakes are told in nginx's words."""
        self.assertEqual({text: message_of(self, location_of, text) for text in BAD}, BAD)

    def test_types(self) -> None:
        """``text/html`` is always among them; case does not count."""
        found = location_of("gzip_types text/CSS *;").settings.compression.gzip_types
        self.assertEqual(found, {b"text/html", b"text/css", b"*"})

    def test_proxied(self) -> None:
        """``off`` outweighs the others."""
        found = location_of("gzip_proxied expired auth;").settings.compression.gzip_proxied
        self.assertEqual(found, {"expired", "auth"})
        self.assertEqual(location_of("gzip_proxied any off;").settings.compression.gzip_proxied, frozenset())

    def test_sizes(self) -> None:
        """Window and hash are given in bytes, and kept as zlib counts them."""
        found = location_of("gzip_window 4k; gzip_hash 64k;").settings.compression
        self.assertEqual((found.gzip_window, found.gzip_hash), (12, 8))

    def test_disable(self) -> None:
        """Several may be given; ``msie6`` is the old Explorers, but for 6 with its second service pack."""
        first, second = location_of(
            "gzip_disable lynx w3m; gzip_disable msie6;"
        ).settings.compression.gzip_disable
        self.assertTrue(first[0].search(b"a Lynx"))
        self.assertTrue(first[1].search(b"w3m/1"))
        found = [
            bool(second[0].search(_EXPLORER % version))
            for version in (b"4.0", b"5.5", b"6.0", b"7.0", b"10.0")
        ]
        self.assertEqual(found, [True, True, True, False, False])
        self.assertIsNone(second[0].search((_EXPLORER % b"6.0") + b"; SV1)"))

    def test_inherited(self) -> None:
        """What a block does not say it has from the block around it, and an ``if`` may say ``gzip``."""
        outer = location_of("gzip on; gzip_vary on; location /a { gzip off; }")
        inner = outer.locations[0].settings.compression
        self.assertEqual((inner.gzip, inner.gzip_vary), (False, True))
        location_of("if ($host) { gzip on; }")
