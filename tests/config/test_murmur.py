"""MurmurHash2."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.murmur import murmur2
from tests.balancing import reference


class MurmurTests(SynchronousTestCase):
    """:func:`murmur2`."""

    def test_known(self) -> None:
        """The empty text is 0; a longer one is what C computes."""
        self.assertEqual(murmur2(b""), 0)
        self.assertEqual(murmur2(b"abcdefg"), reference.murmur2(b"abcdefg"))

    @settings(deadline=None)
    @given(st.binary(max_size=64))
    def test_as_nginx(self, data: bytes) -> None:
        """It is what a plain translation of nginx's code gives, for every length."""
        self.assertEqual(murmur2(data), reference.murmur2(data))
