"""Regular expressions as trees."""

from __future__ import annotations

import re
import warnings

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.regextree import (
    ANY_BYTE,
    Again,
    Chars,
    Choice,
    Look,
    Node,
    NotUnderstood,
    Place,
    Repeat,
    Sequence,
    read_pattern,
)

A, B = Chars(1 << 97), Chars(1 << 98)
DIGITS = Chars(((1 << 10) - 1) << 48)
READ: tuple[tuple[bytes, Node], ...] = (
    (b"a", A),
    (b"ab|a", Choice((Sequence((A, B)), A))),
    (b"", Sequence(())),
    (b"a*", Repeat(A, 0, None)),
    (b"a+?", Repeat(A, 1, None)),
    (b"a?", Repeat(A, 0, 1)),
    (b"a{2}", Repeat(A, 2, 2)),
    (b"a{2,}", Repeat(A, 2, None)),
    (b"a{,3}", Repeat(A, 0, 3)),
    (b"a{", Sequence((A, Chars(1 << ord("{"))))),
    (b"^a$", Sequence((Place(start=True), A, Place(end=True)))),
    (rb"\Aa\Z", Sequence((Place(start=True), A, Place(end=True)))),
    (rb"\ba", Sequence((Place(), A))),
    (b"(a)(?:b)(?P<n>a)", Sequence((A, B, A))),
    (rb"(a)\1(?P=n)", Sequence((A, Again(), Again()))),
    (b"(?=a)b", Sequence((Look(A), B))),
    (b"(?<!a)b", Sequence((Look(A), B))),
    (b"(?#b)a", Sequence((Sequence(()), A))),
    (rb"\d", DIGITS),
    (rb"[\d]", DIGITS),
    (b"[0-9]", DIGITS),
    (rb"[\x30-9]", DIGITS),
    (b"[]]", Chars(1 << ord("]"))),
    (b"[^a]", Chars(ANY_BYTE & ~A.mask)),
    (b"[a-]", Chars(A.mask | 1 << ord("-"))),
    (rb"[\b]", Chars(1 << 8)),
    (b".", Chars(ANY_BYTE & ~(1 << 10))),
    (rb"\.", Chars(1 << ord("."))),
    (rb"\n", Chars(1 << 10)),
    (b"(?i)a", Chars(A.mask | 1 << 65)),
)
NOT_READ = (b"(?>a)", b"(?s)a", b"a(?i)", b"(a)(?(1)b)", b"a)", b"(a", b"[a", rb"\G", b"(" * 5000)


class ReadTests(SynchronousTestCase):
    """What a pattern is read as."""

    def test_read(self) -> None:
        """Everything that Python has and a bound is known of."""
        for pattern, tree in READ:
            self.assertEqual(read_pattern(pattern), tree, pattern)

    def test_caseless(self) -> None:
        """Letters stand for both, alone and in sets."""
        for pattern in (b"a", b"[a]", b"[A]", b"A"):
            self.assertEqual(read_pattern(pattern, caseless=True), Chars(A.mask | 1 << 65), pattern)

    def test_not_read(self) -> None:
        """What is not understood is said to be so."""
        for pattern in NOT_READ:
            self.assertRaises(NotUnderstood, read_pattern, pattern)

    @settings(deadline=None)
    @given(st.text(st.sampled_from(r"ab[]^-\dw.A"), min_size=1, max_size=6), st.booleans())
    def test_sets(self, text: str, caseless: bool) -> None:
        """A set is the bytes that Python takes."""
        pattern = f"[{text}]".encode()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # sets that some day may mean something else
                compiled = re.compile(pattern, re.IGNORECASE if caseless else 0)
            tree = read_pattern(pattern, caseless=caseless)
        except (re.error, NotUnderstood):
            return
        if isinstance(tree, Chars):
            taken = sum(1 << code for code in range(256) if compiled.fullmatch(bytes([code])))
            self.assertEqual(tree.mask, taken)
