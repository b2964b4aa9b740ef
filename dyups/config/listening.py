"""``listen`` directives to listening sockets, and the servers behind each.

Owns the parameters of ``listen``, the default server of an address and nginx's errors about both.  Called by
``build_http``; the sockets are opened by ``net`` and ``workers``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from dyups.config.model import Listen, Server
from dyups.config.parser import Directive
from dyups.config.values import parse_flag, parse_listen_address, parse_number
from dyups.errors import ConfigError
from dyups.interfaces import Address, TcpAddress

#: Parameters that are accepted and change nothing that is visible here.
_HARMLESS_WORDS = ("bind", "deferred")
_HARMLESS_PREFIXES = ("accept_filter=", "fastopen=", "rcvbuf=", "setfib=", "sndbuf=", "so_keepalive=")
_RANGE = re.compile(r"((?:.*:)?)([0-9]{1,5})-([0-9]{1,5})\Z")
#: Parameters of nginx that would change how clients are spoken to.
_REFUSED = ("quic", "multipath")


@dataclass(slots=True)
class ListenSpec:
    """One ``listen`` directive."""

    address: Address
    directive: Directive
    default_server: bool = False
    proxy_protocol: bool = False
    ssl: bool = False
    http2: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    """Options of the socket: only one ``listen`` of an address may have them."""
    has_options: bool = False


def parse_listen(directive: Directive) -> list[ListenSpec]:
    """The directive, read, once for each port of a range (``8080-8090``); raises ConfigError with its place."""
    text, *parameters = directive.args
    try:
        specs = [ListenSpec(parse_listen_address(address), directive) for address in _each_port(text)]
        for spec in specs:
            for parameter in parameters:
                _parameter(spec, parameter)
    except ConfigError as error:
        raise directive.error(error.message) from None
    return specs


def _each_port(text: str) -> list[str]:
    found = _RANGE.match(text)
    if found is None or text[:5].lower() == "unix:":
        return [text]
    host, first, last = found[1], int(found[2]), int(found[3])
    if not 1 <= last <= 65535:
        raise ConfigError(f'invalid port in "{text}" of the "listen" directive')
    if last < first:
        raise ConfigError(f'invalid port range in "{text}" of the "listen" directive')
    return [f"{host}{port}" for port in range(first, last + 1)]


def _parameter(spec: ListenSpec, parameter: str) -> None:
    name, equals, text = parameter.partition("=")
    if parameter in ("default_server", "default"):
        spec.default_server = True
        return
    if parameter == "ssl":
        spec.ssl = True
        return
    if parameter == "proxy_protocol":
        spec.proxy_protocol = True
        return
    if parameter == "http2":
        spec.http2 = True
        return
    if parameter in _REFUSED:
        raise ConfigError(f'the "{parameter}" parameter of the "listen" directive is not supported')
    spec.has_options = True
    if name + equals in ("backlog=", "ipv6only="):
        spec.options[name] = _backlog(text) if name == "backlog" else _ipv6only(spec.address, text)
    elif parameter == "reuseport":
        spec.options["reuseport"] = True
    elif parameter not in _HARMLESS_WORDS and not parameter.startswith(_HARMLESS_PREFIXES):
        raise ConfigError(f'invalid parameter "{parameter}"')


def _backlog(text: str) -> int:
    try:
        backlog = parse_number(text)
    except ConfigError:
        backlog = 0
    if not backlog:
        raise ConfigError(f'invalid backlog "{text}"')
    return backlog


def _ipv6only(address: Address, text: str) -> bool:
    if not isinstance(address, TcpAddress) or ":" not in address.host:
        raise ConfigError(f'ipv6only is not supported on addr "{address}"')
    try:
        return parse_flag(text, "listen")
    except ConfigError:
        raise ConfigError(f'invalid ipv6only flags "{text}"') from None


class ListenTable:
    """The addresses of a configuration, in order of their first mention."""

    __slots__ = ("_sockets",)

    def __init__(self) -> None:
        self._sockets: dict[Address, _Socket] = {}

    def add(self, spec: ListenSpec, server: Server) -> None:
        """Put ``server`` behind the address of ``spec``; raises ConfigError where that contradicts what is there."""
        socket = self._sockets.setdefault(spec.address, _Socket(server))
        if any(other is server for other in socket.servers):
            raise spec.directive.error(f"a duplicate listen {spec.address}")
        socket.servers.append(server)
        socket.ssl = socket.ssl or spec.ssl
        socket.http2 = socket.http2 or spec.http2
        socket.proxy_protocol = socket.proxy_protocol or spec.proxy_protocol
        if spec.default_server:
            if socket.has_default:
                raise spec.directive.error(f"a duplicate default server for {spec.address}")
            socket.has_default, socket.default_server = True, server
        if spec.has_options:
            if socket.has_options:
                raise spec.directive.error(f"duplicate listen options for {spec.address}")
            socket.has_options, socket.options = True, spec.options

    def listens(self) -> tuple[Listen, ...]:
        """The frozen result."""
        return tuple(
            Listen(
                address,
                tuple(socket.servers),
                socket.default_server,
                proxy_protocol=socket.proxy_protocol,
                ssl=socket.ssl,
                http2=socket.http2,
                **socket.options,
            )
            for address, socket in self._sockets.items()
        )


@dataclass(slots=True)
class _Socket:
    """One address while the servers are read; the first server is the default until one says it is."""

    default_server: Server
    servers: list[Server] = field(default_factory=list)
    has_default: bool = False
    has_options: bool = False
    proxy_protocol: bool = False
    ssl: bool = False
    http2: bool = False
    options: dict[str, Any] = field(default_factory=dict)
