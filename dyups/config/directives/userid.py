"""The directives about cookies that tell visitors apart (``ngx_http_userid_filter_module``)."""

from __future__ import annotations

import re

from dyups.config.directives.entry import Call, Context, Entry, Kind, setting
from dyups.config.directives.kinds import NUMBER, TEXT, choice
from dyups.config.userid import FOREVER, UserIdSettings
from dyups.config.values import parse_seconds
from dyups.errors import ConfigError

_ANYWHERE = Context.HTTP_SERVER_LOCATION
_MARK = re.compile(r"[0-9A-Za-z=]\Z").match
#: In the order in which they are written.
_FLAGS = ("secure", "httponly", "samesite=strict", "samesite=lax", "samesite=none")


def _or_none(call: Call) -> str:
    return "" if call.args[0] == "none" else call.args[0]


def _expires(call: Call) -> int:
    text = call.args[0]
    if text in ("max", "off"):
        return FOREVER if text == "max" else 0
    try:
        return int(parse_seconds(text))
    except ConfigError:
        raise ConfigError('"userid_expires" directive invalid value') from None


def _mark(call: Call) -> str:
    text = call.args[0]
    if text == "off":
        return ""
    if _MARK(text) is None:
        raise ConfigError('"userid_mark" directive value must be "off" or a single letter, digit or "="')
    return text


def _flags(call: Call) -> tuple[str, ...]:
    for word in call.args:
        if word not in _FLAGS and word != "off":
            raise ConfigError(f'invalid value "{word}"')
    if "off" in call.args:
        return ()
    return tuple(flag for flag in _FLAGS if flag in call.args)


def _of(name: str, kind: Kind, default: str, doc: str, *, reads: bool = True) -> Entry:
    return setting(name, _ANYWHERE, kind, UserIdSettings, default, doc, reads_default=reads)


ENTRIES: tuple[Entry, ...] = (
    _of(
        "userid",
        choice("off", "log", "v1", "on"),
        "off",
        "Whether visitors get a cookie that tells them apart: ``on`` and ``v1`` (of another form) set one where there "
        "is none, ``log`` only reads it.  ``$uid_got`` and ``$uid_set`` are the one that came and the one that is set.",
    ),
    _of("userid_domain", Kind("name | none", 1, 1, _or_none), "none", "The domain of the cookie."),
    _of("userid_expires", Kind("time | max | off", 1, 1, _expires), "off", "How long the cookie is kept."),
    _of(
        "userid_flags",
        Kind("off | flag …", 1, None, _flags),
        "off",
        "``secure``, ``httponly``, ``samesite=strict``, ``samesite=lax`` or ``samesite=none``.",
    ),
    _of(
        "userid_mark",
        Kind("letter | digit | = | off", 1, 1, _mark),
        "off",
        "A character that stands at the end of cookies; those without it are sent anew with it.",
    ),
    _of("userid_name", TEXT, "uid", "The name of the cookie."),
    _of(
        "userid_p3p",
        Kind("string | none", 1, 1, _or_none),
        "none",
        "The field ``P3P`` that goes with the cookie.",
    ),
    _of("userid_path", TEXT, "/", "The path of the cookie."),
    _of(
        "userid_service",
        NUMBER,
        "",
        "The number that new cookies begin with, in place of the address that the client came to.",
    ),
)
