"""Where clients come from, as the configuration says it: ``valid_referers`` and ``secure_link…``, frozen.

A family of ``model.LocationSettings``; field names are nginx's directive names.  ``directives/visiting`` fills it,
``proxy.access.referers`` and ``proxy.access.securelinks`` make variables of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dyups.config.model import ServerName, Template


@dataclass(frozen=True, slots=True)
class Referer:
    """A site that may refer: one of its names, and what paths begin with there."""

    name: ServerName
    path: bytes = b""


@dataclass(frozen=True, slots=True)
class Referers:
    """One ``valid_referers``."""

    none: bool = False
    """No ``Referer`` at all is one that is valid."""
    blocked: bool = False
    """So is one that some firewall has made unreadable."""
    server_names: bool = False
    sites: tuple[Referer, ...] = ()
    patterns: tuple[re.Pattern[bytes] | Any, ...] = ()
    """Of the text behind the scheme."""


@dataclass(frozen=True, slots=True)
class VisitingSettings:
    """What is known of where clients come from."""

    names: tuple[ServerName, ...] = ()
    """Those of the server around: what ``valid_referers server_names`` means."""
    secure_link: Template | None = None
    """Renders to the checksum, and after a comma to the second when it expires."""
    secure_link_md5: Template | None = None
    """Renders to what the checksum is of."""
    secure_link_secret: str = ""
    """With it the checksum is in the path; empty for none."""
    valid_referers: tuple[Referers, ...] = ()
