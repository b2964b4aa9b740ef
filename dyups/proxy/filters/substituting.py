"""``sub_filter``: texts that are replaced in bodies (``ngx_http_sub_filter_module``).

A body comes in pieces, and a text may begin in one and end in another: what could still become one is held back, and
no more than that.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from dyups.config.substitution import Substitution, SubstitutionSettings
from dyups.proxy.exchange import Exchange
from dyups.proxy.filters.answerhead import AnswerHead
from dyups.proxy.filters.coding import END, Coder

_ALL = b"*"


class Search:
    """Looks for some texts, in lower case, of which none is empty."""

    __slots__ = ("_first_bytes", "_longest", "_regex", "_texts")

    def __init__(self, texts: tuple[bytes, ...]) -> None:
        self._texts = sorted(texts, key=len, reverse=True)
        self._regex = re.compile(b"|".join(map(re.escape, self._texts)), re.IGNORECASE)
        self._first_bytes = re.compile(b"|".join({re.escape(text[:1]) for text in texts}))
        self._longest = len(self._texts[0]) - 1

    def find(self, data: bytes, start: int) -> re.Match[bytes] | None:
        """The first text from ``start`` on, the longest of those that begin there."""
        return self._regex.search(data, start)

    def open_from(self, data: bytes, start: int) -> int:
        """From where on ``data`` may be the beginning of a text; its length where nowhere."""
        begin = max(start, len(data) - self._longest)
        tail = data[begin:].lower()
        for found in self._first_bytes.finditer(tail):
            rest = tail[found.start() :]
            if any(text.startswith(rest) and len(text) > len(rest) for text in self._texts):
                return begin + found.start()
        return len(data)


@lru_cache(maxsize=256)
def search_for(texts: tuple[bytes, ...]) -> Search | None:
    """What looks for ``texts``; None for nothing."""
    return Search(texts) if texts else None


class Substitute:
    """Replaces texts in one body (:class:`~dyups.proxy.filters.coding.Coder`).

    ``replacements`` is by text, in lower case; each is asked once.
    """

    __slots__ = ("_found", "_held", "_once", "_replacements", "_search", "holds")

    def __init__(self, replacements: dict[bytes, Callable[[], bytes]], once: bool) -> None:
        self._replacements = replacements
        self._once = once
        self._found: dict[bytes, bytes] = {}
        self._search = search_for(tuple(replacements))
        self._held = b""
        self.holds = False

    def feed(self, data: bytes, how: int) -> bytes:
        """See :class:`~dyups.proxy.filters.coding.Coder`."""
        data = self._held + data
        self._held = b""
        out: list[bytes] = []
        at = 0
        asked, open_from = None, len(data)
        while (search := self._search) is not None:
            if how != END and (search is not asked or open_from < at):  # no place is looked at twice
                asked, open_from = search, search.open_from(data, at)
            match = search.find(data, at)
            if match is None or match.start() >= open_from:
                out.append(data[at:open_from])
                self._held = data[open_from:]
                return b"".join(out)
            out += (data[at : match.start()], self._replaced(match[0].lower()))
            at = match.end()
        return b"".join([*out, data[at:]])

    def _replaced(self, text: bytes) -> bytes:
        if text not in self._found:
            self._found[text] = self._replacements[text]()
            if self._once:
                self._search = search_for(
                    tuple(other for other in self._replacements if other not in self._found)
                )
        return self._found[text]

    def ratio(self) -> bytes:
        """Nothing is compressed."""
        return b""


class SubstitutionFilter:
    """One location's (:class:`~dyups.proxy.filters.bodies.BodyFilter`)."""

    __slots__ = ("_settings", "_types")

    def __init__(self, settings: SubstitutionSettings) -> None:
        self._settings = settings
        self._types = None if _ALL in settings.sub_filter_types else settings.sub_filter_types

    def begin(self, answer: AnswerHead) -> Coder | None:
        """What replaces texts in the body; None where it goes out as it is."""
        other = self._types is not None and answer.content_type() not in self._types
        if other or answer.length == 0 or answer.exchange.sub:
            return None
        replacements = self._replacements(answer.exchange)
        if not replacements:
            return None
        answer.becomes_another()
        if self._settings.sub_filter_last_modified:
            answer.weaken_etag()
        else:
            answer.drop(b"last-modified", b"etag")
        return Substitute(replacements, self._settings.sub_filter_once)

    def _replacements(self, exchange: Exchange) -> dict[bytes, Callable[[], bytes]]:
        found: dict[bytes, Callable[[], bytes]] = {}
        for pair in self._settings.sub_filter:
            text = pair.text.render(exchange).lower()
            if text:
                found.setdefault(text, _renders(pair, exchange))
        return found


def _renders(pair: Substitution, exchange: Exchange) -> Callable[[], bytes]:
    return lambda: pair.replacement.render(exchange)
