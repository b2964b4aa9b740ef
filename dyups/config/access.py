"""Who may ask, as the configuration says it: ``allow``, ``deny``, ``auth_…`` and ``satisfy``, frozen.

A family of ``model.LocationSettings``; field names are nginx's directive names.  ``directives/access`` fills it,
``proxy.access`` makes phases of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from dyups.config.networks import Network

if TYPE_CHECKING:
    from dyups.config.model import Template


class AccessRule(NamedTuple):
    """One ``allow`` or ``deny``."""

    allow: bool
    network: Network


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """What stands between a request and its location's content."""

    access_rules: tuple[AccessRule, ...] = ()
    """``allow`` and ``deny``, in order; the first whose network has the client decides."""
    auth_basic: Template | None = None
    """The realm; it may render to ``off``."""
    auth_basic_user_file: Template | None = None
    """Renders to the path of the password file; absolute where it is constant."""
    auth_delay: float = 0.0
    auth_request: str = ""
    """The path that is asked first; empty for none."""
    auth_request_set: tuple[tuple[str, Template], ...] = ()
    """(variable, lower case and without ``$``; what it gets of the answer)."""
    satisfy: str = "all"

    @property
    def asks(self) -> bool:
        """Is anybody kept out at all: does an ``allow``, a ``deny`` or an ``auth_…`` hold here?"""
        return bool(self.access_rules) or self.authenticates

    @property
    def authenticates(self) -> bool:
        """Does an ``auth_basic`` or an ``auth_request`` hold here?"""
        realm = self.auth_basic
        basic = realm is not None and realm.constant != b"off" and self.auth_basic_user_file is not None
        return basic or bool(self.auth_request)
