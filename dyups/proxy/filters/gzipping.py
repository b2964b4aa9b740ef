"""``gzip``: which answers are compressed, and what their heads say of it (``ngx_http_gzip_filter_module``)."""

from __future__ import annotations

from dyups.config.compression import CompressionSettings
from dyups.proxy.filters.accepting import Acceptance
from dyups.proxy.filters.answerhead import AnswerHead
from dyups.proxy.filters.coding import Coder, Gzip

_STATUSES = frozenset({200, 403, 404})
_ALL = b"*"


class GzipFilter:
    """One location's (:class:`~dyups.proxy.filters.bodies.BodyFilter`)."""

    __slots__ = ("_acceptance", "_settings", "_types")

    def __init__(self, settings: CompressionSettings) -> None:
        self._settings = settings
        self._acceptance = Acceptance(settings)
        self._types = None if _ALL in settings.gzip_types else settings.gzip_types

    def begin(self, answer: AnswerHead) -> Coder | None:
        """What compresses the body; None where it goes out as it is."""
        settings = self._settings
        if (
            answer.exchange.status not in _STATUSES
            or 0 <= answer.length < settings.gzip_min_length
            or (self._types is not None and answer.content_type() not in self._types)
            or answer.value(b"Content-Encoding")
        ):
            return None
        if settings.gzip_vary:
            answer.vary()
        if not self._acceptance.ok(answer.exchange, answer):
            return None
        length = answer.length
        answer.becomes_another()
        answer.weaken_etag()
        answer.add(b"Content-Encoding: gzip")
        return Gzip(settings.gzip_comp_level, settings.gzip_window, settings.gzip_hash, length)
