"""Tests of dyups.http1.chunked."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.http1.chunked import LAST_CHUNK, BadChunk, ChunkedReader, chunk
from tests.http1.llhttp import Peer

#: (whole body on the wire, its data)
GOOD = [
    (b"0\r\n\r\n", b""),
    (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", b"hello world"),
    (b"A\r\n0123456789\r\n0000\r\n\r\n", b"0123456789"),
    (b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    (b"00000000000005\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
    (b'5;name=value;other="a b"\r\nhello\r\n0;last\r\n\r\n', b"hello"),
    (b"5 \t;\tx\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"5;\xc3\xa4\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"5\r\nhello\r\n0\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n", b"hello"),
    (b"1;" + b"e" * 4094 + b"\r\nx\r\n0\r\n\r\n", b"x"),
    (b"0\r\n" + b"T: " + b"t" * 16381 + b"\r\n\r\n", b""),
]

#: What is no chunked body, with the reason that is told.
BAD = [
    (b"\r\nhello", "invalid chunk size"),
    (b"x\r\n", "invalid chunk size"),
    (b"0x5\r\nhello\r\n", "invalid chunk size"),
    (b"+5\r\nhello\r\n", "invalid chunk size"),
    (b"-5\r\nhello\r\n", "invalid chunk size"),
    (b" 5\r\nhello\r\n", "invalid chunk size"),
    (b"5_0\r\nhello\r\n", "invalid chunk size"),
    (b"5 5\r\nhello\r\n", "invalid chunk size"),
    (b"\xd9\xa5\r\nhello\r\n", "invalid chunk size"),
    (b"1234567890abcdef\r\n", "invalid chunk size"),
    (b"5;a\0b\r\nhello\r\n", "invalid chunk size"),
    (b"5;a\rb\r\nhello\r\n", "invalid chunk size"),
    (b"5\r\r\nhello\r\n", "invalid chunk size"),
    (b"5\nhello\r\n0\r\n\r\n", "line without CR"),
    (b"5;\nhello\r\n0\r\n\r\n", "line without CR"),
    (b"\nhello\r\n0\r\n\r\n", "line without CR"),
    (b"5\r\nhello\n0\r\n\r\n", "line without CR"),
    (b"0\r\n\n", "line without CR"),
    (b"0\r\nX: y\n\r\n", "line without CR"),
    (b"5\r\nhello, world\r\n", "chunk data longer than its size"),
    (b"5\r\nhello0\r\n\r\n", "chunk data longer than its size"),
    (b"5\r\nhello\r\r\n0\r\n\r\n", "chunk data longer than its size"),
    (b"0\r\nno colon\r\n\r\n", "invalid trailer"),
    (b"0\r\n folded: x\r\n\r\n", "invalid trailer"),
    (b"0\r\n: x\r\n\r\n", "invalid trailer"),
    (b"0\r\nX: a\rb\r\n\r\n", "invalid trailer"),
    (b"1;" + b"e" * 4095 + b"\r\n", "invalid chunk size"),
    (b"0\r\n" + b"T: " + b"t" * 16382 + b"\r\n\r\n", "trailer too long"),
    (b"0\r\n" + (b"T: " + b"t" * 8000 + b"\r\n") * 3 + b"\r\n", "trailer too long"),
]


def read(reader: ChunkedReader, pieces: list[bytes]) -> tuple[bytes, bytes | None]:
    """What comes out when ``pieces`` are fed, and what is left over."""
    body = b""
    rest = b""
    for piece in pieces:
        if reader.rest is None:
            body += reader.feed(piece)
        else:
            rest += piece
    return body, None if reader.rest is None else reader.rest + rest


def byte_by_byte(data: bytes) -> list[bytes]:
    """``data`` in pieces of one byte."""
    return [data[place : place + 1] for place in range(len(data))]


class ThreeWaysTests(SynchronousTestCase):
    """Every sample at once, one byte at a time, and with bytes left over."""

    def test_good(self) -> None:
        """A good body gives its data whichever way it arrives, and leaves alone what follows it."""
        for wire, data in GOOD:
            for rest in (b"", b"\r\n", b"GET / HTTP/1.1\r\n\r\n"):
                self.assertEqual(read(ChunkedReader(), [wire + rest]), (data, rest), wire[:60])
                self.assertEqual(read(ChunkedReader(), byte_by_byte(wire + rest)), (data, rest), wire[:60])

    def test_unfinished(self) -> None:
        """A body that is cut short anywhere is neither an error nor at its end."""
        for wire, data in GOOD[:11]:
            for end in range(len(wire)):
                found, rest = read(ChunkedReader(), [wire[:end]])
                self.assertTrue(data.startswith(found))
                self.assertIsNone(rest)

    def test_bad(self) -> None:
        """What is no chunked body is refused whichever way it arrives; at once, the reason is told."""
        for wire, reason in BAD:
            with self.subTest(wire[:60]):
                error = self.assertRaises(BadChunk, read, ChunkedReader(), [wire])
                self.assertEqual(str(error), reason, wire[:60])
                self.assertRaises(BadChunk, read, ChunkedReader(), byte_by_byte(wire))

    def test_endless_lines(self) -> None:
        """A line that never ends is refused once it is longer than a line may be, so little is held."""
        for start in (b"5;", b"0\r\nX:"):
            reader = ChunkedReader()
            reader.feed(start)
            with self.assertRaises(BadChunk):
                for _ in range(40):
                    reader.feed(b"x" * 1000)

    def test_held_back(self) -> None:
        """Data is given out as it comes; only an unfinished line is held."""
        reader = ChunkedReader()
        self.assertEqual(
            [reader.feed(piece) for piece in (b"5", b"\r", b"\nhe", b"llo", b"\r")],
            [b"", b"", b"he", b"llo", b""],
        )
        self.assertEqual(repr(reader), "<ChunkedReader at data end, 0 bytes left>")
        self.assertEqual(reader.feed(b"\n0\r\n\r\nrest"), b"")
        self.assertEqual((repr(reader), reader.rest), ("<ChunkedReader at done, 0 bytes left>", b"rest"))


class PropertyTests(SynchronousTestCase):
    """Round trips, and any bytes at all."""

    @given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.data())
    @settings(deadline=None)
    def test_round_trip(self, parts: list[bytes], data: st.DataObject) -> None:
        """What chunk() writes is read again, however it is split on its way."""
        wire = b"".join(map(chunk, parts)) + LAST_CHUNK + b"next"
        cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=8)))
        pieces = [wire[start:end] for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
        self.assertEqual(read(ChunkedReader(), pieces), (b"".join(parts), b"next"))

    @given(
        st.binary(max_size=60)
        | st.lists(
            st.sampled_from([b"5", b"0", b"a", b";x", b"\r\n", b"\n", b"\r", b"hello", b"X: y", b" ", b"1"]),
            max_size=12,
        ).map(b"".join),
        st.integers(0, 60),
    )
    @settings(deadline=None, max_examples=300)
    def test_any_bytes(self, wire: bytes, cut: int) -> None:
        """Any bytes are read or give BadChunk, the same at once and in two pieces; llhttp agrees."""
        outcomes: list[object] = []
        for pieces in ([wire], [wire[:cut], wire[cut:]]):
            try:
                outcomes.append(read(ChunkedReader(), pieces))
            except BadChunk:
                outcomes.append(None)
        self.assertEqual(outcomes[0], outcomes[1])
        if isinstance(outcomes[0], tuple) and outcomes[0][1] is not None:
            self._as_llhttp(wire, *outcomes[0])

    def _as_llhttp(self, wire: bytes, body: bytes, rest: bytes) -> None:
        other = Peer()
        other.feed(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            + wire[: len(wire) - len(rest)]
        )
        if not other.error:
            self.assertEqual((other.messages, other.body), (1, body), wire)
