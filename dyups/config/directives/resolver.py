"""``resolver`` and ``resolver_timeout``: which name servers are asked while running (``ngx_resolver_create``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dyups.config.directives.entry import Call, Context, Entry, Kind, setting
from dyups.config.directives.kinds import TIME
from dyups.config.model import LocationSettings
from dyups.config.specs import ResolverSpec
from dyups.config.values import HostPort, parse_flag, parse_seconds, parse_server_address
from dyups.errors import ConfigError

PORT = 53


def _server(text: str) -> HostPort:
    try:
        found = parse_server_address(text, PORT)
    except ConfigError as error:
        message = error.message.removesuffix(f' in upstream "{text}"')
        raise ConfigError(f'{message} in resolver "{text}"') from None
    if found.path:
        raise ConfigError(f'invalid host in resolver "{text}"')
    return found


def _resolver(call: Call) -> ResolverSpec:
    servers: list[HostPort] = []
    said: dict[str, Any] = {}
    for word in call.args:
        name, equals, value = word.partition("=")
        reader = _PARAMETERS.get(name) if equals else None
        if reader is None:
            servers.append(_server(word))
            continue
        try:
            said[name] = reader(value)
        except ConfigError:
            raise ConfigError(f"invalid parameter: {word}") from None
    if not servers:
        raise ConfigError("no name servers defined")
    if said.get("ipv4") is False and said.get("ipv6") is False:
        raise ConfigError('"ipv4" and "ipv6" cannot both be "off"')
    return ResolverSpec(tuple(servers), **said)


def _flag(text: str) -> bool:
    return parse_flag(text, "resolver")


def _zone(text: str) -> str:
    if not text:
        raise ConfigError("no name")
    return text


_PARAMETERS: dict[str, Callable[[str], Any]] = {
    "valid": parse_seconds,
    "ipv4": _flag,
    "ipv6": _flag,
    "status_zone": _zone,
}

RESOLVER = Kind("address … [valid=time] [ipv4=on|off] [ipv6=on|off] [status_zone=zone]", 1, None, _resolver)

ENTRIES: tuple[Entry, ...] = (
    setting(
        "resolver",
        Context.HTTP_SERVER_LOCATION,
        RESOLVER,
        LocationSettings,
        "",
        "The name servers, each an address with port 53 if none is given, that are asked in turn for the names of "
        "``server … resolve`` (those of ``http``), and for what a ``proxy_pass`` with variables names where that is no "
        "upstream.  Without it nothing is looked up for a request.  ``valid`` says how long answers hold, instead of "
        "their TTL.  ``status_zone`` is kept without effect.",
    ),
    setting(
        "resolver_timeout",
        Context.HTTP_SERVER_LOCATION,
        TIME,
        LocationSettings,
        "30s",
        "How long looking up a name may take.",
    ),
)
