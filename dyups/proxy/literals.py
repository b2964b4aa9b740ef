"""Targets that are no upstream by name: literal addresses, and names that were looked up at start.

``proxy_pass http://127.0.0.1:8080`` needs no ``upstream`` block; nginx makes an implicit one, and so do we.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from dyups.config.model import Http, Location, Place, ProxyPass, Server, ServerSpec, UpstreamSpec, fold
from dyups.config.values import parse_server_address
from dyups.errors import ConfigError
from dyups.interfaces import Resolved
from dyups.upstream.group import Group
from dyups.upstream.resolve import NameQuery, is_literal, query_system, resolve_now


def looks_literal(target: bytes) -> bool:
    """Is the host of ``target`` (``host[:port]``) an IP address, whether we let it through or not?"""
    host = target[1:].partition(b"]")[0] if target[:1] == b"[" else target.partition(b":")[0]
    return is_literal(host.decode("latin-1"))


@lru_cache(maxsize=1024)
def literal_group(target: bytes) -> Group | None:
    """The implicit group of a literal address, or None where ``target`` is none."""
    if not looks_literal(target):
        return None
    try:
        spec = _implicit(target.decode("ascii"), Place())
    except (ConfigError, UnicodeError):
        return None
    return Group(spec, resolve_now(spec))


def constant_groups(
    http: Http, *, lenient: bool, query: NameQuery = query_system
) -> tuple[dict[bytes, Group], list[str]]:
    """The implicit groups of all constant targets that are no ``upstream`` of the configuration, and warnings.

    Raises :class:`ConfigError` as nginx does for a name without address; where upstreams may come at run time
    (``lenient``) that is a warning: until one of that name comes, the answer is 502.
    """
    known = {fold(spec.name) for spec in http.upstreams}
    groups: dict[bytes, Group] = {}
    warnings: list[str] = []
    for passed in _passes(http):
        constant = passed.target.constant
        if constant is None or constant.lower() in groups or constant.lower() in known:
            continue
        try:
            spec = _implicit(constant.decode(), passed.place)
            groups[constant.lower()] = Group(spec, _resolve(spec, query))
        except ConfigError as error:
            if not lenient:
                raise
            warnings.append(str(error))
    return groups, warnings


def _resolve(spec: UpstreamSpec, query: NameQuery) -> Resolved:
    return resolve_now(spec, query)


def _implicit(target: str, place: Place) -> UpstreamSpec:
    host, port, path = parse_server_address(target)
    return UpstreamSpec(target, (ServerSpec(target, host, port, path),), place=place)


def _passes(http: Http) -> Iterator[ProxyPass]:
    seen: set[int] = set()
    for listen in http.listens:
        for server in listen.servers:
            if id(server) not in seen:
                seen.add(id(server))
                yield from _passes_of(server)


def _passes_of(block: Server | Location) -> Iterator[ProxyPass]:
    for location in block.locations:
        if isinstance(location.content, ProxyPass):
            yield location.content
        yield from _passes_of(location)
