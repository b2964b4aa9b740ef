"""One ``server`` command of an upstream, from text and to text.

Owns the parameters of ``server``; what they may not be together with is ``upstreams``' to say, which calls this.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dyups.config.blocks import plain_server
from dyups.config.directives import check
from dyups.config.directives.entry import Context
from dyups.config.lexer import quote
from dyups.config.model import ServerSpec
from dyups.config.parser import Directive
from dyups.config.values import HostPort, format_time, parse_number, parse_seconds, parse_server_address
from dyups.errors import ConfigError

#: The longest ``route=`` (``NGX_HTTP_UPSTREAM_SID_LEN``).
MAX_ROUTE = 32


def server_of(directive: Directive) -> ServerSpec:
    """The server of a ``server`` command; raises ConfigError with its place."""
    if directive.block is not None or not directive.args:
        check(directive, Context.UPSTREAM)
    plain = plain_server(directive.args)
    if plain is not None:
        return plain
    address, *parameters = directive.args
    try:
        where = parse_server_address(address)
        if not parameters:
            return ServerSpec(address, *where)
        found = _parameters(parameters)
        _check_service(address, where, found)
        return ServerSpec(address, *where, **found)
    except ConfigError as error:
        raise directive.error(error.message) from None


def _parameters(parameters: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for parameter in parameters:
        name, equals, text = parameter.partition("=")
        reader = _PARAMETERS.get(name + equals)
        if reader is None:
            raise ConfigError(f'invalid parameter "{parameter}"')
        try:
            found[name] = reader(text)
        except ConfigError:
            raise ConfigError(f'invalid parameter "{parameter}"') from None
    return found


def _check_service(address: str, where: HostPort, found: dict[str, Any]) -> None:
    """``service`` asks for a name without port, and for ``resolve`` (``ngx_http_upstream_server``)."""
    if "service" not in found:
        return
    if "resolve" not in found:
        raise ConfigError(f'service upstream "{address}" requires "resolve" parameter')
    if where.path or where.host != address:
        raise ConfigError(f'service upstream "{address}" may not have port')


def _weight(text: str) -> int:
    weight = parse_number(text)
    if not weight:
        raise ConfigError("invalid number")
    return weight


def _present(text: str) -> bool:
    return True


def _word(text: str) -> str:
    if not text or not text.isprintable():
        raise ConfigError("no value")
    return text


def _route(text: str) -> str:
    if len(text.encode()) > MAX_ROUTE:
        raise ConfigError("too long")
    return _word(text)


_PARAMETERS: dict[str, Callable[[str], Any]] = {
    "weight=": _weight,
    "max_conns=": parse_number,
    "max_fails=": parse_number,
    "fail_timeout=": parse_seconds,
    "backup": _present,
    "down": _present,
    "drain": _present,
    "resolve": _present,
    "route=": _route,
    "service=": _word,
    "slow_start=": parse_seconds,
}


def print_server(spec: ServerSpec) -> str:
    """``server 127.0.0.1:8088 weight=3 backup``: only parameters that differ from their defaults, no ``;``."""
    words = ["server", quote(spec.address)]
    if spec.weight != 1:
        words.append(f"weight={spec.weight}")
    if spec.max_conns:
        words.append(f"max_conns={spec.max_conns}")
    if spec.max_fails != 1:
        words.append(f"max_fails={spec.max_fails}")
    if spec.fail_timeout != 10.0:
        words.append(f"fail_timeout={format_time(spec.fail_timeout)}")
    if spec.slow_start:
        words.append(f"slow_start={format_time(spec.slow_start)}")
    if spec.service:
        words.append(quote(f"service={spec.service}"))
    words += ["resolve"] * spec.resolve
    if spec.route:
        words.append(quote(f"route={spec.route}"))
    words += ["backup"] * spec.backup + ["down"] * spec.down + ["drain"] * spec.drain
    return " ".join(words)


def print_server_verbose(spec: ServerSpec) -> str:
    """Every parameter, as newer versions of the C module print them in ``/detail``; then what only we have."""
    seconds = (
        format_time(spec.fail_timeout).removesuffix("s")
        if spec.fail_timeout.is_integer()
        else spec.fail_timeout
    )
    return (
        f"server {quote(spec.address)} weight={spec.weight} max_conns={spec.max_conns} max_fails={spec.max_fails} "
        f"fail_timeout={seconds} backup={spec.backup:d} down={spec.down:d}{_more(spec)}"
    )


def _more(spec: ServerSpec) -> str:
    """What the C module does not know, where it is said."""
    said = (
        (spec.slow_start, f" slow_start={format_time(spec.slow_start)}"),
        (spec.service, " " + quote(f"service={spec.service}")),
        (spec.resolve, " resolve=1"),
        (spec.route, " " + quote(f"route={spec.route}")),
        (spec.drain, " drain=1"),
    )
    return "".join(text for present, text in said if present)
