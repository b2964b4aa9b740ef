"""What a location changes of the bodies of answers: which filters there are, in which order, what an answer gets.

:func:`body_filters` is asked once for each location, and mostly answers None.  Where it does not, ``answers``,
``plain`` and ``relayed`` show each head to :class:`BodyFilters` before it goes out.
"""

from __future__ import annotations

from typing import Protocol

from dyups.config.model import LocationSettings
from dyups.proxy.exchange import Exchange
from dyups.proxy.filters.answerhead import AnswerHead
from dyups.proxy.filters.coding import RATIO, BadBody, Chain, Coder, code
from dyups.proxy.filters.gunzipping import GunzipFilter
from dyups.proxy.filters.gzipping import GzipFilter
from dyups.proxy.filters.substituting import SubstitutionFilter


class BodyFilter(Protocol):
    """One kind of change."""

    def begin(self, answer: AnswerHead) -> Coder | None:
        """What changes the body of ``answer``, whose head is changed here; None where the body stays what it is."""
        ...


class BodyFilters:
    """All that one location changes."""

    __slots__ = ("_filters",)

    def __init__(self, filters: tuple[BodyFilter, ...]) -> None:
        self._filters = filters

    def begin(self, answer: AnswerHead) -> Coder | None:
        """What changes the body of ``answer``; its head is made to fit, but for how the body is framed."""
        coders = [coder for coder in [found.begin(answer) for found in self._filters] if coder is not None]
        answer.exchange.sent = answer.lines
        if len(coders) > 1:
            return Chain(coders)
        return coders[0] if coders else None

    def whole(self, exchange: Exchange, lines: bytes, body: bytes) -> tuple[bytes, bytes | None]:
        """An answer that is there as a whole: its lines, and its body where that becomes another one."""
        answer = AnswerHead(exchange, lines, len(body))
        coder = self.begin(answer)
        if coder is None:
            return answer.lines, None
        try:
            changed = code(coder, body)
        except BadBody:  # a script says that it is compressed, and it is not
            return lines, None
        if coder.ratio():
            exchange.user[RATIO] = coder.ratio()
        return answer.lines, changed


def body_filters(settings: LocationSettings) -> BodyFilters | None:
    """What a location changes; None where that is nothing.  The order is nginx's."""
    said = settings.compression
    filters: list[BodyFilter] = []
    if said.gunzip:
        filters.append(GunzipFilter(said))
    if settings.substitution.sub_filter:
        filters.append(SubstitutionFilter(settings.substitution))
    if said.gzip:
        filters.append(GzipFilter(said))
    return BodyFilters(tuple(filters)) if filters else None
