"""Functions of ``ngx`` that need no request: escapes, digests, times; bytes in, bytes out.

As lua-nginx-module has them.  ``scripts`` offers :data:`FUNCTIONS` to Lua.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from email.utils import formatdate, parsedate_to_datetime
from typing import Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

_SQL = {
    0: b"\\0",
    8: b"\\b",
    9: b"\\t",
    10: b"\\n",
    13: b"\\r",
    26: b"\\Z",
    34: b'\\"',
    36: b"\\$",
    39: b"\\'",
    92: b"\\\\",
}
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def escape_uri(text: bytes, kind: float = 2) -> bytes:
    """Percent-encoding: as a component of a URI (2, the default), or leaving what a whole URI may hold (0)."""
    return quote_from_bytes(text, safe="-_.~" if kind == 2 else "-_.~!*'();:@&=+$,/?[]").encode()


def unescape_uri(text: bytes) -> bytes:
    """The reverse; ``+`` is a space, and what is no escape stays."""
    return unquote_to_bytes(text.replace(b"+", b" "))


def pairs(text: bytes, most: float) -> list[tuple[bytes, Any]]:
    """The arguments of a query, decoded; one without ``=`` is True.  At most ``most``, or all with 0."""
    found: list[tuple[bytes, Any]] = []
    for part in text.split(b"&"):
        name, equals, value = part.partition(b"=")
        if name:
            found.append((unescape_uri(name), unescape_uri(value) if equals else True))
    return found[: int(most)] if most > 0 else found


def flat(found: list[tuple[bytes, Any]]) -> tuple[Any, ...]:
    """Pairs as the one sequence that Lua makes a table of."""
    return tuple([item for pair in found for item in pair])


def decode_args(text: bytes, most: float) -> tuple[Any, ...]:
    """``ngx.decode_args``."""
    return flat(pairs(text, most))


def decode_base64(text: bytes) -> bytes | None:
    """The bytes, or None where it is not base64; padding may be missing."""
    try:
        return b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError:
        return None


def encode_base64(text: bytes, no_padding: bool = False) -> bytes:
    """Base64 in one line."""
    coded = b64encode(text)
    return coded.rstrip(b"=") if no_padding else coded


def quote_sql_str(text: bytes) -> bytes:
    """A string literal by MySQL's rules."""
    return b"'" + b"".join([_SQL.get(c) or bytes((c,)) for c in text]) + b"'"


def http_time(seconds: bytes) -> bytes:
    """``Thu, 18 Nov 2010 11:27:35 GMT``."""
    return formatdate(float(seconds), usegmt=True).encode()


def cookie_time(seconds: bytes) -> bytes:
    """``Thu, 18-Nov-10 11:27:35 GMT``, the year with four digits after 2037."""
    moment = time.gmtime(float(seconds))
    year = "%Y" if moment.tm_year > 2037 else "%y"
    return f"{_WEEKDAYS[moment.tm_wday]}, {time.strftime(f'%d-%b-{year} %H:%M:%S', moment)} GMT".encode()


def parse_http_time(text: bytes) -> float | None:
    """Seconds since 1970, or None where it is no time."""
    try:
        return parsedate_to_datetime(text.decode("latin-1")).timestamp()
    except (TypeError, ValueError):
        return None


def _stamp(form: str, moment: Callable[[], time.struct_time]) -> Callable[[], bytes]:
    return lambda: time.strftime(form, moment()).encode()


def now() -> float:
    """Seconds since 1970, to the millisecond."""
    return round(time.time(), 3)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "cookie_time": cookie_time,
    "crc32_long": zlib.crc32,
    "crc32_short": zlib.crc32,
    "decode_args": decode_args,
    "decode_base64": decode_base64,
    "encode_base64": encode_base64,
    "escape_uri": escape_uri,
    "hmac_sha1": lambda key, text: hmac.digest(key, text, "sha1"),
    "http_time": http_time,
    "localtime": _stamp("%Y-%m-%d %H:%M:%S", time.localtime),
    "md5": lambda text: hashlib.md5(text, usedforsecurity=False).hexdigest().encode(),
    "md5_bin": lambda text: hashlib.md5(text, usedforsecurity=False).digest(),
    "now": now,
    "parse_http_time": parse_http_time,
    "quote_sql_str": quote_sql_str,
    "sha1_bin": lambda text: hashlib.sha1(text, usedforsecurity=False).digest(),
    "time": lambda: int(time.time()),
    "today": _stamp("%Y-%m-%d", time.localtime),
    "unescape_uri": unescape_uri,
    "utctime": _stamp("%Y-%m-%d %H:%M:%S", time.gmtime),
    "worker_pid": os.getpid,
}
