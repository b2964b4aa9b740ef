"""Coders: bodies made others, piece by piece."""

from __future__ import annotations

import gzip
import zlib

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.filters.coding import (
    END,
    FLUSH,
    GO_ON,
    PIECE,
    BadBody,
    Chain,
    Coder,
    Gunzip,
    Gzip,
    code,
)

_PIECES = st.lists(st.tuples(st.binary(max_size=300), st.sampled_from([GO_ON, FLUSH])), max_size=8)


def default(length: int = -1) -> Gzip:
    """As nginx's defaults have it."""
    return Gzip(1, 15, 9, length)


def whole(coder: Coder, pieces: list[tuple[bytes, int]]) -> bytes:
    """What comes of all the pieces."""
    found = b""
    for data, how in pieces:
        found += coder.feed(data, how)
        while coder.holds:
            found += coder.feed(b"", how)
    return found + code(coder, b"")


class Compressing(SynchronousTestCase):
    """``Gzip``."""

    @settings(deadline=None)
    @given(_PIECES)
    def test_pieces(self, pieces: list[tuple[bytes, int]]) -> None:
        """Whatever the pieces and wherever it is flushed, what comes out is gzip of the whole."""
        self.assertEqual(gzip.decompress(whole(default(), pieces)), b"".join(data for data, _ in pieces))

    def test_flush(self) -> None:
        """What was flushed can be read before anything more comes."""
        reader = zlib.decompressobj(31)
        coder = default()
        self.assertEqual(reader.decompress(coder.feed(b"one ", FLUSH)), b"one ")
        self.assertEqual(reader.decompress(coder.feed(b"two", FLUSH)), b"two")
        self.assertEqual(coder.feed(b"", FLUSH), b"")
        self.assertEqual(reader.decompress(coder.feed(b"", END)), b"")
        self.assertTrue(reader.eof)

    def test_small_bodies(self) -> None:
        """A body of known length, however short or long, comes out right with less memory."""
        for length in (1, 5, 250, 300, 5000, 70000):
            body = bytes(range(256)) * (length // 256 + 1)
            self.assertEqual(gzip.decompress(code(default(length), body[:length])), body[:length])

    def test_levels(self) -> None:
        """Every level, window and hash that a configuration can have works."""
        body = b"".join(b"%d " % number for number in range(2000))
        for level in range(1, 10):
            for window, memory in ((9, 1), (12, 5), (15, 9)):
                self.assertEqual(gzip.decompress(code(Gzip(level, window, memory, -1), body)), body)

    def test_ratio(self) -> None:
        """Rounded to hundredths; nothing before there is anything."""
        coder = default()
        self.assertEqual(coder.ratio(), b"")
        for received, sent, text in (
            (1000, 300, b"3.33"),
            (1000, 333, b"3.00"),
            (1999, 200, b"10.00"),
            (5, 20, b"0.25"),
        ):
            coder.received, coder.sent = received, sent
            self.assertEqual(coder.ratio(), text)


class Unpacking(SynchronousTestCase):
    """``Gunzip``."""

    @settings(deadline=None)
    @given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.integers(1, 50))
    def test_members(self, bodies: list[bytes], size: int) -> None:
        """However it is cut, and of however many members it is made, the body comes out."""
        packed = b"".join(gzip.compress(body) for body in bodies)
        pieces = [(packed[at : at + size], FLUSH) for at in range(0, len(packed), size)]
        self.assertEqual(whole(Gunzip(), pieces), b"".join(bodies))

    def test_bounded(self) -> None:
        """A little that unpacks to much comes out in pieces of bounded size."""
        coder = Gunzip()
        sizes = [len(coder.feed(gzip.compress(b"a" * 1_000_000), END))]
        while coder.holds:
            sizes.append(len(coder.feed(b"", END)))
        self.assertEqual((sum(sizes), max(sizes)), (1_000_000, PIECE))

    def test_nothing(self) -> None:
        """A body without a byte is one."""
        self.assertEqual(code(Gunzip(), b""), b"")
        self.assertEqual(Gunzip().ratio(), b"")

    def test_bad(self) -> None:
        """What is not gzip, or ends too early, or has something else behind it is no body."""
        good = gzip.compress(b"hello")
        for body in (b"hello", good[:-3], good + b"more"):
            with self.assertRaises(BadBody):
                code(Gunzip(), body)


class InARow(SynchronousTestCase):
    """``Chain``."""

    def test_unpacked_and_compressed(self) -> None:
        """One gets what comes of the other, to the last byte, though the first holds some back."""
        body = b"".join(b"%d " % number for number in range(100_000))
        chain = Chain([Gunzip(), default()])
        packed = gzip.compress(body)
        half = len(packed) // 2
        found = whole(chain, [(packed[:half], FLUSH), (packed[half:], GO_ON)])
        self.assertEqual(gzip.decompress(found), body)
        self.assertNotEqual(chain.ratio(), b"")
