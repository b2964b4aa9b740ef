"""Fields that a location adds to answers: ``add_header``, ``add_trailer`` and ``expires``, and the ``charset`` of their
types (``ngx_http_headers_filter_module``, ``ngx_http_charset_module``).

``answers`` calls for our own answers and for files, ``headfilter`` for those of servers.
"""

from __future__ import annotations

import re
import time
from email.utils import formatdate, mktime_tz, parsedate_tz

from dyups.config.directives.headers import parse_expires
from dyups.config.parser import encode
from dyups.config.routing import AddedField, AnswerSettings, Expires, ExpiresMode
from dyups.errors import ConfigError
from dyups.http1.fields import clean
from dyups.proxy.exchange import Exchange
from dyups.proxy.filters.visitors import visitors

#: Where ``exchange.user`` has what was sent behind a body (``$sent_trailer_…``); no variable can have this name.
TRAILED = "sent trailers"
#: Answers to which fields are added without ``always``.
SAFE = frozenset({200, 201, 204, 206, 301, 302, 303, 304, 307, 308})
#: Of these an answer has one: an added one takes its place, an empty one removes it.
_ONE = frozenset({b"last-modified", b"etag"})
_NO_BODY = frozenset({204, 304})
#: ``Content-Type`` without a charset, or any parameter.
_TYPE = re.compile(rb"^Content-Type:[ \t]*([^;\s]+)(?=\r$)", re.IGNORECASE | re.MULTILINE)
_AGE = frozenset({b"expires", b"cache-control"})

_EPOCH = b"Expires: Thu, 01 Jan 1970 00:00:01 GMT\r\nCache-Control: no-cache\r\n"
_MAX = b"Expires: Thu, 31 Dec 2037 23:55:55 GMT\r\nCache-Control: max-age=315360000\r\n"


class Additions:
    """What one location adds."""

    __slots__ = ("_charset", "_charset_types", "_expires", "_fields", "_trailers", "_visitors")

    def __init__(self, settings: AnswerSettings) -> None:
        self._fields = [(encode(field.name), field) for field in settings.add_header]
        self._trailers = [(encode(field.name), field) for field in settings.add_trailer]
        self._expires = settings.expires
        self._visitors = visitors(settings.userid)
        self._charset = settings.charset
        self._charset_types = settings.charset_types

    def apply(self, exchange: Exchange, lines: bytes) -> bytes:
        """The lines of an answer's head, each with its line end, with what is added and without what that replaces.

        ``exchange.status`` is the answer's.  While values are computed ``$sent_http_…`` reads ``lines``.
        """
        if self._charset is not None and exchange.status not in (301, 302):
            lines = _TYPE.sub(lambda found: self._with_charset(exchange, found), lines)
        exchange.sent = lines
        safe = exchange.status in SAFE
        added = b""
        replaced: frozenset[bytes] = frozenset()
        if self._expires is not None and safe:
            added = self._age(exchange, lines, self._expires)
            if added:
                replaced = _AGE
        for name, field in self._fields:
            if safe or field.always:
                if field.value.constant is None:
                    exchange.sent = lines + added
                if name.lower() in _ONE:
                    replaced |= {name.lower()}
                    added = without(added, frozenset({name.lower()}))
                added += _line(exchange, name, field)
        if self._visitors is not None and not exchange.sub:
            added += self._visitors.lines(exchange)
        return (without(lines, replaced) if replaced else lines) + added

    def lines(self, exchange: Exchange) -> bytes:
        """What is added alone."""
        return self.apply(exchange, b"")

    def _with_charset(self, exchange: Exchange, found: re.Match[bytes]) -> bytes:
        """The type, and the charset where it is one of the types that have one."""
        assert self._charset is not None
        if found[1].lower() not in self._charset_types and b"*" not in self._charset_types:
            return found[0]
        charset = clean(self._charset.render(exchange))
        return b"%b; charset=%b" % (found[0], charset) if charset else found[0]

    def trails(self, exchange: Exchange, status: int) -> bool:
        """See :class:`~dyups.proxy.route.AddedFields`: nothing is behind no body, nor was before HTTP/1.1."""
        if (
            not self._trailers
            or not exchange.head.minor
            or not exchange.route.settings.chunked_transfer_encoding
            or exchange.head.method == b"HEAD"
            or status in _NO_BODY
        ):
            return False
        return status in SAFE or any(field.always for _, field in self._trailers)

    def trailers(self, exchange: Exchange) -> bytes:
        """See :class:`~dyups.proxy.route.AddedFields`."""
        safe = (exchange.error_status or exchange.status) in SAFE
        lines = b""
        for name, field in self._trailers:
            if safe or field.always:
                lines += _line(exchange, name, field)
                exchange.user[TRAILED] = lines
        return lines

    def _age(self, exchange: Exchange, lines: bytes, expires: Expires) -> bytes:
        mode, seconds = expires.mode, expires.seconds
        if expires.text is not None:
            text = expires.text.render(exchange).decode("latin-1")
            try:
                found = parse_expires(text, modified=mode is ExpiresMode.MODIFIED)
            except ConfigError:
                return b""
            mode, seconds = found.mode, found.seconds
        if mode is ExpiresMode.OFF:
            return b""
        if mode is ExpiresMode.EPOCH:
            return _EPOCH
        if mode is ExpiresMode.MAX:
            return _MAX
        now = exchange.client.plane.wall()
        if mode is ExpiresMode.DAILY:
            at = _next(now, seconds)
        elif mode is ExpiresMode.MODIFIED and seconds:
            changed = parse_date(value_of(lines, b"last-modified"))
            at = (now if changed is None else changed) + seconds
        else:
            at = now + seconds
        age = at - now
        control = b"no-cache" if seconds < 0 or age < 0 else b"max-age=%d" % age
        return b"Expires: %b\r\nCache-Control: %b\r\n" % (format_date(at), control)


