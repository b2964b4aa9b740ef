"""Regular expressions as trees: what there is to match, in which order, how often.

Owns the reading of a pattern in Python's spelling, as ``regex`` has translated it.  Called by ``regexcost``, which has
to know what a search may cost; nothing is matched by these trees.  What is not understood is said to be so
(:class:`NotUnderstood`), never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

#: Sets of bytes are numbers, one bit each; one more bit stands for the end of the text.
ANY_BYTE = (1 << 256) - 1
END = 1 << 256
EVERYTHING = ANY_BYTE | END

_NEWLINE = 1 << 10


def _range(first: int, last: int) -> int:
    return (1 << (last + 1)) - (1 << first)


_DIGITS = _range(0x30, 0x39)
_LETTERS = _range(0x41, 0x5A) | _range(0x61, 0x7A)
_SPACES = _range(9, 13) | 1 << 32
_WORD = _DIGITS | _LETTERS | 1 << ord("_")
_CLASSES = {"d": _DIGITS, "s": _SPACES, "w": _WORD}
_CLASSES |= {name.upper(): ANY_BYTE & ~chars for name, chars in _CLASSES.items()}
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "a": 7}


class NotUnderstood(Exception):
    """There is more in the pattern than is known here."""


@dataclass(frozen=True)
class Chars:
    """One byte of a set."""

    mask: int


@dataclass(frozen=True)
class Place:
    """A place without a width: ``^``, ``$``, ``\\b``."""

    start: bool = False
    end: bool = False


@dataclass(frozen=True)
class Look:
    """``(?=…)`` and its like."""

    body: Node


@dataclass(frozen=True)
class Again:
    """What a group has matched, once more."""


@dataclass(frozen=True)
class Sequence:
    """One after the other."""

    items: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    """One of these, tried in turn."""

    branches: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    """``low`` to ``high`` times, None for without end."""

    body: Node
    low: int
    high: int | None


Node = Chars | Place | Look | Again | Sequence | Choice | Repeat


def read_pattern(pattern: bytes, *, caseless: bool = False) -> Node:
    """The tree of a pattern that Python compiles.  Raises :class:`NotUnderstood`."""
    reader = _Reader(pattern.decode("latin-1"), caseless)
    try:
        tree = reader.choice()
    except (IndexError, RecursionError, ValueError):
        raise NotUnderstood from None
    if reader.left():
        raise NotUnderstood
    return tree


class _Reader:
    """Reads one pattern from left to right."""

    def __init__(self, text: str, caseless: bool) -> None:
        self._text = text
        self._at = 0
        self._caseless = caseless or self._take("(?i)")

    def left(self) -> bool:
        """Is there more?"""
        return self._at < len(self._text)

    def choice(self) -> Node:
        """What ``|`` parts, up to the end or a closing parenthesis."""
        branches = [self._sequence()]
        while self._take("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _sequence(self) -> Node:
        items: list[Node] = []
        while self.left() and self._text[self._at] not in "|)":
            items.append(self._repeated(self._item()))
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _take(self, text: str) -> bool:
        found = self._text.startswith(text, self._at)
        self._at += len(text) if found else 0
        return found

    def _next(self) -> str:
        char = self._text[self._at]
        self._at += 1
        return char

    def _until(self, end: str) -> str:
        start, self._at = self._at, self._text.index(end, self._at) + len(end)
        return self._text[start : self._at - len(end)]

    # -- how often ---------------------------------------------------------------------------------------------------

    def _repeated(self, item: Node) -> Node:
        times = self._times()
        if times is None:
            return item
        low, high = times
        _ = self._take("?") or self._take(
            "+"
        )  # what is tried first, or that nothing else is: never more steps
        return Repeat(item, low, high)

    def _times(self) -> tuple[int, int | None] | None:
        for sign, times in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._take(sign):
                return times
        if not self._text.startswith("{", self._at):
            return None
        low, comma, high = self._text[self._at + 1 : self._text.find("}", self._at)].partition(",")
        if not (low + high).isdigit():
            return None  # a brace that is one
        self._until("}")
        if not comma:
            return int(low), int(low)
        return int(low or 0), int(high) if high else None

    # -- what --------------------------------------------------------------------------------------------------------

    def _item(self) -> Node:
        char = self._next()
        if char == "(":
            return self._group()
        if char == "[":
            return Chars(self._set())
        if char == ".":
            return Chars(ANY_BYTE & ~_NEWLINE)
        if char in "^$":
            return Place(start=char == "^", end=char == "$")
        return self._escape() if char == "\\" else Chars(self._one(ord(char)))

    def _one(self, code: int) -> int:
        mask = 1 << code
        return mask | 1 << (code ^ 0x20) if self._caseless and mask & _LETTERS else mask

    def _group(self) -> Node:
        if not self._take("?"):
            return self._inside()
        if self._take("P<"):
            self._until(">")
            return self._inside()
        if self._take(":"):
            return self._inside()
        if self._take("P="):
            self._until(")")
            return Again()
        if self._take("#"):
            self._until(")")
            return Sequence(())
        if any(self._take(sign) for sign in ("=", "!", "<=", "<!")):
            return Look(self._inside())
        raise NotUnderstood

    def _inside(self) -> Node:
        body = self.choice()
        if not self._take(")"):
            raise NotUnderstood
        return body

    def _escape(self) -> Node:
        char = self._next()
        if char in _CLASSES:
            return Chars(_CLASSES[char])
        if char in "AZbB":
            return Place(start=char == "A", end=char == "Z")
        if char in "123456789":
            self._at += self.left() and self._text[self._at].isdigit()
            return Again()
        return Chars(self._one(self._code(char)))

    def _code(self, char: str) -> int:
        """The byte that an escape stands for."""
        if char == "x":
            self._at += 2
            return int(self._text[self._at - 2 : self._at], 16)
        if char in _CONTROLS:
            return _CONTROLS[char]
        if char.isalnum():
            raise NotUnderstood
        return ord(char)

    def _set(self) -> int:
        negated = self._take("^")
        mask, first = 0, True
        while first or not self._text.startswith("]", self._at):
            first = False
            mask |= self._members()
        self._at += 1
        return ANY_BYTE & ~mask if negated else mask

    def _members(self) -> int:
        low = self._member()
        if low.bit_count() > 1 or self._text[self._at] != "-" or self._text[self._at + 1] == "]":
            return self._cased(low)
        self._at += 1
        high = self._member()
        return self._cased(_range(low.bit_length() - 1, high.bit_length() - 1))

    def _member(self) -> int:
        char = self._next()
        if char != "\\":
            return 1 << ord(char)
        escaped = self._next()
        if escaped in _CLASSES:
            return _CLASSES[escaped]
        return 1 << (8 if escaped == "b" else self._code(escaped))

    def _cased(self, mask: int) -> int:
        if not self._caseless:
            return mask
        codes = (code for code in range(256) if mask >> code & 1)
        return reduce(lambda found, code: found | self._one(code), codes, mask)
