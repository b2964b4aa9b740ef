"""Targets that are no upstream by name: literal addresses, and names that were looked up at start.

``proxy_pass http://127.0.0.1:8080`` needs no ``upstream`` block; nginx makes an implicit one, and so do we.
``forwards`` asks; the upstream map comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from dyups.config.model import (
    Http,
    Location,
    Place,
    ProxyPass,
    Server,
    ServerSpec,
    UpstreamSpec,
    fold,
    inner_locations,
)
from dyups.config.values import parse_server_address
from dyups.config.written import Said
from dyups.errors import ConfigError
from dyups.upstream.group import Group
from dyups.upstream.resolve import NameQuery, is_literal, query_system, resolve_now

#: Groups of literal targets that came with requests; beyond that the oldest goes.
MOST_MADE = 1024
#: Bytes of a target that came with a request: as much as a path may have after ``unix:`` (``sun_path``), with its end.
LONGEST = 5 + 107


def looks_literal(target: bytes) -> bool:
    """Is the host of ``target`` (``host[:port]``) an IP address, whether we let it through or not?"""
    host = target[1:].partition(b"]")[0] if target[:1] == b"[" else target.partition(b":")[0]
    return is_literal(host.decode("latin-1"))


def host_field(target: bytes, scheme: bytes = b"http") -> bytes:
    """``target`` as ``$proxy_host`` has it (``ngx_http_proxy_set_vars``): without the scheme's own port,
    ``localhost`` for a socket."""
    if is_socket(target):
        return b"localhost"
    if scheme == b"https":
        return target[:-4] if target.endswith(b":443") else target
    return target[:-3] if target.endswith(b":80") else target


def is_socket(target: bytes) -> bool:
    """Is it the path of a unix socket?"""
    return target[:5].lower() == b"unix:"


def implicit_key(scheme: str, target: bytes) -> bytes:
    """The key of a target that is no upstream: without a port, its address depends on the scheme."""
    key = target if is_socket(target) else target.lower()  # names and addresses have no case, paths do
    return b"https://" + key if scheme == "https" else key


class ImplicitGroups:
    """The groups of one configuration that have no ``upstream`` block, by lower-case target."""

    __slots__ = ("_allowed", "_constant", "_made")

    def __init__(self, constant: Mapping[bytes, Group], *, any_literal: bool) -> None:
        self._constant = constant
        self._allowed = any_literal
        self._made: dict[bytes, Group] = {}

    def constant(self, key: bytes) -> Group | None:
        """The group of a target that stands in the configuration as it is."""
        return self._constant.get(key)

    def rendered(self, target: bytes, scheme: str = "http", pinned: bool = False) -> Group | None:
        """The group of a target that a request brought: an address or a socket only with ``dyups_literal_targets on``,
        or where its host is ``pinned`` by the configuration.

        That holds for the addresses of the configuration too: otherwise ``Host: 127.0.0.1:8081`` would reach whatever
        some other location is there to guard.
        """
        key = implicit_key(scheme, target)
        if not looks_literal(target) and not is_socket(target):
            return self._constant.get(key)
        if not (self._allowed or pinned):
            return None
        return self._constant.get(key) or self._made.get(key) or self._make(key, target, scheme)

    def refusal(self, key: bytes) -> str:
        """Why :meth:`rendered` gave None, for the error log."""
        off = (looks_literal(key) or is_socket(key)) and not self._allowed
        return "dyups_literal_targets is off" if off else "no upstream of that name"

    def _make(self, key: bytes, target: bytes, scheme: str) -> Group | None:
        if len(target) > LONGEST or b"\x00" in target:
            return None
        try:
            spec = _implicit(target.decode("ascii"), Place(), scheme)
        except (ConfigError, UnicodeError):
            return None
        if len(self._made) >= MOST_MADE:
            self._made.pop(next(iter(self._made))).retire()
        group = self._made[key] = Group(spec, resolve_now(spec))
        return group


def constant_groups(
    http: Http, *, lenient: bool, query: NameQuery = query_system, known: Iterable[Said] = ()
) -> tuple[dict[bytes, Group], list[str]]:
    """The implicit groups of all constant targets that are no ``upstream`` of the configuration, and warnings.

    Raises :class:`ConfigError` as nginx does for a name without address; where upstreams may come at run time
    (``lenient``) that is a warning: until one of that name comes, the answer is 502.  ``known`` are the upstreams
    that the dump has: their names are not looked up.
    """
    names = {fold(spec.name) for spec in (*http.upstreams, *known)}
    groups: dict[bytes, Group] = {}
    warnings: list[str] = []
    for passed in _passes(http):
        constant = passed.target.constant
        if constant is None or constant.lower() in names:
            continue
        key = implicit_key(passed.scheme, constant)
        if key in groups:
            continue
        try:
            spec = _implicit(constant.decode("utf-8", "surrogateescape"), passed.place, passed.scheme)
            groups[key] = Group(spec, resolve_now(spec, query))
        except ConfigError as error:
            if not lenient:
                raise
            warnings.append(str(error))
    return groups, warnings


def _implicit(target: str, place: Place, scheme: str) -> UpstreamSpec:
    host, port, path = parse_server_address(target, 443 if scheme == "https" else 80)
    return UpstreamSpec(target, (ServerSpec(target, host, port, path),), place=place)


def _passes(http: Http) -> Iterator[ProxyPass]:
    seen: set[int] = set()
    for listen in http.listens:
        for server in listen.servers:
            if id(server) not in seen:
                seen.add(id(server))
                yield from _passes_of(server)


def _passes_of(block: Server | Location) -> Iterator[ProxyPass]:
    for location in inner_locations(block):
        if isinstance(location.content, ProxyPass):
            yield location.content
        yield from _passes_of(location)
