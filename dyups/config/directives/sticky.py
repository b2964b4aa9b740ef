"""``sticky`` (``ngx_http_upstream_sticky_module.c``), and Tengine's ``session_sticky`` with its companion."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from dyups.config.directives.entry import Call, Context, Entry, Kind, setting
from dyups.config.model import LocationSettings, UpstreamSpec
from dyups.config.sticky import SAMESITE, SessionSticky, Sticky, StickyCookie, StickyLearn, StickyRoute
from dyups.config.values import parse_number, parse_seconds, parse_size, parse_time
from dyups.config.variables import has_variables
from dyups.errors import ConfigError

#: What a zone has at least (``8 * ngx_pagesize``).
LEAST_ZONE = 8 * 4096


def _wrong(message: str) -> ConfigError:
    return ConfigError(f'"sticky" directive {message}')


def _sticky(call: Call) -> Sticky:
    kind, *words = call.args
    if kind == "cookie":
        return _cookie(call, words)
    if kind == "route":
        for word in words:
            _variable(call, word, f'invalid variable name "{word}"')
        return StickyRoute(tuple(words))
    if kind == "learn":
        return _learn(call, words)
    raise ConfigError(f'unknown parameter "{kind}"')


def _variable(call: Call, word: str, message: str) -> None:
    """``word`` is one variable, and known."""
    if not word.startswith("$") or not word[1:].replace("_", "a").isalnum():
        raise ConfigError(message)
    call.scope.template(word)


def _cookie(call: Call, words: list[str]) -> StickyCookie:
    name = words[0]
    if not name:
        raise _wrong("empty cookie name")
    if not _fits(name) or "=" in name:
        raise ConfigError(f'invalid variable name "cookie_{name}"')
    found: dict[str, Any] = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        reader = _COOKIE.get(key + equals)
        if reader is None:
            raise ConfigError(f'unknown parameter "{word}"')
        if key in found:
            raise _wrong(f'parameter "{key}" is duplicate')
        found[key] = reader(call, value)
    return StickyCookie(name, **found)


def _fits(text: str) -> bool:
    """Nothing in it would end a cookie, or its line."""
    return text.isprintable() and not any(letter in text for letter in ' ;,"\\')


def _present(call: Call, value: str) -> bool:
    return True


def _domain(call: Call, value: str) -> str:
    if not value:
        raise _wrong('no value for "domain"')
    call.scope.template(value)
    return value


def _path(call: Call, value: str) -> str:
    if not value:
        raise _wrong('no value for "path"')
    if not value.isprintable() or ";" in value:
        raise _wrong('invalid "path" parameter value')
    return value


def _expires(call: Call, value: str) -> float:
    try:
        return math.inf if value == "max" else parse_seconds(value)
    except ConfigError:
        raise _wrong('invalid "expires" parameter value') from None


def _samesite(call: Call, value: str) -> str:
    if not has_variables(value) and value.lower() not in SAMESITE:
        raise _wrong('invalid "samesite" parameter value')
    call.scope.template(value)
    return value


_COOKIE: dict[str, Callable[[Call, str], Any]] = {
    "domain=": _domain,
    "path=": _path,
    "expires=": _expires,
    "httponly": _present,
    "secure": _present,
    "samesite=": _samesite,
}


def _learn(call: Call, words: list[str]) -> StickyLearn:
    several: dict[str, list[str]] = {"create": [], "lookup": []}
    once: dict[str, Any] = {}
    for word in words:
        key, _, value = word.partition("=")
        if key in several:
            _variable(call, value, f'"sticky" directive missing variable in the "{key}" parameter')
            several[key].append(value)
        elif key in ("zone", "timeout"):
            if key in once:
                raise _wrong(f"duplicate {key}")
            once[key] = _zone(value) if key == "zone" else _timeout(value)
        elif word != "header":  # it is always learned as soon as the head has come
            raise ConfigError(f'unknown parameter "{word}"')
    for key in ("lookup", "create"):
        if not several[key]:
            raise _wrong(f'"{key}" parameter is not specified')
    if "zone" not in once:
        raise _wrong('"zone" parameter is not specified')
    zone, size = once.pop("zone")
    return StickyLearn(tuple(several["create"]), tuple(several["lookup"]), zone, size, **once)


def _zone(value: str) -> tuple[str, int]:
    name, colon, text = value.partition(":")
    if not colon:
        raise _wrong("zone size is not specified")
    if not name:
        raise _wrong("zone name is not specified")
    try:
        size = parse_size(text)
    except ConfigError:
        raise _wrong("invalid zone size") from None
    if size < LEAST_ZONE:
        raise _wrong("zone is too small")
    return name, size


def _timeout(value: str) -> float:
    try:
        found = parse_time(value)
    except ConfigError:
        found = 0.0
    if not found:
        raise _wrong("invalid timeout")
    return found


def _session_sticky(call: Call) -> SessionSticky:
    """``ngx_http_upstream_session_sticky``, whose words for a mistake are no more than these."""
    found: dict[str, Any] = {}
    for word in call.args:
        key, equals, value = word.partition("=")
        reader = _SESSION.get(key) if equals else None
        if reader is None:
            raise ConfigError("invalid argument")
        try:
            field, said = reader(value)
        except (ConfigError, KeyError):
            raise ConfigError("invalid hash mode" if key == "hash" else f"invalid {key}") from None
        found[field] = said
    return SessionSticky(**found)


def _text(field: str) -> Callable[[str], tuple[str, Any]]:
    def read(value: str) -> tuple[str, Any]:
        if not value or not _fits(value) or (field == "cookie" and "=" in value):
            raise ConfigError("no value")
        return field, value

    return read


def _seconds(field: str) -> Callable[[str], tuple[str, Any]]:
    return lambda value: (field, parse_number(value))


def _words(field: str, **known: Any) -> Callable[[str], tuple[str, Any]]:
    return lambda value: (field, known[value])


_SESSION: dict[str, Callable[[str], tuple[str, Any]]] = {
    "cookie": _text("cookie"),
    "domain": _text("domain"),
    "path": _text("path"),
    "maxage": _seconds("maxage"),
    "maxidle": _seconds("maxidle"),
    "maxlife": _seconds("maxlife"),
    "mode": _words("mode", insert="insert", prefix="prefix", rewrite="rewrite"),
    "option": _words("indirect", direct=False, indirect=True),
    "fallback": _words("fallback", on=True, off=False),
    "hash": _words("plain", md5=False, plain=True),
}


def _hidden(call: Call) -> str:
    key, _, name = call.args[0].partition("=")
    if key != "upstream" or not name:
        raise ConfigError(f'invalid argument of "{call.args[0]}"')
    return name


ENTRIES: tuple[Entry, ...] = (
    Entry(
        "sticky",
        Context.UPSTREAM,
        Kind(
            "cookie name [expires=time] [domain=domain] [httponly] [secure] [samesite=value] [path=path] | "
            "route $variable … | learn create=$variable lookup=$variable zone=name:size [timeout=time] [header]",
            2,
            None,
            _sticky,
        ),
        "Asks the same server for the requests of one session, beside any balancing method, which has the first of "
        "them and those whose server cannot be asked.  A server is named by its ``route``, or by the MD5 of its "
        "address, as nginx names it: in a cookie of ours, in the first variable that is not empty, or by what it was "
        "seen to create; all workers know them, and a reload keeps them.",
        owner=UpstreamSpec,
        attribute="sticky",
    ),
    Entry(
        "session_sticky",
        Context.UPSTREAM,
        Kind(
            "[cookie=name] [domain=domain] [path=path] [maxage=seconds] [mode=insert|rewrite|prefix] "
            "[option=direct|indirect] [maxidle=seconds] [maxlife=seconds] [fallback=on|off] [hash=plain|md5]",
            1,
            None,
            _session_sticky,
        ),
        "Tengine's sticky sessions, by a cookie of ours (``insert``) or of the server's, rewritten or prefixed.  "
        "``prefix`` and ``option=indirect`` need ``session_sticky_hide_cookie`` where requests are passed on.",
        owner=UpstreamSpec,
        attribute="sticky",
    ),
    setting(
        "session_sticky_hide_cookie",
        Context.HTTP_SERVER_LOCATION,
        Kind("upstream=name", 1, 1, _hidden),
        LocationSettings,
        "",
        "Servers get requests without the cookie, or the prefix, that ``session_sticky`` of that upstream has made.",
    ),
)
