"""The fields of answers as bytes, read by the library's decoder."""

from __future__ import annotations

from hpack import Decoder
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.http2.encoding import FieldEncoder, _integer

ANSWER = [(b":status", b"200"), (b"server", b"dyups"), (b"content-length", b"12"), (b"x-y", b"z")]


def decoded(*blocks: bytes) -> list[list[tuple[bytes, bytes]]]:
    """What one decoder makes of blocks that come one after the other."""
    decoder = Decoder()
    return [[(bytes(n), bytes(v)) for n, v in decoder.decode(block, raw=True)] for block in blocks]


class Encoding(SynchronousTestCase):
    """What an answer looks like."""

    def test_an_answer(self) -> None:
        """Known fields are one byte, known names a number; every block stands for itself."""
        encoder = FieldEncoder()
        first, second = encoder.encode(ANSWER), encoder.encode(ANSWER)
        self.assertEqual(first, second)
        self.assertEqual(first[:2], b"\x88\x0f")
        self.assertEqual(FieldEncoder().encode(ANSWER), first)
        self.assertEqual(decoded(first, second), [ANSWER, ANSWER])

    def test_integers(self) -> None:
        """The examples of RFC 7541 appendix C.1."""
        self.assertEqual(_integer(10, 5, 0), b"\x0a")
        self.assertEqual(_integer(1337, 5, 0), b"\x1f\x9a\x0a")
        self.assertEqual(_integer(42, 8, 0), b"\x2a")

    def test_secrets(self) -> None:
        """A cookie is marked to be kept by nobody on the way."""
        self.assertEqual(FieldEncoder().encode([(b"set-cookie", b"a=b")])[:2], b"\x1f\x28")

    def test_another_size_of_the_table(self) -> None:
        """The client's change is acknowledged in the next block, once: the table stays empty."""
        encoder = FieldEncoder()
        encoder.header_table_size = 100
        first, second = encoder.encode(ANSWER), encoder.encode(ANSWER)
        self.assertEqual((first, encoder.header_table_size), (b"\x20" + second, 0))
        self.assertEqual(decoded(first, second), [ANSWER, ANSWER])

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.binary(min_size=1, max_size=200), st.binary(max_size=300)), max_size=8))
    def test_any_fields(self, fields: list[tuple[bytes, bytes]]) -> None:
        """Whatever the fields are, the decoder reads them as they were."""
        encoder = FieldEncoder()
        self.assertEqual(decoded(encoder.encode(fields), encoder.encode(fields)), [fields, fields])
