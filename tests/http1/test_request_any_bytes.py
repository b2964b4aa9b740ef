"""Request heads of any bytes: read or refused, never smuggled."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.errors import RequestRefused
from dyups.http1.request import read_request
from dyups.http1.target import BadTarget, normalise
from tests.http1.llhttp import Peer
from tests.http1.test_request import HOST, REFUSED, head

lines = st.sampled_from(
    [raw for _, _, whole in REFUSED for raw in whole.split(b"\r\n")]
    + [
        b"Content-Length: 5",
        b"Content-Length: 0",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        b"X: y",
    ]
    + [b"Connection: keep-alive, upgrade", b"Upgrade: websocket", b"Expect: 100-continue", b"X_Y: z", HOST]
)
ends = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"\r\r\n"])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A head of good and bad lines, sometimes with a byte changed."""
    first = draw(st.sampled_from([b"POST / HTTP/1.1", b"GET /a HTTP/1.0", b"PUT http://b/ HTTP/1.1"]) | lines)
    rest = draw(st.lists(lines, max_size=5))
    if draw(st.booleans()):
        rest.insert(0, HOST)
    raw = first + b"".join(draw(ends) + line for line in rest)
    if draw(st.booleans()):
        place = draw(st.integers(0, len(raw)))
        raw = (
            raw[:place]
            + draw(st.sampled_from([b"\0", b"\r", b"\n", b" ", b"\t", b":", b"_", b"5"]))
            + raw[place:]
        )
    return raw


class PropertyTests(SynchronousTestCase):
    """Whatever comes is read or refused, and what is read is read as another reader reads it."""

    @given(st.binary(max_size=200) | mutated())
    @settings(deadline=None, max_examples=300)
    def test_read_or_refused(self, raw: bytes) -> None:
        """Any bytes give a head or RequestRefused with a known status, twice the same."""
        outcomes = []
        for _ in range(2):
            try:
                found = read_request(raw)
            except RequestRefused as refusal:
                self.assertIn(refusal.status, (400, 405, 501, 505))
                outcomes.append(refusal.reason)
            else:
                self.assertTrue(found.target.startswith(b"/"))
                self.assertFalse(found.chunked and found.content_length >= 0)
                self.assertTrue(0 < found.length <= len(raw) + 4)
                for field in found.fields:
                    self.assertEqual([x for x in (b"\r", b"\n", b"\0") if x in field.line], [])
                outcomes.append(found.line)
        self.assertEqual(outcomes[0], outcomes[1])

    @given(mutated())
    @settings(deadline=None, max_examples=400)
    @example(head(b"Content-Length: 5", line=b"POST / HTTP/1.0"))
    @example(head(b"Transfer-Encoding: chunked", line=b"POST / HTTP/1.1"))
    @example(head(b"Connection: upgrade", b"Upgrade: x", b"Content-Length: 3", line=b"POST / HTTP/1.1"))
    def test_nothing_is_smuggled(self, raw: bytes) -> None:
        """Where we see a body, llhttp sees the same body or refuses the message; never another."""
        try:
            found = read_request(raw)
        except RequestRefused:
            return
        if found.length != len(raw) + 4:
            return  # the head ended before: what follows is another message
        if found.chunked:
            body, framed = b"hello", b"5\r\nhello\r\n0\r\n\r\n"
        else:
            body = framed = b"b" * min(max(found.content_length, 0), 100)
        other = Peer()
        other.feed(raw + b"\r\n\r\n" + framed)
        if other.error or other.upgraded or found.content_length > 100:
            return
        self.assertEqual((other.messages, other.body), (1, body), raw)

    @given(
        st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"PROPFIND"]),
        st.text("abc/.?=&%~!$'()*+,;:@_-", max_size=20).map(str.encode),
        st.sampled_from([b"1.0", b"1.1"]),
        st.lists(
            st.tuples(
                st.sampled_from([b"X-A", b"Accept", b"ETag", b"Cookie", b"Keep-Alive", b"Range"]),
                st.sampled_from([b" ", b"", b"\t", b"  "]),
                st.text("abc,;= /\u00e4", max_size=12).map(lambda text: text.encode().strip()),
            ),
            max_size=6,
        ),
        st.sampled_from([None, b"close", b"keep-alive"]),
        st.sampled_from([None, 0, 5]),
    )
    @settings(deadline=None)
    def test_as_llhttp(
        self,
        method: bytes,
        path: bytes,
        version: bytes,
        extra: list[tuple[bytes, bytes, bytes]],
        connection: bytes | None,
        length: int | None,
    ) -> None:
        """A good head gives the same method, target, fields, framing and keep-alive in both readers."""
        lines = [name + b":" + space + value for name, space, value in extra]
        lines += [] if connection is None else [b"Connection: " + connection]
        lines += [] if length is None else [b"Content-Length: %d" % length]
        raw = head(*lines, line=b"%b /%b HTTP/%b" % (method, path, version))
        other = Peer()
        other.feed(raw + b"\r\n\r\n" + b"b" * (length or 0))
        self.assertEqual(other.error, "")
        try:
            normalise(b"/" + path)
        except BadTarget:
            # llhttp does not look into the path; nginx does, and so do we.
            self.assertEqual(self.assertRaises(RequestRefused, read_request, raw).status, 400)
            return
        found = read_request(raw)
        self.assertEqual(
            (other.method, other.url, other.version), (found.method, found.target, version.decode())
        )
        self.assertEqual(other.fields, [(field.name, field.value) for field in found.fields])
        self.assertEqual((other.messages, len(other.body)), (1, max(found.content_length, 0)))
        self.assertEqual(other.keep_alive, found.keep_alive)
