"""``gunzip``: compressed answers, for clients that do not take them (``ngx_http_gunzip_filter_module``)."""

from __future__ import annotations

from dyups.config.compression import CompressionSettings
from dyups.proxy.filters.accepting import Acceptance
from dyups.proxy.filters.answerhead import AnswerHead
from dyups.proxy.filters.coding import Coder, Gunzip


class GunzipFilter:
    """One location's (:class:`~dyups.proxy.filters.bodies.BodyFilter`)."""

    __slots__ = ("_acceptance", "_vary")

    def __init__(self, settings: CompressionSettings) -> None:
        self._acceptance = Acceptance(settings)
        self._vary = settings.gzip_vary

    def begin(self, answer: AnswerHead) -> Coder | None:
        """What unpacks the body; None where it goes out as it is."""
        if answer.value(b"Content-Encoding").lower() != b"gzip":
            return None
        if self._vary:
            answer.vary()
        if self._acceptance.ok(answer.exchange, answer):
            return None
        answer.becomes_another()
        answer.weaken_etag()
        answer.drop(b"content-encoding")
        return Gunzip()
