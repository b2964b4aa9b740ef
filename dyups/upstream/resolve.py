"""Host names of ``server`` commands to addresses, before a group is built (nginx looks them up at configuration time).

At start the look-up blocks, as nginx's does.  For a change at run time it happens on the reactor's thread pool, so a
slow DNS never stops a request.  Literal addresses and unix sockets need no look-up; names with ``resolve`` are
``following``'s.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Protocol

from twisted.internet.defer import Deferred, succeed

from dyups.config.model import ServerSpec, UpstreamSpec
from dyups.config.values import is_ipv4
from dyups.errors import ConfigError
from dyups.interfaces import Resolved

#: ``socket.getaddrinfo`` reduced to what is needed: a name to its literal addresses; raises OSError.
NameQuery = Callable[[str], tuple[str, ...]]


class Lookup(Protocol):
    """Looks up the names of an upstream without blocking."""

    def __call__(self, spec: UpstreamSpec) -> Deferred[Resolved]:
        """Fails with :class:`ConfigError` where a name has no address."""
        ...


def query_system(name: str) -> tuple[str, ...]:
    """Ask the system's resolver (``/etc/hosts``, DNS); IPv4 and IPv6 addresses without repeats, in its order."""
    infos = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(info[4][0]) for info in infos))


def is_literal(host: str) -> bool:
    """Is ``host`` an IP address (without brackets)?"""
    if is_ipv4(host):
        return True
    try:
        return ":" in host and bool(ip_address(host))
    except ValueError:
        return False


def resolve_now(spec: UpstreamSpec, query: NameQuery = query_system) -> Resolved:
    """The addresses of every name in ``spec``, blocking.  Raises :class:`ConfigError` as nginx words it."""
    found: dict[str, tuple[str, ...]] = {}
    for server in spec.servers:
        if server.host and server.host not in found and not server.followed:
            found[server.host] = _addresses_of(server, spec, query)
    return found


def resolve_what_can_be(
    spec: UpstreamSpec, query: NameQuery = query_system
) -> tuple[Resolved, Sequence[str]]:
    """As :func:`resolve_now`, but a name that fails is left out and reported: for upstreams that were acknowledged."""
    found: dict[str, tuple[str, ...]] = {}
    failed: dict[str, str] = {}
    for server in spec.servers:
        if not server.host or server.followed:
            continue
        if server.host not in found and server.host not in failed:
            try:
                found[server.host] = _addresses_of(server, spec, query)
            except ConfigError as error:
                failed[server.host] = str(error)
    return found, [*failed.values()]


def _addresses_of(server: ServerSpec, spec: UpstreamSpec, query: NameQuery) -> tuple[str, ...]:
    if is_literal(server.host):
        return (server.host,)
    why: Exception | None = None
    try:
        if found := query(server.host):
            return found
    except (OSError, ValueError) as error:  # ValueError: a name that cannot even be asked for
        why = error
    message = f'host not found in upstream "{server.address}"'
    raise ConfigError(message, spec.place.file, spec.place.line) from why


class ThreadedLookup:
    """:class:`Lookup` on a thread pool; an upstream of literal addresses is answered at once."""

    def __init__(
        self, defer_to_thread: Callable[..., Deferred[Resolved]], query: NameQuery = query_system
    ) -> None:
        self._defer_to_thread = defer_to_thread
        self._query = query

    def __call__(self, spec: UpstreamSpec) -> Deferred[Resolved]:
        """See :class:`Lookup`."""
        if all(not server.host or server.followed or is_literal(server.host) for server in spec.servers):
            return succeed(resolve_now(spec, self._query))
        return self._defer_to_thread(resolve_now, spec, self._query)
