"""Compressed answers: ``gzip``, copies that were compressed beforehand, and ``gunzip``."""

from __future__ import annotations

import re

from dyups.config.compression import CompressionSettings
from dyups.config.directives.entry import Call, Context, Entry, Kind, harmless, setting
from dyups.config.directives.kinds import BUFS, FLAG, SIZE, choice, word_set
from dyups.config.matching import Regex
from dyups.config.parser import encode
from dyups.config.regex import compile_regex
from dyups.config.values import parse_number, parse_size
from dyups.errors import ConfigError

_ANYWHERE = Context.HTTP_SERVER_LOCATION
_AS_IT_COMES = "A piece is compressed when it comes, and goes out at once."
_PROXIED = frozenset(
    ("any", "auth", "expired", "no-cache", "no-store", "no_etag", "no_last_modified", "private")
)
#: Internet Explorer before 7, but for 6 with the second service pack (``ngx_http_process_user_agent``).
_MSIE6 = re.compile(rb"MSIE (?:[45]\.|6\.(?!.*SV1)).", re.DOTALL)
_MOST_WINDOW, _LEAST_WINDOW = 1 << 15, 1 << 9
_MOST_HASH, _LEAST_HASH = 1 << 17, 1 << 9


def _level(call: Call) -> int:
    try:
        level = parse_number(call.args[0])
    except ConfigError:
        raise ConfigError(f'"{call.name}" directive invalid number') from None
    if not 1 <= level <= 9:
        raise ConfigError("value must be between 1 and 9")
    return level


def _power(call: Call, least: int, most: int) -> int:
    """The exponent of a size that has to be a power of two."""
    try:
        size = parse_size(call.args[0])
    except ConfigError:
        raise ConfigError(f'"{call.name}" directive invalid value') from None
    if not least <= size <= most or size & (size - 1):
        raise ConfigError(f'"{call.name}" directive must be {_sizes(least, most)}')
    return size.bit_length() - 1


def _sizes(least: int, most: int) -> str:
    """``512, 1k, 2k, … or 32k``."""
    found = [1 << exponent for exponent in range(least.bit_length() - 1, most.bit_length())]
    words = [str(size) if size < 1024 else f"{size >> 10}k" for size in found]
    return f"{', '.join(words[:-1])}, or {words[-1]}"


def _window(call: Call) -> int:
    return _power(call, _LEAST_WINDOW, _MOST_WINDOW)


def _hash(call: Call) -> int:
    """zlib's ``memLevel``."""
    return _power(call, _LEAST_HASH, _MOST_HASH) - 8


def _disable(call: Call) -> tuple[Regex, ...]:
    return tuple(_MSIE6 if word == "msie6" else compile_regex(word, caseless=True) for word in call.args)


def mime_types(call: Call) -> frozenset[bytes]:
    """Types besides ``text/html`` (``ngx_http_types_slot``)."""
    return frozenset(encode(word.lower()) for word in ("text/html", *call.args))


def _said(
    name: str, kind: Kind, default: str, doc: str, contexts: Context = _ANYWHERE, *, several: bool = False
) -> Entry:
    return setting(name, contexts, kind, CompressionSettings, default, doc, several=several)


ENTRIES: tuple[Entry, ...] = (
    _said(
        "gzip",
        FLAG,
        "off",
        "Whether answers of the types of ``gzip_types`` with the status 200, 403 or 404 are compressed for clients "
        "that ask for it (``Accept-Encoding``).",
        _ANYWHERE | Context.IF,
    ),
    _said("gzip_comp_level", Kind("1 … 9", 1, 1, _level), "1", "1 is fast, 9 is small."),
    _said(
        "gzip_disable",
        Kind("regex … | msie6", 1, None, _disable),
        "",
        "Clients whose ``User-Agent`` one of the regular expressions is found in get nothing compressed.  ``msie6`` "
        "stands for Internet Explorer before 7.",
        several=True,
    ),
    _said("gzip_hash", Kind("size", 1, 1, _hash), "128k", "How much memory zlib takes to find what repeats."),
    _said(
        "gzip_http_version",
        choice("1.0", "1.1"),
        "1.1",
        "The lowest version of a request that gets a compressed answer.",
    ),
    _said("gzip_min_length", SIZE, "20", "Answers whose ``Content-Length`` is less are not compressed."),
    _said(
        "gzip_proxied",
        word_set(_PROXIED, "off"),
        "off",
        "Which requests that came through a proxy (``Via``) get compressed answers: ``any``, those with "
        "``Authorization`` (``auth``), or those whose answer has an ``Expires`` in the past (``expired``), such a "
        "``Cache-Control`` (``no-cache``, ``no-store``, ``private``), or neither of these and no ``Last-Modified`` "
        "(``no_last_modified``) or ``ETag`` (``no_etag``).",
    ),
    _said(
        "gzip_static",
        choice("off", "on", "always"),
        "off",
        "Whether the file with ``.gz`` behind its name is sent in place of a file, to clients that ask for it, or "
        "``always``.  It should be as old as the file.",
    ),
    _said(
        "gzip_types",
        Kind("type …", 1, None, mime_types),
        "text/html",
        "The types that are compressed besides ``text/html``; ``*`` for all.",
    ),
    _said(
        "gzip_vary",
        FLAG,
        "off",
        "Whether answers that are compressed for some clients say so: ``Vary: Accept-Encoding``.",
    ),
    _said("gzip_window", Kind("size", 1, 1, _window), "32k", "How far back zlib looks for what repeats."),
    _said(
        "gunzip",
        FLAG,
        "off",
        "Whether answers with ``Content-Encoding: gzip`` are unpacked for clients that do not ask for it.",
    ),
    harmless("gzip_buffers", _ANYWHERE, BUFS, _AS_IT_COMES),
    harmless("gunzip_buffers", _ANYWHERE, BUFS, _AS_IT_COMES),
    harmless("gzip_no_buffer", _ANYWHERE, FLAG, _AS_IT_COMES),
    harmless("postpone_gzipping", _ANYWHERE, SIZE, _AS_IT_COMES),
)
