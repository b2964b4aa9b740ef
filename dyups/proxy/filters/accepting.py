"""Which clients get compressed answers: ``Accept-Encoding`` and what a location says besides (``ngx_http_gzip_ok``)."""

from __future__ import annotations

import re

from dyups.config.compression import CompressionSettings
from dyups.http1.fields import tokens
from dyups.proxy.exchange import Exchange
from dyups.proxy.filters.added import parse_date
from dyups.proxy.filters.answerhead import AnswerHead
from dyups.proxy.searching import searched

_GZIP = re.compile(rb"(?:\A|(?<=[, ]))gzip", re.IGNORECASE)
#: What may follow it: the end, the next coding, or a weight (``ngx_http_gzip_quantity``).
_WEIGHT = re.compile(
    rb" *(?:,|\Z|; *(?:\Z|q=(?P<whole>[01])(?:\Z|[, ]|\.(?P<rest>[0-9]{0,3})(?:\Z|[, ]))))", re.IGNORECASE
)
_CONTROLS = ("no-cache", "no-store", "private")


def accepts_gzip(value: bytes) -> bool:
    """Does ``Accept-Encoding`` ask for gzip, as nginx reads it: the first ``gzip`` decides, ``*`` means nothing."""
    if value.startswith(b"gzip,"):
        return True
    found = _GZIP.search(value)
    weight = None if found is None else _WEIGHT.match(value, found.end())
    if weight is None:
        return False
    if weight["whole"] is None:
        return True
    # nginx adds the digits up: enough to tell zero from the rest.
    return 0 < 100 * int(weight["whole"]) + sum(int(b"%c" % digit) for digit in weight["rest"] or b"") <= 100


class Acceptance:
    """What one location says of that."""

    __slots__ = ("_disabled", "_minor", "_proxied")

    def __init__(self, settings: CompressionSettings) -> None:
        self._minor = int(settings.gzip_http_version == "1.1")
        self._proxied = settings.gzip_proxied
        self._disabled = [regex for found in settings.gzip_disable for regex in found]

    def ok(self, exchange: Exchange, answer: AnswerHead | None = None) -> bool:
        """May the client get ``answer`` compressed; before there is any, an answer that says nothing of itself."""
        head = exchange.head
        if exchange.sub or head.minor < self._minor or not accepts_gzip(head.value(b"accept-encoding")):
            return False
        if head.value(b"via") and not self._by_proxy(exchange, answer):
            return False
        agent = head.value(b"user-agent") if self._disabled else b""
        return not (agent and any(searched(exchange, regex, agent) for regex in self._disabled))

    def _by_proxy(self, exchange: Exchange, answer: AnswerHead | None) -> bool:
        """``gzip_proxied``: a proxy may give the answer to others, who do not take it."""
        wanted = self._proxied
        if not wanted:
            return False
        if "any" in wanted or ("auth" in wanted and exchange.head.value(b"authorization")) or answer is None:
            return True
        expires = answer.value(b"Expires")
        if expires:
            return "expired" in wanted and _is_past(exchange, expires)
        control = answer.value(b"Cache-Control")
        if control:
            said = [token.partition(b"=")[0] for token in tokens(control)]
            return any(word in wanted and word.encode() in said for word in _CONTROLS)
        lasts = "no_last_modified" in wanted and answer.value(b"Last-Modified")
        return not (lasts or ("no_etag" in wanted and answer.value(b"ETag")))


def _is_past(exchange: Exchange, expires: bytes) -> bool:
    date = parse_date(expires)
    return date is not None and date < exchange.client.plane.wall()
