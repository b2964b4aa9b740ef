"""What is said of an upstream: its servers and commands, frozen, as every floor passes them on.

The part of ``model`` that also comes from bodies and dumps, and that goes from the master to its workers; the other
floors import it from there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from dyups.config.checks import CheckSpec
from dyups.config.sticky import Sticky
from dyups.config.values import HostPort, is_ipv4

DEFAULT_LINE = 0


class Place(NamedTuple):
    """Where in which text something was said; ``file`` is empty for a text that came from no file."""

    file: str = ""
    line: int = DEFAULT_LINE


def fold(name: str) -> bytes:
    """An upstream's name as names are compared: as bytes, ASCII letters without case, as nginx compares them."""
    return name.encode("utf-8", "surrogateescape").lower()


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """One ``server`` command of an upstream, as written; names are not looked up yet."""

    address: str
    """The address exactly as written: ``127.0.0.1:8088``, ``[::1]:80``, ``app.example``, ``unix:/run/a.sock``."""
    host: str = ""
    """The IP address without brackets, or the host name; empty for a unix socket."""
    port: int = 80
    path: str = ""
    """The path of a unix socket, else empty."""
    weight: int = 1
    max_conns: int = 0
    max_fails: int = 1
    fail_timeout: float = 10.0
    backup: bool = False
    down: bool = False
    drain: bool = False
    """Asked only by requests that are bound to it (``sticky``)."""
    resolve: bool = False
    """The name is looked up again and again while running (``resolver``)."""
    route: str = ""
    """What stands for the server in sticky sessions; by default its address does."""
    service: str = ""
    """SRV records are looked up: ``http``, or with dots as they are (``_http._tcp``)."""
    slow_start: float = 0.0
    """Seconds in which the weight of a server that recovered grows to its own."""

    @property
    def followed(self) -> bool:
        """Is the name looked up while running, rather than once?"""
        return self.resolve and bool(self.host) and not (":" in self.host or is_ipv4(self.host))

    def __reduce__(self) -> tuple[Any, ...]:
        """As a call: a snapshot of 100,000 upstreams is not to be pickled field by field."""
        plain = (self.address, self.host, self.port)
        more = (
            self.path,
            self.weight,
            self.max_conns,
            self.max_fails,
            self.fail_timeout,
            self.backup,
            self.down,
            self.drain,
            self.resolve,
            self.route,
            self.service,
            self.slow_start,
        )
        return ServerSpec, plain if more == _NO_PARAMETERS else plain + more


_NO_PARAMETERS = ("", 1, 0, 1, 10.0, False, False, False, False, "", "", 0.0)


@dataclass(frozen=True, slots=True)
class ResolverSpec:
    """``resolver``: which name servers are asked, and for what."""

    servers: tuple[HostPort, ...]
    valid: float = 0.0
    """Seconds that every answer holds; 0 for what the answer says itself."""
    ipv4: bool = True
    ipv6: bool = True
    status_zone: str = ""


class QueueSpec(NamedTuple):
    """``queue``: how many requests may wait for room, and how long, in seconds."""

    limit: int
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class BalancingSpec:
    """The balancing command of an upstream: its directive name and arguments, as written."""

    method: str = "round_robin"
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UpstreamSpec:
    """One upstream: what an ``upstream NAME {}`` block or the body of a POST says."""

    name: str
    servers: tuple[ServerSpec, ...]
    balancing: BalancingSpec = BalancingSpec()
    keepalive: int = 32
    keepalive_timeout: float = 60.0
    keepalive_requests: int = 1000
    keepalive_time: float = 3600.0
    queue: QueueSpec | None = None
    resolver: ResolverSpec | None = None
    """None for that of the ``http`` block."""
    resolver_timeout: float = 0.0
    """Seconds; 0 for that of the ``http`` block."""
    sticky: Sticky | None = None
    check: CheckSpec | None = None
    """The active health checks."""
    zone: str = ""
    """The zone in which all workers count together what they know of the servers; empty where each counts alone."""
    commands: tuple[str, ...] = ()
    """The commands other than ``server``, in order, in canonical text with ``;`` (``keepalive 16;``)."""
    place: Place = field(default=Place(), compare=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """See :meth:`ServerSpec.__reduce__`; the place goes first of the rest, for nearly every upstream has one."""
        rest = (
            self.balancing,
            self.keepalive,
            self.keepalive_timeout,
            self.keepalive_requests,
            self.keepalive_time,
            self.queue,
            self.resolver,
            self.resolver_timeout,
            self.sticky,
            self.check,
            self.zone,
            self.commands,
        )
        return _upstream, (self.name, self.servers, *self.place, *(() if rest == _NO_COMMANDS else rest))


_NO_COMMANDS: tuple[Any, ...] = (BalancingSpec(), 32, 60.0, 1000, 3600.0, None, None, 0.0, None, None, "", ())


def _upstream(name: str, servers: tuple[ServerSpec, ...], file: str, line: int, *rest: Any) -> UpstreamSpec:
    values = (*(rest or _NO_COMMANDS), Place(file, line))
    return UpstreamSpec(name, servers, *values)
