"""Regular expressions of PCRE in Python's."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.matching import Guarded
from dyups.config.regex import compile_regex, group_names, python_regex
from dyups.errors import ConfigError
from tests.config.helpers import message_of

MATCHES = (
    (r"\.php$", b"/a.php", True),
    (r"\.php$", b"/a.phps", False),
    (r"^/(?<name>[a-z]+)$", b"/abc", True),
    (r"^/(?'name'[a-z]+)$", b"/abc", True),
    (r"^(?<a>x)\k<a>\k{a}\k'a'(?P=a)$", b"xxxxx", True),
    (r"(?<=a)b(?<!c)", b"ab", True),
    (r"^[[:alpha:]_]+[[:digit:]]\z", b"ab_1", True),
    (r"^[[:alpha:]]+$", b"ab1", False),
    (r"^[^[:space:]]+$", b"a b", False),
    (r"^[]a]+$", b"]a", True),
    (r"^[^]a]+$", b"b", True),
    (r"^[\]\h]+$", b"] \t", True),
    (r"^a\hb\Z", b"a b\n", True),
    (r"^\Qa.b\E$", b"a.b", True),
    (r"^\Qa.b\E$", b"axb", False),
    (r"^[(?<x>]+$", b"(?<x>", True),
    (r"ä", "ä".encode(), True),
    (r"^\p{N}+\pL$", b"12a", True),
    (r"^\p{Lu}\p{L&}\P{L}[\p{Nd}_]\p{^L}$", b"Ab-7 ", True),
    (r"^[^\p{N}]$", b"7", False),
    (r"^\pL$", b"\xe4", True),
    (r"^\P{^N}$", b"x", False),
)
ERRORS = {
    "(": 'pcre2_compile() failed: missing closing parenthesis in "("',
    ")": 'pcre2_compile() failed: unmatched closing parenthesis in ")"',
    "*": 'pcre2_compile() failed: quantifier does not follow a repeatable item in "*"',
    "[a": 'pcre2_compile() failed: missing terminating ] for character class in "[a"',
    "a\\": 'pcre2_compile() failed: \\ at end of pattern in "a\\"',
    r"\p{X}a": 'pcre2_compile() failed: unknown property after \\P or \\p in "\\p{X}a" at "a"',
    "a{99999999999}": 'pcre2_compile() failed: number too big in {} quantifier in "a{99999999999}" at "}"',
}


class Patterns(SynchronousTestCase):
    """What patterns match."""

    def test_matches(self) -> None:
        """PCRE's spellings mean the same here."""
        for source, text, expected in MATCHES:
            found = compile_regex(source).search(text) is not None
            self.assertIs(found, expected, source)

    def test_caseless(self) -> None:
        """A pattern minds the case unless told otherwise."""
        self.assertIsNone(compile_regex("abc").search(b"ABC"))
        self.assertIsNotNone(compile_regex("abc", caseless=True).search(b"ABC"))

    def test_group_names(self) -> None:
        """Names of groups are found without compiling, in lower case, as the compiled pattern has them."""
        source = r"(?<One>a)(?P<two>b)(?'three'c)(?<=d)"
        self.assertEqual(group_names(source), {"one", "two", "three"})
        self.assertEqual(set(python_regex(source).groupindex), {"one", "two", "three"})

    def test_errors(self) -> None:
        """A wrong pattern is refused with nginx's words."""
        self.assertEqual({source: message_of(self, compile_regex, source) for source in ERRORS}, ERRORS)

    def test_who_searches(self) -> None:
        """Python where no text can make a search long, PCRE2 where one can or where Python does not know how."""
        for source, expected in (
            (r"\.php$", re.Pattern),
            (r"^/(a+)+$", Guarded),
            (r"^/(.*)/(.*)$", Guarded),
            (r"^(?>a+)+b", Guarded),
            (r"a(?i)b", Guarded),
            (r"^/(?R)?x", Guarded),
        ):
            self.assertIsInstance(compile_regex(source), expected, source)

    def test_only_pcre(self) -> None:
        """What only PCRE has means what it means there."""
        for source, text, expected in (
            (r"^(?:(?=a)\Ka)+$", b"aa", True),
            (r"^(?<p>\((?:[^()]|(?&p))*\))$", b"(a(b))", True),
            (r"^(?<p>\((?:[^()]|(?&p))*\))$", b"(a(b)", False),
            (r"^a(?i)b$", b"aB", True),
            (r"^a(?i)b$", b"AB", False),
            (r"^\x{41}\x{0a}?(?>a)$", b"Aa", True),
            (r"^\\x{4}(?>a)$", b"\\xxxxa", True),
        ):
            found = compile_regex(source).search(text) is not None
            self.assertIs(found, expected, source)

    def test_for_scripts(self) -> None:
        """Scripts get Python's, whatever it costs, or the reason why there is none."""
        self.assertIsInstance(python_regex(r"^/(a+)+$"), re.Pattern)
        self.assertEqual(
            message_of(self, python_regex, "("), 'pcre2_compile() failed: missing closing parenthesis in "("'
        )
        self.assertEqual(
            message_of(self, python_regex, "a{99999999999}"),
            'pcre2_compile() failed: regular expression is too large in "a{99999999999}"',
        )

    @settings(deadline=None)
    @given(st.text(st.sampled_from(r"()[]{}*+?\|^$.aQEkz:-<>'P=1"), max_size=15))
    def test_any_source(self, source: str) -> None:
        """Any source compiles or is a ConfigError."""
        try:
            self.assertIsInstance(compile_regex(source).groups, int)
        except ConfigError as error:
            self.assertIn(source, error.message)
