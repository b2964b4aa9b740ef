"""Tests of dyups.script.lua.texts."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.script.lua import texts


class TextTests(SynchronousTestCase):
    """Functions of ngx that need no request."""

    @settings(deadline=None)
    @given(st.binary())
    def test_round_trips(self, data: bytes) -> None:
        """What is escaped or coded comes back."""
        self.assertEqual(texts.unescape_uri(texts.escape_uri(data)), data)
        self.assertEqual(texts.decode_base64(texts.encode_base64(data)), data)
        self.assertEqual(texts.decode_base64(texts.encode_base64(data, True)), data)

    @settings(deadline=None)
    @given(st.binary())
    def test_anything_decodes(self, data: bytes) -> None:
        """What clients send is never an error."""
        texts.unescape_uri(data)
        texts.decode_args(data, 100)

    def test_escapes(self) -> None:
        """As lua-nginx-module has it."""
        self.assertEqual(texts.escape_uri(b"a b/c?d=\xc3\xa9"), b"a%20b%2Fc%3Fd%3D%C3%A9")
        self.assertEqual(texts.escape_uri(b"/a b?c=1", 0), b"/a%20b?c=1")
        self.assertEqual(texts.unescape_uri(b"a+b%20c%zz"), b"a b c%zz")
        self.assertEqual(texts.quote_sql_str(b"a'b\n\\"), b"'a\\'b\\n\\\\'")

    def test_pairs(self) -> None:
        """Arguments: a name alone is true, an empty name is nothing, there may be a limit."""
        self.assertEqual(texts.pairs(b"a=1&b&&c=&=x", 0), [(b"a", b"1"), (b"b", True), (b"c", b"")])
        self.assertEqual(texts.pairs(b"a=1&b=2", 1), [(b"a", b"1")])
        self.assertEqual(texts.flat([(b"a", b"1")]), (b"a", b"1"))

    def test_times(self) -> None:
        """The three spellings of a time."""
        self.assertEqual(texts.http_time(b"1290079655"), b"Thu, 18 Nov 2010 11:27:35 GMT")
        self.assertEqual(texts.cookie_time(b"1290079655"), b"Thu, 18-Nov-10 11:27:35 GMT")
        self.assertEqual(texts.cookie_time(b"2290079655"), b"Sun, 27-Jul-2042 13:14:15 GMT")
        self.assertEqual(texts.parse_http_time(b"Thu, 18 Nov 2010 11:27:35 GMT"), 1290079655)
        self.assertIsNone(texts.parse_http_time(b"yesterday"))

    def test_digests(self) -> None:
        """Digests of well-known texts."""
        self.assertEqual(texts.FUNCTIONS["md5"](b"hello"), b"5d41402abc4b2a76b9719d911017c592")
        self.assertEqual(texts.FUNCTIONS["sha1_bin"](b"").hex(), "da39a3ee5e6b4b0d3255bfef95601890afd80709")
        self.assertEqual(texts.FUNCTIONS["crc32_long"](b"hello"), 907060870)
        self.assertEqual(
            texts.FUNCTIONS["hmac_sha1"](b"key", b"The quick brown fox jumps over the lazy dog").hex(),
            "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9",
        )

    def test_not_base64(self) -> None:
        """Nil, not an error."""
        self.assertIsNone(texts.decode_base64(b"a*b"))
