"""Whose word counts for where a client really is: ``set_real_ip_from`` and its siblings, frozen.

A family of ``model.LocationSettings``; field names are nginx's directive names.
"""

from __future__ import annotations

from dataclasses import dataclass

from dyups.config.networks import Network


@dataclass(frozen=True, slots=True)
class RealIpSettings:
    """The proxies in front of us, and what they say."""

    real_ip_header: str = "X-Real-IP"
    """A field, or ``proxy_protocol``."""
    real_ip_recursive: bool = False
    set_real_ip_from: tuple[tuple[Network, ...], ...] = ()
    """For each directive the networks that it stands for: of a name, all its addresses."""

    @property
    def trusted(self) -> tuple[Network, ...]:
        """All networks whose word counts."""
        return tuple(network for networks in self.set_real_ip_from for network in networks)
