"""Tests of dyups.http1.response."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.errors import BadResponse
from dyups.http1 import response
from dyups.http1.fields import MOST_HEADS_KEPT
from dyups.http1.request import BARE_END
from dyups.http1.response import ResponseHead, read_response
from tests.http1.llhttp import Client


def head(*lines: bytes, line: bytes = b"HTTP/1.1 200 OK", end: bytes = b"\r\n") -> bytes:
    """A response head without its empty line."""
    return end.join([line, *lines])


def read(*lines: bytes, line: bytes = b"HTTP/1.1 200 OK") -> ResponseHead:
    """What is read of such a head."""
    return read_response(head(*lines, line=line))


#: What is no answer of HTTP/1.x, or one that two readers could frame differently.
BAD: list[tuple[str, bytes]] = [
    ("nothing", b""),
    ("no status line", b"hello"),
    ("HTTP/0.9", b"<html>"),
    ("an empty first line", b"\r\n" + head()),
    ("version 2", head(line=b"HTTP/2.0 200 OK")),
    ("version 0.9", head(line=b"HTTP/0.9 200 OK")),
    ("no status", head(line=b"HTTP/1.1")),
    ("a status of two digits", head(line=b"HTTP/1.1 20 OK")),
    ("a status of four digits", head(line=b"HTTP/1.1 2000 OK")),
    ("a status below 100", head(line=b"HTTP/1.1 099 Odd")),
    ("no space behind the status", head(line=b"HTTP/1.1 200OK")),
    ("a bare CR in the reason", head(line=b"HTTP/1.1 200 O\rK")),
    ("NUL in the reason", head(line=b"HTTP/1.1 200 O\0K")),
    ("two lengths", head(b"Content-Length: 5", b"Content-Length: 6")),
    ("two equal lengths", head(b"Content-Length: 5", b"Content-Length: 5")),
    ("a list of lengths", head(b"Content-Length: 5, 5")),
    ("a signed length", head(b"Content-Length: +5")),
    ("a length beyond 63 bits", head(b"Content-Length: 9223372036854775808")),
    ("an empty length", head(b"Content-Length:")),
    ("length with chunked", head(b"Content-Length: 5", b"Transfer-Encoding: chunked")),
    ("xchunked", head(b"Transfer-Encoding: xchunked")),
    ("identity", head(b"Transfer-Encoding: identity")),
    ("gzip, chunked", head(b"Transfer-Encoding: gzip, chunked")),
    ("chunked twice", head(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked")),
    ("an empty coding", head(b"Transfer-Encoding:")),
    ("a folded line", head(b"X: a", b" b")),
    ("a space before the colon", head(b"Content-Length : 5")),
    ("a space in a name", head(b"X Y: a")),
    ("no colon", head(b"words")),
    ("no name", head(b": a")),
    ("NUL in a value", head(b"X: a\0")),
    ("a bare CR in a value", head(b"X: a\rContent-Length: 5")),
    ("two CR", head(b"X: a\r", b"Y: b")),
]


class RefusalTests(SynchronousTestCase):
    """A bad answer is BadResponse, which the client sees as 502."""

    def test_table(self) -> None:
        """Each of them is refused, the first time and the next."""
        for name, raw in BAD:
            for _ in range(2):
                with self.subTest(name):
                    error = self.assertRaises(BadResponse, read_response, raw)
                    self.assertTrue(str(error).startswith("upstream sent "), (name, error))


class HeadTests(SynchronousTestCase):
    """What is read of an answer, and what of it is passed on."""

    def test_plain(self) -> None:
        """Status, length and lines; ours and the hop's fields are kept back, repeats stay."""
        found = read(
            b"Server: x",
            b"Date: now",
            b"Set-Cookie: a",
            b"Content-Length: 12",
            b"Keep-Alive: timeout=5",
            b"X-Accel-Expires: 5",
            b"x_odd!:y",
            b"Set-Cookie: b",
        )
        self.assertEqual((found.status, found.status_line, found.minor), (200, b"HTTP/1.1 200 OK", 1))
        self.assertEqual(found.sent_on, b"Set-Cookie: a\r\nx_odd!: y\r\nSet-Cookie: b\r\n")
        self.assertEqual((found.content_length, found.chunked, found.keep_alive), (12, False, True))
        self.assertEqual(found.length_line, b"Content-Length: 12\r\n")
        self.assertEqual(
            (found.value(b"set-cookie"), found.value(b"server"), found.value(b"z")), (b"a, b", b"x", b"")
        )

    def test_status_lines(self) -> None:
        """The status line goes on as HTTP/1.1, with the server's own words."""
        for line, status, minor, sent in (
            (b"HTTP/1.0 404 Nope!", 404, 0, b"HTTP/1.1 404 Nope!"),
            (b"HTTP/1.1 200", 200, 1, b"HTTP/1.1 200 "),
            (b"HTTP/1.1 200 ", 200, 1, b"HTTP/1.1 200 "),
            (b"HTTP/1.9 999 \xc3\xa4\t.", 999, 1, b"HTTP/1.1 999 \xc3\xa4\t."),
        ):
            for _ in range(2):
                found = read(line=line)
                self.assertEqual((found.status, found.minor, found.status_line), (status, minor, sent))

    def test_keep_alive(self) -> None:
        """HTTP/1.1 keeps, 1.0 does not, Connection says otherwise, and close is stronger."""
        for version, lines, kept in (
            (b"1.1", [], True),
            (b"1.0", [], False),
            (b"1.1", [b"Connection: Close"], False),
            (b"1.0", [b"Connection: keep-alive"], True),
            (b"1.0", [b"Connection: keep-alive, close"], False),
            (b"1.1", [b"Connection: keep-alive", b"Connection: close"], False),
            (b"1.0", [b"Connection: keep-alive", b"Transfer-Encoding: chunked"], False),
        ):
            self.assertEqual(read(*lines, line=b"HTTP/%b 200 OK" % version).keep_alive, kept, lines)

    def test_chunked(self) -> None:
        """chunked in any case is the one coding we know."""
        found = read(b"transfer-encoding: Chunked")
        self.assertEqual((found.chunked, found.content_length, found.sent_on), (True, -1, b""))
        self.assertEqual(found.length_line, b"")

    def test_upgrade(self) -> None:
        """The protocol that is switched to is told apart from the lines."""
        found = read(b"Upgrade: websocket", b"Connection: Upgrade", b"X: y", line=b"HTTP/1.1 101 Switching")
        self.assertEqual((found.upgrade, found.sent_on), (b"websocket", b"X: y\r\n"))

    def test_named_by_connection(self) -> None:
        """A field that Connection names goes no further; the length cannot be named away."""
        found = read(
            b"Connection: x-one, content-length", b"X-One: 1", b"X-Two: 2", b"Content-Length: 5", b"Date: x"
        )
        self.assertEqual((found.sent_on, found.content_length), (b"X-Two: 2\r\n", 5))

    def test_heads_are_apart(self) -> None:
        """Two heads with the same first line share nothing but that."""
        one, other = read(b"X: y"), read(b"X: z")
        self.assertEqual((one.sent_on, other.sent_on), (b"X: y\r\n", b"X: z\r\n"))

    def test_same_head(self) -> None:
        """The same bytes give the same head, without reading them."""
        self.assertIs(read(b"X: same"), read(b"X: same"))

    def test_bare_line_ends(self) -> None:
        """However the lines end, the same head is read, and its length is that of its bytes alone."""
        for lines in (b"\n", b"\r\n"):
            for empty in (b"\n", b"\r\n"):
                for rest in (b"", b"body", b"\r\nbody", b"a\r\n\r\nb"):
                    whole = head(b"Content-Length: 5", b"X: y", end=lines) + lines + empty
                    data = whole + rest
                    end = data.find(b"\r\n\r\n")
                    if end < 0:
                        bare = BARE_END(data)
                        assert bare is not None
                        end = bare.end()
                    found = read_response(data[:end])
                    self.assertEqual((found.length, found.content_length), (len(whole), 5), data)
                    self.assertEqual(found.sent_on, b"X: y\r\n")


