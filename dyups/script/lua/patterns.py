"""``ngx.re`` on Python's regular expressions, over bytes.

What PCRE spells otherwise is translated as for ``location`` (``config.regex``); what Python does not have is an error
that the script gets, never another meaning.  A search that never ends would stop the worker, so it is ended
(:class:`Patterns`).
"""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from dyups.config.regex import python_regex
from dyups.errors import ConfigError
from dyups.script.lua.machine import ScriptMistake

_FLAGS = {
    ord("i"): re.IGNORECASE,
    ord("m"): re.MULTILINE,
    ord("s"): re.DOTALL,
    ord("x"): re.VERBOSE,
}
#: Options that change nothing here: compilation and caching are always on, and names of groups may not repeat.
_IGNORED = frozenset(b"ajoDJUu")
_ANCHORED = ord("a")


@lru_cache(maxsize=1024)
def compiled(regex: bytes, options: bytes) -> re.Pattern[bytes] | str:
    """The pattern, or what is wrong with it.  Raises :class:`ScriptMistake` for an unknown option."""
    flags = 0
    for option in options:
        if option not in _FLAGS and option not in _IGNORED:
            raise ScriptMistake(f'unknown flag "{chr(option)}" (flags "{options.decode("latin-1")}")')
        flags |= _FLAGS.get(option, 0)
    try:
        pattern = python_regex(regex.decode("utf-8", "surrogateescape"))
        return re.compile(pattern.pattern, flags)
    except (ConfigError, re.error) as error:
        return str(getattr(error, "message", error))


class _TooLong(Exception):
    """A search has taken too long."""


class Patterns:
    """The searches of a process; one that takes more than ``seconds`` of processor time is ended, 0 for never.

    Python looks for signals while it searches, so a timer can end it.  Only the main thread may have one; elsewhere
    nothing is ended.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds if threading.current_thread() is threading.main_thread() else 0.0
        self._searching = False
        if self._seconds:
            signal.signal(signal.SIGVTALRM, self._late)

    def _late(self, number: int, frame: object) -> None:
        if self._searching:
            raise _TooLong

    def _find(
        self, find: Callable[[bytes, int], re.Match[bytes] | None], subject: bytes, start: int
    ) -> re.Match[bytes] | None:
        if not self._seconds:
            return find(subject, start)
        self._searching = True
        signal.setitimer(signal.ITIMER_VIRTUAL, self._seconds)
        try:
            return find(subject, start)
        except _TooLong:
            raise ScriptMistake("the regular expression ran longer than lua_max_execution_time") from None
        finally:
            self._searching = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def search(self, subject: bytes, regex: bytes, options: bytes, start: float) -> Any:
        """From, to (both as Lua counts), number of groups, all groups, names with their groups; None for no match.

        False and the reason where the expression is wrong.
        """
        pattern = compiled(regex, options)
        if isinstance(pattern, str):
            return False, pattern.encode("utf-8", "surrogateescape")
        find = pattern.match if _ANCHORED in options else pattern.search
        found = self._find(find, subject, max(0, int(start) - 1))
        if found is None:
            return None
        groups = [False if value is None else value for value in (found[0], *found.groups())]
        names = [item for name, group in pattern.groupindex.items() for item in (name.encode(), group)]
        return found.start() + 1, found.end(), pattern.groups, *groups, *names

    def group(self, subject: bytes, regex: bytes, options: bytes, start: float, number: float) -> Any:
        """From and to of one group of the match that begins at ``start``."""
        pattern = compiled(regex, options)
        if isinstance(pattern, str):
            return None
        found = self._find(pattern.match, subject, int(start) - 1)
        if found is None or int(number) > found.re.groups or found.start(int(number)) < 0:
            return None
        return found.start(int(number)) + 1, found.end(int(number))
