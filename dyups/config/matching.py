"""Regular expressions that are searched with a limit, by PCRE2, as nginx searches all of its own.

Python's ``re`` is quicker and knows no limit.  So ``regex`` takes it wherever no text can make a search long, and
:class:`Guarded` elsewhere: that asks ``re`` about texts that are short enough and PCRE2 about all others, which ends a
search after ten million steps (``-47``, a few hundredths of a second).  Also owns what both have in common, for those
who search.
"""

from __future__ import annotations

import re
from typing import Any, Protocol

import pcre2

from dyups.errors import ConfigError, RegexFailed

#: The compiled search has little room for what it has to come back to; the other has more, and is slower.
_STACK_LIMIT = -46


class Expression(Protocol):
    """What was searched for."""

    @property
    def groups(self) -> int:
        """How many groups it has."""
        ...


class Match(Protocol):
    """What a search has found; :class:`re.Match` is one."""

    @property
    def re(self) -> Expression:
        """The expression."""
        ...

    def __getitem__(self, group: int, /) -> bytes | Any:
        """What a group has matched, None for nothing; 0 is the whole."""
        ...

    def groupdict(self) -> dict[str, bytes | Any]:
        """The groups that have names."""
        ...


class Regex(Expression, Protocol):
    """An expression to search for; :class:`re.Pattern` is one."""

    def search(self, string: bytes, /) -> Match | None:
        """The first place where it matches.

        Raises :class:`~dyups.errors.RegexFailed` where it takes too many steps to find out.
        """
        ...


class Found:
    """What PCRE2 has found."""

    __slots__ = ("_groups", "re")

    def __init__(self, regex: Guarded, groups: tuple[bytes | None, ...]) -> None:
        self.re = regex
        self._groups = groups

    def __getitem__(self, group: int, /) -> bytes | None:
        return self._groups[group]

    def groupdict(self) -> dict[str, bytes | None]:
        """See :class:`Match`."""
        return {name: self._groups[number] for name, number in self.re.groupindex.items()}


class Guarded:
    """A PCRE that a hostile text may not keep busy.

    ``quick`` is the same in Python's, and good for texts of up to ``harmless`` bytes; None where there is none.
    Raises ConfigError with nginx's words.
    """

    __slots__ = (
        "_harmless",
        "_last",
        "_options",
        "_pattern",
        "_quick",
        "_search",
        "groupindex",
        "groups",
        "source",
    )

    def __init__(
        self,
        source: str,
        pattern: bytes,
        *,
        caseless: bool = False,
        quick: re.Pattern[bytes] | None = None,
        harmless: int = -1,
    ) -> None:
        self.source = source
        self._pattern = pattern
        self._options = pcre2.I if caseless else pcre2.NOFLAG
        try:
            compiled = pcre2.compile(pattern, self._options)
        except pcre2.LibraryError as error:
            raise ConfigError(_wording(error, source, pattern)) from None
        self._search = compiled.search
        self._last: Any = None
        self._quick = quick
        self._harmless = harmless if quick is not None else -1
        self.groups: int = compiled.groups
        self.groupindex: dict[str, int] = {
            name.lower(): number for name, number in sorted(compiled.groupindex.items())
        }

    def search(self, string: bytes, /) -> Match | None:
        """See :class:`Regex`."""
        if len(string) <= self._harmless and self._quick is not None:
            return self._quick.search(string)
        try:
            found = self._search(string)
        except pcre2.LibraryError as error:
            if error.code != _STACK_LIMIT:
                raise RegexFailed(error.code, string, self.source) from None
            found = self._patiently(string)
        return None if found is None else Found(self, (found[0], *found.groups()))

    def _patiently(self, string: bytes) -> Any:
        if self._last is None:
            self._last = pcre2.compile(self._pattern, self._options, jit=False)
        try:
            return self._last.search(string)
        except pcre2.LibraryError as error:
            raise RegexFailed(error.code, string, self.source) from None


def _wording(error: Any, source: str, pattern: bytes) -> str:
    """The error of a wrong expression as ``ngx_regex_compile`` says it."""
    reason = error.msg.partition("; ")[2] or error.msg
    at = getattr(error, "pos", len(pattern))
    rest = pattern[at:].decode("utf-8", "surrogateescape")
    return f'pcre2_compile() failed: {reason} in "{source}"' + (f' at "{rest}"' if rest else "")
