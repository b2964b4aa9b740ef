"""Text to statements, with lines: configuration files, dumps and the bodies of POSTs alike.

Owns nginx's rules for words, quotes, escapes, comments and ends of statements (``ngx_conf_read_token``), and the
errors that go with them.  Follows no ``include`` and knows no directive; ``parser`` makes the tree, ``upstreams``
reads bodies and dumps.

A statement that has only plain words, which is nearly every statement of a big dump, is found whole by one regular
expression and cut up by ``str.split``; the rest goes word by word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from dyups.config.lua import end_of_block
from dyups.errors import ConfigError

#: nginx's NGX_CONF_BUFFER: a word, with its quotes, must be shorter.
MAX_WORD = 4096

_BLANK = " \t\r\n"
_GAP = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
# \s, not only nginx's blanks: str.split() cuts at every white space, so that a word must have none of it.
_PLAIN = re.compile(r"""((?:[^\s;{}"'\\$#]+[ \t]+)*[^\s;{}"'\\$#]+)[ \t]*([;{])""")
# Inside a word only white space, ';' and '{' end it, and '{' does not after '$'.
_WORD = re.compile(r"(?:[^ \t\r\n;{\\$]|\\.|\$\{*)+", re.DOTALL)
_QUOTED = {
    '"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL),
    "'": re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL),
}
_ESCAPE = re.compile(r"""\\(["'\\trn])""")
_ESCAPED = {'"': '"', "'": "'", "\\": "\\", "t": "\t", "r": "\r", "n": "\n"}
_NEEDS_QUOTES = re.compile(r"""[ \t\r\n;{}"'\\#]|\$\Z""")


class Statement(NamedTuple):
    """One statement: its words, what ended it (``;``, ``{`` or, for the end of a block, ``}``), and its line.

    ``line`` is that of the first word; ``end_line`` that of the end, where nginx reports some errors.  The Lua
    text of a ``*_by_lua_block`` is the last word of a statement that ends with ``;``.
    """

    words: tuple[str, ...]
    end: str
    line: int
    end_line: int


def statements(text: str, file: str = "", position: int = 0, line: int = 1) -> Iterator[Statement]:
    """The statements of a text from ``position``, which is on line ``line``, one after the other.

    Whether blocks balance is for the reader to see.  Raises ConfigError, with file and line, at the first word
    that breaks nginx's rules.
    """
    length = len(text)
    gap, plain, count = _GAP.match, _PLAIN.match, text.count
    while True:
        start = gap(text, position).end()  # type: ignore[union-attr]
        line += count("\n", position, start)
        if start == length:
            return
        position = start
        found = plain(text, position)
        if found is not None and found.end() - position < MAX_WORD and "_by_lua_block" not in found[1]:
            position = found.end()
            yield Statement(tuple(found[1].split()), found[2], line, line)
        else:
            statement, position = _Slow(text, file, position, line).read()
            line = statement.end_line
            yield statement


def quote(word: str) -> str:
    """The word as it must be written to be read back as it is: with quotes and escapes where it needs them."""
    if word and not _NEEDS_QUOTES.search(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t") + '"'


class _Slow:
    """Reads one statement word by word, from the first character of its first word."""

    __slots__ = ("_file", "_length", "_line", "_position", "_start_line", "_text", "_words")

    def __init__(self, text: str, file: str, position: int, line: int) -> None:
        self._text = text
        self._file = file
        self._length = len(text)
        self._position = position
        self._line = line
        self._start_line = line
        self._words: list[str] = []

    def read(self) -> tuple[Statement, int]:
        """The statement, and the position behind it."""
        while True:
            self._skip(_GAP)
            if self._position == self._length:
                raise self._at_end()
            char = self._text[self._position]
            if char in ";{}":
                return self._finish(char), self._position
            if char in _QUOTED:
                self._read_quoted(char)
            else:
                self._read_word()

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._position)
        self._advance(found.end() if found else self._position)

    def _advance(self, end: int) -> None:
        self._line += self._text.count("\n", self._position, end)
        self._position = end

    def _finish(self, end: str) -> Statement:
        # A block may end only where a statement could start, a statement only where it has words.
        if (end == "}") == bool(self._words):
            raise self._error(f'unexpected "{end}"')
        self._position += 1
        if end == "{" and self._words[0].endswith("_by_lua_block"):
            self._read_lua()
            end = ";"
        return Statement(tuple(self._words), end, self._start_line, self._line)

    def _read_lua(self) -> None:
        end = end_of_block(self._text, self._position)
        if end < 0:
            raise self._error('unexpected end of file, expecting "}"')
        self._words.append(self._text[self._position : end])
        self._advance(end + 1)

    def _read_word(self) -> None:
        found = _WORD.match(self._text, self._position)
        if found is None or found.end() == self._length:
            raise self._open_ended("")
        self._take(found[0], found.end())

    def _read_quoted(self, mark: str) -> None:
        found = _QUOTED[mark].match(self._text, self._position)
        if found is None:
            raise self._open_ended(mark)
        self._take(found[1], found.end())
        follows = self._text[self._position : self._position + 1]
        if follows and follows not in _BLANK + ";{)":
            raise self._error(f'unexpected "{follows}"')

    def _take(self, raw: str, end: int) -> None:
        if end - self._position >= MAX_WORD:
            raise self._error(f'too long parameter "{raw[:10]}..." started')
        self._advance(end)
        self._words.append(_ESCAPE.sub(_unescape, raw) if "\\" in raw else raw)

    def _open_ended(self, mark: str) -> ConfigError:
        """The word has no end before the text has: nginx's buffer overflows, or the file ends."""
        if self._length - self._position < MAX_WORD:
            return self._at_end()
        if mark:
            return self._error(f'too long parameter, probably missing terminating "{mark}" character')
        start = self._text[self._position : self._position + 10]
        return self._error(f'too long parameter "{start}..." started')

    def _at_end(self) -> ConfigError:
        self._advance(self._length)
        if not self._file:
            return self._error('unexpected end of parameter, expecting ";"')
        return self._error('unexpected end of file, expecting ";" or "}"')

    def _error(self, message: str) -> ConfigError:
        return ConfigError(message, self._file, self._line)


def _unescape(found: re.Match[str]) -> str:
    return _ESCAPED[found[1]]