class MemoryTests(SynchronousTestCase):
    """What is remembered of answers is bounded and holds no secret."""

    def test_status_lines(self) -> None:
        """However many status lines come, however long, few are remembered."""
        for number in range(response._MOST_LINES * 2):
            read(line=b"HTTP/1.1 200 reason %d" % number)
        self.assertLessEqual(len(response._LINES), response._MOST_LINES)
        long = b"HTTP/1.1 200 " + b"x" * 5000
        self.assertEqual(read(line=long).status_line, long)
        self.assertNotIn(long, response._LINES)

    def test_secrets(self) -> None:
        """Cookies are passed on and not remembered."""
        self.assertEqual(read(b"Set-Cookie: s3cr3t-of-test").sent_on, b"Set-Cookie: s3cr3t-of-test\r\n")
        self.assertEqual([line for line in response.READER.known if b"s3cr3t-of-test" in line], [])
        self.assertEqual([raw for raw in response._HEADS if b"s3cr3t-of-test" in raw], [])

    def test_heads(self) -> None:
        """However many heads come, few are remembered, and no long ones."""
        for number in range(MOST_HEADS_KEPT * 2):
            read(b"X: %d" % number)
        self.assertLessEqual(len(response._HEADS), MOST_HEADS_KEPT)
        read(b"X: " + b"long-of-test" * 300)
        self.assertEqual([raw for raw in response._HEADS if b"long-of-test" in raw], [])


