"""Request heads that come again: remembered whole, or read anew but for their fields."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.errors import RequestRefused
from dyups.http1.request import Acceptance, RequestHead, read_request


class RememberedTests(SynchronousTestCase):
    """Heads that come again are not read again."""

    def test_same_head(self) -> None:
        """The same bytes give the same head, without reading them."""
        acceptance = Acceptance()
        raw = b"GET /a%20b?c HTTP/1.1\r\nHost: Example\r\nAccept: */*"
        first = read_request(raw, acceptance)
        self.assertIs(read_request(raw, acceptance), first)
        self.assertEqual((first.uri, first.args, first.sent_on), (b"/a b", b"c", b"Accept: */*\r\n"))

    def test_secret(self) -> None:
        """A head with a secret in it is forgotten."""
        acceptance = Acceptance()
        read_request(b"GET / HTTP/1.1\r\nHost: a\r\nCookie: secret", acceptance)
        read_request(b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: secret", acceptance)
        self.assertEqual(acceptance.heads, {})

    def test_bounded(self) -> None:
        """However many different heads come, few are kept, and no long ones."""
        acceptance = Acceptance()
        for number in range(2000):
            read_request(b"GET /%d HTTP/1.1\r\nHost: a" % number, acceptance)
        self.assertLessEqual(len(acceptance.heads), 512)
        long = b"GET /%b HTTP/1.1\r\nHost: a" % (b"x" * 3000)
        read_request(long, acceptance)
        self.assertNotIn(long, acceptance.heads)

    def test_own_acceptance(self) -> None:
        """What one server's settings let through is not what another's do."""
        raw = b"GET / HTTP/1.1\r\nHost: a\r\nX_A: b"
        loose = Acceptance(underscores_in_headers=True)
        strict = Acceptance()
        self.assertEqual(read_request(raw, loose).sent_on, b"X_A: b\r\n")
        self.assertEqual(read_request(raw, strict).sent_on, b"")
        self.assertEqual(read_request(raw, loose).sent_on, b"X_A: b\r\n")

    def test_bad_path(self) -> None:
        """A path that is none is refused with the head."""
        refusal = self.assertRaises(RequestRefused, read_request, b"GET /%zz HTTP/1.1\r\nHost: a")
        self.assertEqual(refusal.status, 400)


LINES = [
    b"GET / HTTP/1.1",
    b"POST /a%20b?c=d HTTP/1.1",
    b"GET /%zz HTTP/1.1",
    b"GET http://x/y HTTP/1.1",
    b"GET /x HTTP/1.0",
]
LINES += [
    b"GET /a HTTP/2.0",
    b"G\x00T / HTTP/1.1",
    b"GET / HTTP/1.1\nX: y",
    b"CONNECT x:1 HTTP/1.1",
    b"GET / HTTP/1.1\r",
]
BLOCKS = [
    b"\r\nHost: a\r\nCookie: c=d",
    b"\r\nHost: a\r\nCookie: c=d\r\nConnection: close",
    b"\r\nHost: b\r\nAuthorization: x\r\nContent-Length: 5",
    b"\r\nHost: b\r\nCookie: x\r\nTransfer-Encoding: chunked",
    b"\r\nHost: b\r\nCookie: x\r\nUpgrade: u\r\nConnection: upgrade\r\nExpect: 100-continue",
    b"\r\nCookie: x",
    b"\nHost: a\r\nCookie: c=d",
    b"\r\nHost: a\nCookie: c=d",
    b"",
]


class AgainTests(SynchronousTestCase):
    """Heads that have the fields of the last head of their connection."""

    @given(st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(BLOCKS)), min_size=2, max_size=5))
    @settings(deadline=None)
    def test_same_as_alone(self, heads: list[tuple[bytes, bytes]]) -> None:
        """Whatever came before on the connection, a head is read as if it came alone."""
        before = None
        for line, block in heads:
            found, alone = outcome(line + block, before), outcome(line + block, None)
            if isinstance(found, RequestHead) and isinstance(alone, RequestHead):
                for name in set(RequestHead.__dict__.get("__slots__", ())) - {"fields", "block"}:
                    self.assertEqual(getattr(found, name), getattr(alone, name), (name, heads))
                self.assertEqual([f.line for f in found.fields], [f.line for f in alone.fields])
                before = found
            else:
                self.assertEqual(found, alone, heads)

    def test_not_read_again(self) -> None:
        """Fields that came again are the very same, secrets included; another request line makes no difference."""
        first = read_request(b"GET /a HTTP/1.1\r\nHost: a\r\nCookie: c", Acceptance())
        second = read_request(b"GET /b?c HTTP/1.1\r\nHost: a\r\nCookie: c", Acceptance(), first)
        self.assertIs(second.fields, first.fields)
        self.assertEqual((second.uri, second.args, second.host), (b"/b", b"c", b"a"))


def outcome(raw: bytes, before: RequestHead | None) -> RequestHead | tuple[int, str]:
    """The head, or the refusal."""
    try:
        return read_request(raw, Acceptance(), before)
    except RequestRefused as refusal:
        return refusal.status, refusal.reason
