"""``log_format``: a line for an exchange, by one function that is made once.

Owns the three ways of escaping values (``escape=default``, ``json``, ``none``) and what an empty value looks like.
``config.directives.logs`` reads the directive; ``accesslog`` makes the functions and calls them.

A value with something to escape is rare, so all values of a line are looked at together, and one by one only when
there is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from dyups.config.model import LogEscape, LogFormat
from dyups.interfaces import Getter

#: Makes a line, its end included, for an exchange.
Line = Callable[[Any], bytes]

_UNSAFE = re.compile(rb'["\\\x00-\x1f\x7f-\xff]')
_UNSAFE_IN_JSON = re.compile(rb'["\\\x00-\x1f]')
#: What is left without these has something to escape; quicker than a search.
_SAFE = _UNSAFE.sub(b"", bytes(range(256)))
_SAFE_IN_JSON = _UNSAFE_IN_JSON.sub(b"", bytes(range(256)))
_JSON = {
    b'"': rb"\"",
    b"\\": rb"\\",
    b"\n": rb"\n",
    b"\r": rb"\r",
    b"\t": rb"\t",
    b"\b": rb"\b",
    b"\f": rb"\f",
}


def _hexadecimal(found: re.Match[bytes]) -> bytes:
    return rb"\x%02X" % ord(found[0])


def _in_json(found: re.Match[bytes]) -> bytes:
    return _JSON.get(found[0]) or rb"\u%04X" % ord(found[0])


def escape_default(value: bytes) -> bytes:
    """``\\xHH`` for quotes, backslashes and all that is not printable ASCII (``ngx_http_log_escape``)."""
    return _UNSAFE.sub(_hexadecimal, value)


def escape_json(value: bytes) -> bytes:
    """The inside of a JSON string (``ngx_escape_json``); bytes from 128 on stay as they are."""
    return _UNSAFE_IN_JSON.sub(_in_json, value)


def compile_line(log_format: LogFormat) -> Line:
    """The function that writes lines of that form."""
    getters = tuple(part for part in log_format.parts if not isinstance(part, bytes))
    pattern = b"".join(
        part.replace(b"%", b"%%") if isinstance(part, bytes) else b"%b" for part in log_format.parts
    )
    return _MAKERS[log_format.escape](pattern + b"\n", getters)


def _plain(pattern: bytes, getters: tuple[Getter, ...]) -> Line:
    return lambda exchange: pattern % tuple([get(exchange) for get in getters])


def _default(pattern: bytes, getters: tuple[Getter, ...]) -> Line:
    def line(exchange: Any) -> bytes:
        values = [get(exchange) or b"-" for get in getters]
        if b"".join(values).translate(None, _SAFE):
            values = [escape_default(value) for value in values]
        return pattern % tuple(values)

    return line


def _json(pattern: bytes, getters: tuple[Getter, ...]) -> Line:
    def line(exchange: Any) -> bytes:
        values = [get(exchange) for get in getters]
        if b"".join(values).translate(None, _SAFE_IN_JSON):
            values = [escape_json(value) for value in values]
        return pattern % tuple(values)

    return line


_MAKERS: dict[LogEscape, Callable[[bytes, tuple[Getter, ...]], Line]] = {
    LogEscape.DEFAULT: _default,
    LogEscape.JSON: _json,
    LogEscape.NONE: _plain,
}
