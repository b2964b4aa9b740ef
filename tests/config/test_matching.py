"""Searches with a limit."""

from __future__ import annotations

import re
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config import matching
from dyups.config.matching import Guarded
from dyups.errors import RegexFailed
from tests.config.helpers import message_of

RUNAWAY = b"/" + b"a" * 60 + b"!"


class GuardedTests(SynchronousTestCase):
    """An expression that a hostile text may not keep busy."""

    def test_limit(self) -> None:
        """A search that takes too many steps is ended with PCRE2's number, and the next one goes on as ever."""
        regex = Guarded(r"^/(a+)+$", rb"^/(a+)+$")
        failure = self.assertRaises(RegexFailed, regex.search, RUNAWAY)
        self.assertEqual(str(failure), f'pcre2_match() failed: -47 on "{RUNAWAY.decode()}" using "^/(a+)+$"')
        self.assertEqual(failure.code, -47)
        found = regex.search(b"/aa")
        assert found is not None
        self.assertEqual((found[0], found[1], found.re.groups), (b"/aa", b"aa", 1))
        self.assertIsNone(regex.search(b"/b"))

    def test_quick(self) -> None:
        """Python's is asked about short texts, PCRE2 about longer ones."""
        regex = Guarded("(?<n>b)", b"(?<n>b)", quick=re.compile(b"(?P<n>a)"), harmless=2)
        self.assertIsNotNone(regex.search(b"aa"))
        self.assertIsNone(regex.search(b"aaa"))

    def test_groups(self) -> None:
        """Names of groups are in lower case; a group that was not there is None."""
        found = Guarded("(?<One>a)|(?<two>b)", b"(?<One>a)|(?<two>b)").search(b"xb")
        assert found is not None
        self.assertEqual(found.groupdict(), {"one": None, "two": b"b"})

    def test_caseless(self) -> None:
        """A pattern minds the case unless told otherwise."""
        self.assertIsNone(Guarded("a", b"a").search(b"A"))
        self.assertIsNotNone(Guarded("a", b"a", caseless=True).search(b"A"))

    def test_deep(self) -> None:
        """Where the compiled search runs out of room the other one goes on, with the same limit."""
        regex = Guarded("^(?:a|ab|.)*$", b"^(?:a|ab|.)*$")
        for _ in range(2):
            found = regex.search(b"a" * 30_000)
            assert found is not None
            self.assertEqual(len(found[0]), 30_000)

    def test_deep_limit(self) -> None:
        """There too a search that takes too long is ended."""
        regex = Guarded(r"^/(a+)+$", rb"^/(a+)+$")
        with mock.patch.object(matching, "_STACK_LIMIT", -47):
            self.assertEqual(self.assertRaises(RegexFailed, regex.search, RUNAWAY).code, -47)

    def test_errors(self) -> None:
        """What is wrong is said in nginx's words, and where, unless it is the end."""
        for source, expected in (
            ("(", 'pcre2_compile() failed: missing closing parenthesis in "("'),
            (
                "a**)b",
                'pcre2_compile() failed: quantifier does not follow a repeatable item in "a**)b" at ")b"',
            ),
        ):
            self.assertEqual(message_of(self, Guarded, source, source.encode()), expected)

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.sampled_from(("a", "b", "[ab]", ".", "(a)", "(a|b)", "(?:ab)?", "a*", "b+", "(b*?)", "$")),
            max_size=5,
        ),
        st.text("ab/", max_size=8),
    )
    def test_same(self, parts: list[str], text: str) -> None:
        """Both find the same in the same groups."""
        source = "".join(parts)
        quick = re.compile(source.encode())
        found = Guarded(source, source.encode()).search(text.encode())
        expected = quick.search(text.encode())
        self.assertEqual(found is None, expected is None)
        if found is not None and expected is not None:
            numbers = range(quick.groups + 1)
            self.assertEqual([found[n] for n in numbers], [expected[n] for n in numbers])
