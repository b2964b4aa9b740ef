"""Where a server listens: its socket, its address, every address of its name, or every server of its service.

Owns the rule of ``service`` (``ngx_http_upstream_zone_resolve_handler``): records of the best priority are primaries,
the others backups; their weights count where the ``server`` says none.  ``group`` makes peers of what it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from dyups.config.model import ServerSpec
from dyups.config.values import is_ipv4
from dyups.interfaces import Address, Resolved, TcpAddress, UnixAddress

NOTHING: Resolved = {}


class Placed(NamedTuple):
    """One place of a server."""

    address: Address
    weight: int
    """0 for what the server says."""
    backup: bool


def name_of(server: ServerSpec) -> str:
    """What is looked up for a followed ``server``, as :data:`~dyups.interfaces.Resolved` has it.

    A service's records are told from a host's addresses by a blank, which no name has.
    """
    if not server.service:
        return server.host
    if "." in server.service:
        return f"srv {server.service}.{server.host}"
    return f"srv _{server.service}._tcp.{server.host}"


def places(server: ServerSpec, resolved: Resolved) -> tuple[Placed, ...]:
    """Where ``server`` listens.

    A name that ``resolved`` does not have gives no place: such a server is asked nothing.
    """
    host = server.host
    if is_ipv4(host):
        return (Placed(TcpAddress(host, server.port), 0, server.backup),)
    if server.path:
        return (Placed(UnixAddress(server.path), 0, server.backup),)
    if server.service:
        return tuple(_services(server, resolved.get(name_of(server), ())))
    return tuple(Placed(TcpAddress(found, server.port), 0, server.backup) for found in resolved.get(host, ()))


def _services(server: ServerSpec, found: tuple[str, ...]) -> list[Placed]:
    placed: list[Placed] = []
    for text in found:
        host, port, weight, worse = text.split(" ")
        if server.backup and worse == "1":
            continue
        own = 0 if server.weight != 1 else int(weight)
        placed.append(Placed(TcpAddress(host, int(port)), own, server.backup or worse == "1"))
    return placed


def looked_up(resolved: Resolved) -> Resolved:
    """What of ``resolved`` had to be looked up; most upstreams share one that is empty."""
    found: Mapping[str, tuple[str, ...]] = {
        name: addresses for name, addresses in resolved.items() if not is_ipv4(name)
    }
    return found or NOTHING
