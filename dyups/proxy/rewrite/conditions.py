"""The conditions of ``if``: variables, regular expressions, files."""

from __future__ import annotations

import os
import stat

from dyups.config.routing import Condition, Question
from dyups.proxy.exchange import Exchange, capture
from dyups.proxy.plane import complain


class Holds:
    """One condition, ready to be asked."""

    __slots__ = ("_condition", "_log", "_negated")

    def __init__(self, condition: Condition) -> None:
        self._condition = condition
        self._negated = condition.negated
        self._log = condition.log

    def ask(self, exchange: Exchange) -> bool:
        """Does it hold for the request?"""
        condition = self._condition
        value = condition.subject.render(exchange)
        if condition.question is Question.TRUE:
            return value not in (b"", b"0")
        if condition.question is Question.EQUAL:
            assert condition.value is not None
            found = value == condition.value.render(exchange)
        elif condition.regex is not None:
            found = self._matches(exchange, value)
        else:
            found = is_so(condition.question, value)
        return found is not self._negated

    def _matches(self, exchange: Exchange, value: bytes) -> bool:
        condition = self._condition
        assert condition.regex is not None
        match = condition.regex.search(value)
        if self._log and condition.value is not None:
            note_match(exchange, condition.value.source, value, match is not None)
        if match is None:
            exchange.captures = None
            return False
        capture(exchange, match)
        return True


def note_match(exchange: Exchange, source: str, value: bytes, matches: bool) -> None:
    """What ``rewrite_log`` says of a regular expression."""
    words = "matches" if matches else "does not match"
    complain("notice", exchange.client.context(f'"{source}" {words} "{value.decode("latin-1")}"'))


def is_so(question: Question, path: bytes) -> bool:
    """What ``-f``, ``-d``, ``-e`` and ``-x`` ask of a path; links are followed."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    if question is Question.FILE:
        return stat.S_ISREG(mode)
    if question is Question.FOLDER:
        return stat.S_ISDIR(mode)
    return question is Question.EXISTS or bool(mode & stat.S_IXUSR)
