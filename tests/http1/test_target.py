"""Tests of dyups.http1.target."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.http1.target import BadTarget, escape, normalise, split_absolute


class NormaliseTests(SynchronousTestCase):
    """The path as ``$uri`` and the arguments as ``$args``, as nginx has them."""

    def test_table(self) -> None:
        """What nginx makes of a target."""
        for target, path, args in (
            (b"/", b"/", b""),
            (b"/a/b?c=d", b"/a/b", b"c=d"),
            (b"/a?b?c", b"/a", b"b?c"),
            (b"/?", b"/", b""),
            (b"/a//b///c", b"/a/b/c", b""),
            (b"//", b"/", b""),
            (b"//a", b"/a", b""),
            (b"/a/", b"/a/", b""),
            (b"/a//", b"/a/", b""),
            (b"/./a/./b/.", b"/a/b/", b""),
            (b"/a/../b", b"/b", b""),
            (b"/a/b/..", b"/a/", b""),
            (b"/a/..", b"/", b""),
            (b"/a/b/../../c", b"/c", b""),
            (b"/a//../b", b"/b", b""),
            (b"/.a/..b/...", b"/.a/..b/...", b""),
            (b"/%41%62c", b"/Abc", b""),
            (b"/a%20b?c%20d", b"/a b", b"c%20d"),
            (b"/a%2fb%2F%2e%2e/c", b"/a/c", b""),
            (b"/a%3Fb%23c?d", b"/a?b#c", b"d"),
            (b"/%2541", b"/%41", b""),
            (b"/a+b", b"/a+b", b""),
            (b"/a#b", b"/a", b""),
            (b"/a?b#c", b"/a", b"b"),
            (b"/a#b?c", b"/a", b""),
            (b"/#", b"/", b""),
            (b"/a?b=//../%00%zz", b"/a", b"b=//../%00%zz"),
            (b"/%ff\xff", b"/\xff\xff", b""),
        ):
            self.assertEqual(normalise(target), (path, args), target)

    def test_refused(self) -> None:
        """Above the root there is nothing; a bad percent-encoding and NUL are errors."""
        for target in (
            b"/..",
            b"/../",
            b"/a/../..",
            b"/a/../../b",
            b"//../a",
            b"/./../a",
            b"/%2e%2e/a",
            b"/%2E./a",
            b"/..%2fa",
            b"/%",
            b"/%4",
            b"/%4g",
            b"/%zz",
            b"/%00",
            b"/a%00b",
            b"/%%41",
        ):
            self.assertRaises(BadTarget, normalise, target)

    def test_slashes_kept(self) -> None:
        """With merge_slashes off only dots are resolved; .. takes away an empty segment too."""
        for target, path in (
            (b"/a//b", b"/a//b"),
            (b"//a//", b"//a//"),
            (b"/a//../b", b"/a/b"),
            (b"/a//./b", b"/a//b"),
            (b"//..", b"/"),
        ):
            self.assertEqual(normalise(target, merge_slashes=False), (path, b""), target)

    @given(st.text("ab/.%2eEfF?#\u00e4", max_size=24).map(lambda text: b"/" + text.encode()), st.booleans())
    @settings(deadline=None, max_examples=400)
    def test_normal_form(self, target: bytes, merge: bool) -> None:
        """What comes out has no segment to resolve and is as long at most, or the target is refused."""
        try:
            path, _ = normalise(target, merge_slashes=merge)
        except BadTarget:
            return
        self.assertTrue(path.startswith(b"/"))
        self.assertLessEqual(len(path), len(target))
        segments = path.split(b"/")
        self.assertEqual({b".", b".."} & set(segments), set())
        if merge:
            self.assertNotIn(b"//", path)

    @given(st.binary(max_size=24).filter(lambda data: b"\0" not in data), st.booleans())
    @settings(deadline=None)
    def test_round_trip(self, data: bytes, merge: bool) -> None:
        """A normal path, escaped, is in one piece, can stand in a request line, and reads as the same path."""
        try:
            path, _ = normalise(escape(b"/" + data), merge_slashes=merge)
        except BadTarget:
            return
        escaped = escape(path)
        self.assertEqual([x for x in escaped if x <= 32 or x >= 127 or x in b'"#?<>\\^`{|}'], [])
        self.assertEqual(normalise(escaped, merge_slashes=merge), (path, b""))


class EscapeTests(SynchronousTestCase):
    """Decoded paths in a request line (NGX_ESCAPE_URI)."""

    def test_bytes(self) -> None:
        """Spaces, controls, what would end the path, and what is not ASCII; the rest stands as it is."""
        self.assertEqual(escape(b'/a b?c#d%e\r\n\x7f\xff"<>'), b"/a%20b%3Fc%23d%25e%0D%0A%7F%FF%22%3C%3E")
        plain = b"/azAZ09-._~!$&'()*+,;=:@[]"
        self.assertEqual(escape(plain), plain)


class AbsoluteTests(SynchronousTestCase):
    """The absolute form of a target (RFC 9112 section 3.2.2)."""

    def test_split(self) -> None:
        """Authority and the rest; without a path the path is /."""
        for target, parts in (
            (b"http://a/b?c", (b"a", b"/b?c")),
            (b"HTTPS://A:1", (b"A:1", b"/")),
            (b"http://a?b", (b"a", b"/?b")),
            (b"http://a#b", (b"a", b"/#b")),
            (b"http://a//b", (b"a", b"//b")),
        ):
            self.assertEqual(split_absolute(target), parts)

    def test_refused(self) -> None:
        """Other schemes, no authority, no scheme at all."""
        for target in (
            b"*",
            b"a:443",
            b"ftp://a/",
            b"http:/a",
            b"http://",
            b"http:///x",
            b"://a",
            b"http//a",
            b"",
        ):
            self.assertRaises(BadTarget, split_absolute, target)
