"""What is said of the active health checks of an upstream: Tengine's ``check`` and its companions, as a value.

Owns the parameters with their defaults and how they are read (``ngx_http_upstream_check``).  The entries of the table
are ``directives.check``'s, ``upstreams`` puts the commands of one upstream together, ``health`` does what they say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dyups.config.parser import encode
from dyups.config.values import parse_number
from dyups.errors import ConfigError

#: The kinds of checks; ``health.probes`` has one of each.
TYPES = ("tcp", "http", "ssl_hello", "mysql", "ajp")
#: The classes of HTTP status codes, by what ``check_http_expect_alive`` calls them.
CLASSES = {f"http_{number}xx": number for number in range(1, 6)}
#: The forms of the page of ``check_status``, the default first.
FORMS = ("html", "csv", "json", "prometheus")
MOST_PORT = 65535


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """The checks of an upstream; times in seconds, defaults are Tengine's."""

    type: str = "tcp"
    interval: float = 30.0
    """From one check of a server to the next."""
    rise: int = 2
    """So many good checks in a row, and a server that is down is up."""
    fall: int = 5
    """So many failed checks in a row, and a server that is up is down."""
    timeout: float = 1.0
    """For a whole check, from the start of the connection."""
    default_down: bool = True
    """What a server is until its checks have settled it."""
    port: int = 0
    """Where to check; 0 for the server's own port."""
    unique: bool = False
    """Servers of several upstreams with the same address and the same settings are checked once."""
    send: bytes = b""
    """``check_http_send``; empty for the default."""
    alive: frozenset[int] = frozenset({2, 3})
    """``check_http_expect_alive``: first digits of the status codes that are good."""
    keepalive_requests: int = 1
    """``check_keepalive_requests``: so many checks go over one connection."""


def read_check(args: Sequence[str]) -> CheckSpec:
    """What the arguments of ``check`` say.  Raises ConfigError without a place."""
    fields: dict[str, Any] = {}
    for argument in args:
        name, equals, text = argument.partition("=")
        read = _PARAMETERS.get(name)
        if read is None or not equals:
            raise ConfigError(f'invalid parameter "{argument}"')
        try:
            fields[name] = read(text)
        except _NoBoolean:
            raise ConfigError(f'invalid value "{argument}", it must be "true" or "false"') from None
        except ConfigError:
            raise ConfigError(f'invalid parameter "{argument}"') from None
    return CheckSpec(**fields)


def read_send(text: str) -> bytes:
    """The bytes of ``check_http_send``."""
    return encode(text)


def read_alive(words: Sequence[str]) -> frozenset[int]:
    """The classes of ``check_http_expect_alive``, in any case.  Raises ConfigError without a place."""
    for word in words:
        if word.lower() not in CLASSES:
            raise ConfigError(f'invalid value "{word}"')
    return frozenset(CLASSES[word.lower()] for word in words)


def read_keepalive_requests(text: str) -> int:
    """At least 1.  Raises ConfigError without a place."""
    try:
        return _positive(text)
    except ConfigError:
        raise ConfigError('"check_keepalive_requests" directive invalid value') from None


def check_send(check: CheckSpec | None, send: bytes) -> None:
    """Tengine's rule: ``check_http_send`` stands behind a ``check`` of type http.  Raises ConfigError."""
    if check is None:
        raise ConfigError("invalid check_http_send should set [check] first")
    if send and check.type != "http":
        raise ConfigError(f'invalid check_http_send for type "{check.type}"')


def put_together(check: CheckSpec | None, companions: Mapping[str, Any]) -> CheckSpec | None:
    """``check`` with what its companions say; without it they mean nothing, as in Tengine."""
    return replace(check, **companions) if check is not None and companions else check


class _NoBoolean(ConfigError):
    """Tengine has words of its own for this."""


def _positive(text: str) -> int:
    number = parse_number(text)
    if not number:
        raise ConfigError("invalid number")
    return number


def _milliseconds(text: str) -> float:
    return _positive(text) / 1000


def _port(text: str) -> int:
    port = _positive(text)
    if port > MOST_PORT:
        raise ConfigError("invalid port")
    return port


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise _NoBoolean("no boolean")
    return text.lower() == "true"


def _type(text: str) -> str:
    if text not in TYPES:
        raise ConfigError("unknown type")
    return text


_PARAMETERS: dict[str, Callable[[str], Any]] = {
    "type": _type,
    "port": _port,
    "interval": _milliseconds,
    "timeout": _milliseconds,
    "rise": _positive,
    "fall": _positive,
    "default_down": _boolean,
    "unique": _boolean,
}
