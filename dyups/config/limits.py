"""How often and how many at a time: ``limit_req``, ``limit_conn`` and their zones, frozen.

Zones belong to the ``http`` block; the rest is a family of ``model.LocationSettings``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dyups.config.template import Template
from dyups.errors import ConfigError

if TYPE_CHECKING:
    from dyups.config.model import Http, LocationSettings


@dataclass(frozen=True, slots=True)
class LimitZone:
    """``limit_req_zone`` or ``limit_conn_zone``: what is counted, by which key, and with how much memory."""

    name: str
    key: Template
    size: int
    rate: int = 0
    """Requests in 1,000 seconds; 0 in a zone of ``limit_conn``."""


@dataclass(frozen=True, slots=True)
class LimitReq:
    """One ``limit_req``; numbers of requests."""

    zone: str
    burst: int = 0
    delay: int | None = 0
    """So many beyond the rate are not delayed; None for ``nodelay``."""


@dataclass(frozen=True, slots=True)
class LimitConn:
    """One ``limit_conn``."""

    zone: str
    most: int


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """What is limited in one location."""

    limit_conn: tuple[LimitConn, ...] = ()
    limit_conn_dry_run: bool = False
    limit_conn_log_level: str = "error"
    limit_conn_status: int = 503
    limit_req: tuple[LimitReq, ...] = ()
    limit_req_dry_run: bool = False
    limit_req_log_level: str = "error"
    limit_req_status: int = 503


def check_zones(http: Http) -> None:
    """Every limit has its zone, and every zone its own name.  Raises ConfigError, without a place, as nginx does."""
    kinds: dict[str, bool] = {}
    for zone in http.limit_zones:
        if zone.name in kinds:
            raise ConfigError(f'zone "{zone.name}" is already bound to another key')
        kinds[zone.name] = bool(zone.rate)
    for settings in _all_settings(http):
        limits = settings.limits
        wanted = [(limit.zone, True) for limit in limits.limit_req]
        wanted += [(limit.zone, False) for limit in limits.limit_conn]
        for name, of_requests in wanted:
            if kinds.get(name) is not of_requests:
                raise ConfigError(f'zero size shared memory zone "{name}"')


def _all_settings(http: Http) -> Iterable[LocationSettings]:
    from dyups.config.model import inner_locations

    for listen in http.listens:
        blocks: list[object] = [*listen.servers]
        while blocks:
            block = blocks.pop()
            yield block.settings  # type: ignore[attr-defined]
            blocks += inner_locations(block)  # type: ignore[arg-type]
