"""Regular expressions as configurations write them (PCRE) to Python's, over bytes.

Owns the translation of the few spellings that differ and nginx's wording of errors.  A construct that Python does
not know is an error at the start, never a pattern that means something else.  Called by ``build`` for ``location``
and ``server_name``; matching is the data plane's.
"""

from __future__ import annotations

import re
import warnings

from dyups.config.parser import encode
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
    r"|(?P<escape>\\.)"
    r"|(?P<posix>\[:[a-z]+:\])"
    rf"|(?P<group>{_NAMED_GROUP.pattern})",
    re.DOTALL,
)
_ESCAPES = {r"\z": r"\Z", r"\Z": r"(?=\n?\Z)", r"\h": r"[ \t]", r"\e": r"\x1b"}
_IN_CLASS = {r"\h": r" \t", r"\e": r"\x1b"}
#: Python's words for a mistake, and PCRE2's.
_REASONS = {
    "missing ), unterminated subpattern": "missing closing parenthesis",
    "unbalanced parenthesis": "unmatched closing parenthesis",
    "nothing to repeat": "quantifier does not follow a repeatable item",
    "multiple repeat": "quantifier does not follow a repeatable item",
    "unterminated character set": "missing terminating ] for character class",
    "bad escape (end of pattern)": "\\ at end of pattern",
}


def compile_regex(source: str, *, caseless: bool = False) -> re.Pattern[bytes]:
    """The pattern for the PCRE ``source``; names of groups become lower case, as names of variables are.

    Raises ConfigError with nginx's words (``pcre2_compile() failed: … in "("``).
    """
    pattern = encode(_translate(source))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(pattern, re.IGNORECASE if caseless else 0)
    except re.error as error:
        reason = _REASONS.get(error.msg, error.msg)
    except (OverflowError, RecursionError, ValueError):
        reason = "regular expression is too large"
    raise ConfigError(f'pcre2_compile() failed: {reason} in "{source}"')


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
    if piece["escape"] is not None:
        return (_IN_CLASS if in_class else _ESCAPES).get(text, text)
    if in_class:
        return _POSIX.get(text[2:-2], text) if piece["posix"] is not None else text
    name = _NAMED_GROUP.fullmatch(text) or _NAMED_REFERENCE.fullmatch(text)
    if name is None:
        return text
    opening = "(?P<{}>" if piece["group"] is not None else "(?P={})"
    return opening.format(next(filter(None, name.groups())).lower())


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
