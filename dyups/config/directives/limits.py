"""The directives that limit requests and connections by a key."""

from __future__ import annotations

import re

from dyups.config.directives.entry import Call, Context, Entry, Kind, setting
from dyups.config.directives.kinds import FLAG, choice
from dyups.config.limits import LimitConn, LimitReq, LimitSettings, LimitZone
from dyups.config.model import Http
from dyups.config.values import parse_number, parse_size
from dyups.errors import ConfigError

_ANYWHERE = Context.HTTP_SERVER_LOCATION
_RATE = re.compile(r"rate=([0-9]{1,9})r/([sm])\Z").match
#: nginx wants eight pages at least.
_LEAST = 8 * 4096
_LEVELS = choice("info", "notice", "warn", "error")


def _zone(call: Call) -> LimitZone:
    """``limit_req_zone key zone=name:size rate=rate`` and ``limit_conn_zone key zone=name:size``."""
    key, *parameters = call.args
    name, size, rate = "", 0, 0
    for parameter in parameters:
        if parameter.startswith("zone="):
            name, size = _named(parameter)
        elif call.name == "limit_req_zone" and parameter.startswith("rate="):
            rate = _rate(parameter)
        else:
            raise ConfigError(f'invalid parameter "{parameter}"')
    if not name:
        raise ConfigError(f'"{call.name}" must have "zone" parameter')
    if call.name == "limit_req_zone" and not rate:
        rate = 1000
    return LimitZone(name, call.scope.template(key), size, rate)


def _named(parameter: str) -> tuple[str, int]:
    name, colon, text = parameter.removeprefix("zone=").partition(":")
    try:
        size = parse_size(text)
    except ConfigError:
        size = -1
    if not name or not colon:
        raise ConfigError(f'invalid zone size "{parameter}"')
    if size < 0:
        raise ConfigError(f'invalid zone size "{parameter}"')
    if size < _LEAST:
        raise ConfigError(f'zone "{name}" is too small')
    return name, size


def _rate(parameter: str) -> int:
    match = _RATE(parameter)
    if match is None or not int(match[1]):
        raise ConfigError(f'invalid rate "{parameter}"')
    return int(match[1]) * 1000 // (1 if match[2] == "s" else 60)


def _limit_req(call: Call) -> LimitReq:
    zone, burst, delay = "", 0, 0
    no_delay = False
    for parameter in call.args:
        name, equals, value = parameter.partition("=")
        if name == "zone" and value:
            zone = value
        elif name == "burst" and equals:
            burst = _positive("burst value", parameter, value)
        elif name == "delay" and equals:
            delay = _positive("delay value", parameter, value)
        elif parameter == "nodelay":
            no_delay = True
        else:
            raise ConfigError(f'invalid parameter "{parameter}"')
    if not zone:
        raise ConfigError('"limit_req" must have "zone" parameter')
    return LimitReq(zone, burst, None if no_delay else delay)


def _limit_conn(call: Call) -> LimitConn:
    zone, number = call.args
    most = _positive("number of connections", number, number)
    if most > 65535:
        raise ConfigError("connection limit must be less 65536")
    return LimitConn(zone, most)


def _positive(what: str, shown: str, text: str) -> int:
    try:
        found = parse_number(text)
    except ConfigError:
        found = 0
    if not found:
        raise ConfigError(f'invalid {what} "{shown}"')
    return found


def _status(call: Call) -> int:
    try:
        found = parse_number(call.args[0])
    except ConfigError:
        raise ConfigError(f'"{call.name}" directive invalid number') from None
    if not 400 <= found <= 599:
        raise ConfigError("value must be between 400 and 599")
    return found


_STATUS = Kind("code", 1, 1, _status)


def _of(prefix: str, what: str) -> tuple[Entry, ...]:
    return (
        setting(
            f"{prefix}_dry_run",
            _ANYWHERE,
            FLAG,
            LimitSettings,
            "off",
            f"Whether {what} are counted and logged, but never refused.",
        ),
        setting(
            f"{prefix}_log_level",
            _ANYWHERE,
            _LEVELS,
            LimitSettings,
            "error",
            f"The level at which refused {what} are logged.",
        ),
        setting(
            f"{prefix}_status", _ANYWHERE, _STATUS, LimitSettings, "503", f"The answer to refused {what}."
        ),
    )


def _zone_entry(name: str, syntax: str, most: int, doc: str) -> Entry:
    return Entry(
        name,
        Context.HTTP,
        Kind(syntax, most, most, _zone),
        doc,
        owner=Http,
        attribute="limit_zones",
        several=True,
        reads_default=False,
    )


ENTRIES: tuple[Entry, ...] = (
    _zone_entry(
        "limit_conn_zone", "key zone=name:size", 2, "A zone for ``limit_conn``: requests under way by key."
    ),
    _zone_entry(
        "limit_req_zone", "key zone=name:size rate=rate", 3, "A zone for ``limit_req``: requests by key."
    ),
    setting(
        "limit_conn",
        _ANYWHERE,
        Kind("zone number", 2, 2, _limit_conn),
        LimitSettings,
        "",
        "How many requests with the same key may be under way at a time, over all workers.",
        several=True,
    ),
    setting(
        "limit_req",
        _ANYWHERE,
        Kind("zone=name [burst=number] [nodelay | delay=number]", 1, 3, _limit_req),
        LimitSettings,
        "",
        "Holds requests with the same key to the rate of the zone, over all workers: ``burst`` more wait their turn, "
        "or with ``nodelay`` do not, and others are refused.",
        several=True,
    ),
    *_of("limit_conn", "requests"),
    *_of("limit_req", "requests"),
)
