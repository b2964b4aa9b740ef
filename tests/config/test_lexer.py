"""Words, quotes, escapes, comments and ends of statements."""

from __future__ import annotations

from time import process_time

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.lexer import MAX_WORD, quote, statements
from dyups.errors import ConfigError
from tests.config.helpers import message_of

Simple = tuple[tuple[str, ...], str, int]

SAMPLES: dict[str, list[Simple]] = {
    "": [],
    " \r\n\t# only a comment": [],
    "a;": [(("a",), ";", 1)],
    "a b\tc ;d{}": [(("a", "b", "c"), ";", 1), (("d",), "{", 1), ((), "}", 1)],
    "\n\na\n b\n;\nc;": [(("a", "b"), ";", 3), (("c",), ";", 6)],
    "a # b;\n c;": [(("a", "c"), ";", 1)],
    "a b#c;": [(("a", "b#c"), ";", 1)],
    "a 'b c' \"d;e\";": [(("a", "b c", "d;e"), ";", 1)],
    "a '' ;": [(("a", ""), ";", 1)],
    "a 'b\nc'; d;": [(("a", "b\nc"), ";", 1), (("d",), ";", 2)],
    r"a \"b \'c \\d \t \r \n;": [(("a", '"b', "'c", "\\d", "\t", "\r", "\n"), ";", 1)],
    r"a \.php$ '\d\.' \;x;": [(("a", r"\.php$", r"\d\.", r"\;x"), ";", 1)],
    "a b\\ c;": [(("a", "b\\ c"), ";", 1)],
    "a ${b}c $d${e}f;": [(("a", "${b}c", "$d${e}f"), ";", 1)],
    "a${b {": [(("a${b",), "{", 1)],
    "a b'c\"d;": [(("a", "b'c\"d"), ";", 1)],
    "a b}c;": [(("a", "b}c"), ";", 1)],
    "if ('a' = \"b\") {": [(("if", "('a'", "=", "b", ")"), "{", 1)],
    "a\x0bb \xa0c;": [(("a\x0bb", "\xa0c"), ";", 1)],
    "x\0y;": [(("x\0y",), ";", 1)],
    "content_by_lua_block { if x then return {'}'} end }\nb;": [
        (("content_by_lua_block", " if x then return {'}'} end "), ";", 1),
        (("b",), ";", 2),
    ],
    "set_by_lua_block $a {\nreturn 1\n}\nb;": [
        (("set_by_lua_block", "$a", "\nreturn 1\n"), ";", 1),
        (("b",), ";", 4),
    ],
}
ERRORS = {
    "a": 'unexpected end of file, expecting ";" or "}" in f:1',
    "a\nb\n": 'unexpected end of file, expecting ";" or "}" in f:3',
    "a 'b": 'unexpected end of file, expecting ";" or "}" in f:1',
    "a b\\": 'unexpected end of file, expecting ";" or "}" in f:1',
    "a 'b' # c": 'unexpected end of file, expecting ";" or "}" in f:1',
    ";": 'unexpected ";" in f:1',
    "a;\n;": 'unexpected ";" in f:2',
    "{": 'unexpected "{" in f:1',
    "a\n}": 'unexpected "}" in f:2',
    "a 'b'c;": 'unexpected "c" in f:1',
    "a 'b'\"c\";": 'unexpected """ in f:1',
    "a 'b'#c;": 'unexpected "#" in f:1',
    "a x" + "x" * MAX_WORD + ";": 'too long parameter "xxxxxxxxxx..." started in f:1',
    "a x" + "x" * MAX_WORD: 'too long parameter "xxxxxxxxxx..." started in f:1',
    "a '" + "x" * MAX_WORD: 'too long parameter, probably missing terminating "\'" character in f:1',
    "x_by_lua_block { '}'": 'unexpected end of file, expecting "}" in f:1',
}


def read(text: str) -> list[Simple]:
    """The statements without their last lines."""
    return [(statement.words, statement.end, statement.line) for statement in statements(text, "f")]


class Reading(SynchronousTestCase):
    """What nginx reads, and what it refuses."""

    maxDiff = None

    def test_samples(self) -> None:
        """Words are nginx's: quotes at their start, escapes everywhere, '#' and '}' only where a word could start."""
        self.assertEqual({text: read(text) for text in SAMPLES}, SAMPLES)

    def test_errors(self) -> None:
        """A text that breaks the rules is refused with nginx's words at nginx's line."""
        self.assertEqual({text: message_of(self, read, text) for text in ERRORS}, ERRORS)

    def test_text_without_file(self) -> None:
        """A text that came from no file is not called one."""
        message = message_of(self, lambda: list(statements("server 127.0.0.1")))
        self.assertEqual(message, 'unexpected end of parameter, expecting ";" in line 1')

    def test_last_line(self) -> None:
        """A statement knows the line of its end too."""
        self.assertEqual([s.end_line for s in statements("a\n'b'\n;c 'd\n' {")], [3, 4])

    def test_long_statement(self) -> None:
        """Words are limited, statements are not."""
        many = tuple(["word"] * 5000)
        self.assertEqual(read(" ".join(many) + ";"), [(many, ";", 1)])


class Properties(SynchronousTestCase):
    """What holds for any text."""

    @settings(deadline=None)
    @given(st.text(st.characters(exclude_categories=()), max_size=60))
    def test_any_text(self, text: str) -> None:
        """Any text gives statements or a ConfigError."""
        try:
            found = list(statements(text))
        except ConfigError:
            return
        self.assertTrue(all(statement.end in ";{}" for statement in found))

    @settings(deadline=None)
    @given(
        st.lists(st.text(st.characters(exclude_categories=()), max_size=20), min_size=1),
        st.sampled_from(";{"),
    )
    def test_quoted_words_read_back(self, words: list[str], end: str) -> None:
        """Words that are written with ``quote`` read back as they were."""
        line = " ".join(quote(word) for word in words)
        if words[0].endswith("_by_lua_block"):
            end = ";"
        self.assertEqual([(s.words, s.end) for s in statements(line + end)], [(tuple(words), end)])

    @settings(deadline=None)
    @given(st.lists(st.sampled_from(["a b;", "a 'b'\n;", "a {", "}", "# c\n", "\n", "b$ ${c} \\;;"])))
    def test_fast_and_slow_agree(self, pieces: list[str]) -> None:
        """Plain statements, which are read whole, come out as those that are read word by word."""
        text = "".join(pieces)
        slow = text.replace("a b;", "a 'b';").replace("a {", "'a' {")
        self.assertEqual(read(text), read(slow))

    def test_hostile_texts_are_read_in_linear_time(self) -> None:
        """Eight times as much of anything takes some eight times as long, and not sixty-four times."""
        for begin, again in (
            ("", "a "),
            ("", "'"),
            ("", "\\"),
            ("x_by_lua_block {", "[["),
            ("x_by_lua_block {", '"\\'),
            ("", "$"),
        ):
            little = self.effort(begin + again * 50_000)
            self.assertLess(self.effort(begin + again * 400_000), 24 * little + 1.0, begin + again)

    def effort(self, text: str) -> float:
        """Seconds of the processor's time that a text takes which is no configuration; others' work does not count."""
        began = process_time()
        self.assertRaises(ConfigError, read, text)
        return process_time() - began

    def test_many_upstreams(self) -> None:
        """A dump's size is no matter: 10,000 upstreams are 40,000 statements."""
        text = "".join(f"upstream u{n} {{\n server a:1;\n server b:2;\n}}\n" for n in range(10_000))
        self.assertEqual(sum(1 for _ in statements(text)), 40_000)