lines = st.sampled_from(
    [raw for _, whole in BAD for raw in whole.split(b"\r\n")]
    + [
        b"Content-Length: 5",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        b"Connection: keep-alive",
        b"X: y",
    ]
)
heads = st.tuples(
    st.sampled_from([b"HTTP/1.1 200 OK", b"HTTP/1.0 200 OK"]),
    st.lists(st.tuples(st.sampled_from([b"\r\n"] * 6 + [b"\n", b"\r"]), lines), max_size=4),
).map(lambda parts: parts[0] + b"".join(end + line for end, line in parts[1]))


class PropertyTests(SynchronousTestCase):
    """Whatever comes is read or refused, and what is read is read as another reader reads it."""

    @given(st.binary(max_size=100) | heads | st.binary(max_size=30).map(lambda tail: b"HTTP/1.1 " + tail))
    @settings(deadline=None, max_examples=300)
    def test_read_or_refused(self, raw: bytes) -> None:
        """Any bytes give a head or BadResponse; no line of it can begin another."""
        try:
            found = read_response(raw)
        except BadResponse:
            return
        self.assertTrue(100 <= found.status <= 999)
        self.assertFalse(found.chunked and found.content_length >= 0)
        self.assertTrue(0 < found.length <= len(raw) + 4)
        for line in [*found.sent_on.split(b"\r\n"), found.status_line]:
            self.assertEqual([x for x in (b"\r", b"\n", b"\0") if x in line], [])

    @given(heads)
    @settings(deadline=None, max_examples=300)
    def test_framed_as_llhttp(self, raw: bytes) -> None:
        """Where we see a body that ends, or does not yet, llhttp sees the same or refuses the answer."""
        try:
            found = read_response(raw)
        except BadResponse:
            return
        if found.length != len(raw) + 4:
            return
        framed = b"5\r\nhello\r\n0\r\n\r\n" if found.chunked else b"hello"
        other = Client()
        other.feed(raw + b"\r\n\r\n" + framed)
        if not other.error:
            ended = found.chunked or found.content_length == 5
            self.assertEqual((other.status, other.body, other.messages), (200, b"hello", int(ended)), raw)
