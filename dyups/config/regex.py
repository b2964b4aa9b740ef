"""Regular expressions as configurations write them (PCRE), over bytes: to Python's where they can be.

Owns the translation of the few spellings that differ, and the choice of who searches: Python's ``re`` where it knows
the construct and no text can make a search long (``regexcost``), otherwise ``matching`` with PCRE2 itself.  Called by
the directives that have expressions; matching is the data plane's.
"""

from __future__ import annotations

import re
import unicodedata
import warnings
from typing import Literal

from dyups.config.matching import Guarded, Regex
from dyups.config.parser import encode
from dyups.config.regexcost import LONGEST, longest_harmless
from dyups.errors import ConfigError

_POSIX = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\s",
    "upper": "A-Z",
    "word": r"\w",
    "xdigit": "0-9a-fA-F",
}
_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_NAMED_GROUP = re.compile(rf"\(\?(?:P?<({_NAME})>|'({_NAME})')")
_NAMED_REFERENCE = re.compile(rf"\\k(?:<({_NAME})>|'({_NAME})'|\{{({_NAME})\}})|\(\?P=({_NAME})\)")
_PIECE = re.compile(
    r"(?P<quoted>\\Q(?P<literal>.*?)(?:\\E|\Z))"
    rf"|(?P<reference>{_NAMED_REFERENCE.pattern})"
    r"|(?P<property>\\[pP](?:[A-Z]|\{\^?[A-Z][a-z&]?\}))"
    r"|(?P<escape>\\.)"
    r"|(?P<posix>\[:[a-z]+:\])"
    rf"|(?P<group>{_NAMED_GROUP.pattern})",
    re.DOTALL,
)
_ESCAPES = {r"\z": r"\Z", r"\Z": r"(?=\n?\Z)", r"\h": r"[ \t]", r"\e": r"\x1b"}
_IN_CLASS = {r"\h": r" \t", r"\e": r"\x1b"}
#: An escape of a byte in braces, behind whole escapes.
_BRACED = re.compile(r"((?<!\\)(?:\\\\)*)\\x\{0*([0-9A-Fa-f]{1,2})\}")
_NOT_PYTHON = (re.error, OverflowError, RecursionError, ValueError, DeprecationWarning)
#: Python's words for a mistake, and PCRE2's.
_REASONS = {
    "missing ), unterminated subpattern": "missing closing parenthesis",
    "unbalanced parenthesis": "unmatched closing parenthesis",
    "nothing to repeat": "quantifier does not follow a repeatable item",
    "multiple repeat": "quantifier does not follow a repeatable item",
    "unterminated character set": "missing terminating ] for character class",
    "bad escape (end of pattern)": "\\ at end of pattern",
}


def compile_regex(source: str, *, caseless: bool = False) -> Regex:
    """What searches for the PCRE ``source``; names of groups become lower case, as names of variables are.

    Raises ConfigError with nginx's words (``pcre2_compile() failed: … in "("``).
    """
    try:
        quick = _python(source, caseless, "error")
    except _NOT_PYTHON:
        return Guarded(source, _bounded(source), caseless=caseless)
    harmless = longest_harmless(quick.pattern, caseless=caseless)
    if harmless >= LONGEST:
        return quick
    return Guarded(source, _bounded(source), caseless=caseless, quick=quick, harmless=harmless)


def python_regex(source: str) -> re.Pattern[bytes]:
    """The same in Python's, whatever a search may cost: for scripts, whose searches are ended by time.

    Raises ConfigError.
    """
    try:
        return _python(source, False, "ignore")
    except re.error as error:
        reason = _REASONS.get(error.msg, error.msg)
    except (OverflowError, RecursionError, ValueError):
        reason = "regular expression is too large"
    raise ConfigError(f'pcre2_compile() failed: {reason} in "{source}"')


def _python(source: str, caseless: bool, deprecated: Literal["error", "ignore"]) -> re.Pattern[bytes]:
    """Python's pattern; one whose meaning depends on the version of Python (``a(?i)``) as ``deprecated`` says."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter(deprecated, DeprecationWarning)
        return re.compile(encode(_translate(source)), re.IGNORECASE if caseless else 0)


def _bounded(source: str) -> bytes:
    """For PCRE2: only ``\\x{41}``, which it is told not to know, is written otherwise."""
    return encode(_BRACED.sub(lambda found: found[1] + rf"\x{int(found[2], 16):02x}", source))


def group_names(source: str) -> frozenset[str]:
    """The lower-case names of the groups of a PCRE source: each becomes a variable."""
    return frozenset((found[1] or found[2]).lower() for found in _NAMED_GROUP.finditer(source))


def _translate(source: str) -> str:
    """PCRE's spelling to Python's, piece by piece, never looking into an escape."""
    output: list[str] = []
    position = 0
    for piece in _PIECE.finditer(source):
        output += source[position : piece.start()], _piece(piece, _inside_class(source, piece.start()))
        position = piece.end()
    return "".join(output) + source[position:]


def _piece(piece: re.Match[str], in_class: bool) -> str:
    text = piece[0]
    if piece["literal"] is not None:
        return re.escape(piece["literal"])
    if piece["property"] is not None:
        return _property(text, in_class) or text
    if piece["escape"] is not None:
        return (_IN_CLASS if in_class else _ESCAPES).get(text, text)
    if in_class:
        return _POSIX.get(text[2:-2], text) if piece["posix"] is not None else text
    name = _NAMED_GROUP.fullmatch(text) or _NAMED_REFERENCE.fullmatch(text)
    if name is None:
        return text
    opening = "(?P<{}>" if piece["group"] is not None else "(?P={})"
    return opening.format(next(filter(None, name.groups())).lower())


def _property(text: str, in_class: bool) -> str:
    """``\\p{N}``: the bytes that have the property, as PCRE reads them without UTF: as Latin-1.  Empty for none."""
    name = text[2:].strip("{}")
    category = name.lstrip("^")
    wanted = ("Lu", "Ll", "Lt") if category == "L&" else (category,)
    have = [byte for byte in range(256) if unicodedata.category(chr(byte)).startswith(wanted)]
    if not have:
        return ""
    if text.startswith(r"\P") is not name.startswith("^"):
        have = sorted(set(range(256)).difference(have))
    members = "".join([f"\\x{byte:02x}" for byte in have])
    return members if in_class else f"[{members}]"


def _inside_class(source: str, end: int) -> bool:
    """Whether the position is inside ``[…]``: the last bracket before it that counts is an opening one."""
    inside, position = False, 0
    while position < end:
        char = source[position]
        if char == "\\":
            position += 1
        elif inside and char == "[" and source.startswith("[:", position):
            position = max(position, source.find(":]", position) + 1)
        elif char == "[" and not inside:
            inside = True
            # A ']' right behind '[' or '[^' is a member, not the end.
            position += source.startswith("^", position + 1)
            position += source.startswith("]", position + 1)
        elif char == "]":
            inside = False
        position += 1
    return inside