def _line(exchange: Exchange, name: bytes, field: AddedField) -> bytes:
    value = field.value.render(exchange)
    return b"%b: %b\r\n" % (name, clean(value)) if value else b""


def _next(now: int, seconds: int) -> int:
    """The next time that it is so many seconds into the day, here (``ngx_next_time``)."""
    today = time.localtime(now)
    start = int(time.mktime((today.tm_year, today.tm_mon, today.tm_mday, 0, 0, 0, 0, 0, -1)))
    if start + seconds > now:
        return start + seconds
    tomorrow = (today.tm_year, today.tm_mon, today.tm_mday + 1, 0, 0, 0, 0, 0, -1)
    return int(time.mktime(tomorrow)) + seconds


def without(lines: bytes, names: frozenset[bytes]) -> bytes:
    """``lines`` without the fields of these lower-case names."""
    kept = [line for line in lines.split(b"\r\n") if line.partition(b":")[0].lower() not in names]
    return b"\r\n".join(kept)


def value_of(lines: bytes, name: bytes) -> bytes:
    """The value of a field among ``lines``, all of them joined; empty where there is none.  ``name`` is lower case."""
    found = [line.partition(b":") for line in lines.split(b"\r\n")]
    return b", ".join([value.strip() for key, _, value in found if key.lower() == name])


def format_date(seconds: float) -> bytes:
    """A date as HTTP writes it (RFC 9110 section 5.6.7)."""
    return formatdate(int(seconds), usegmt=True).encode()


def parse_date(value: bytes) -> int | None:
    """The seconds of a date as HTTP writes it; None for what is none."""
    try:
        found = parsedate_tz(value.decode("ascii"))
        return None if found is None else int(mktime_tz(found))
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def added_fields(settings: AnswerSettings) -> Additions | None:
    """What a location adds, None where that is nothing."""
    said = (
        settings.expires is not None or settings.charset is not None or settings.userid.userid in ("on", "v1")
    )
    wanted = said or settings.add_header or settings.add_trailer
    return Additions(settings) if wanted else None
