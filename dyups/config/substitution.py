"""``sub_filter``, frozen: which texts are replaced in the bodies of answers, by location.

A family of ``model.LocationSettings``; field names are nginx's directive names.  ``directives/substitution`` fills it,
``proxy.filters.substituting`` makes of it what runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from dyups.config.compression import HTML
from dyups.config.template import Template


@dataclass(frozen=True, slots=True)
class Substitution:
    """One ``sub_filter``."""

    text: Template
    """What is looked for, in any case."""
    replacement: Template


@dataclass(frozen=True, slots=True)
class SubstitutionSettings:
    """What is replaced, and in which answers."""

    sub_filter: tuple[Substitution, ...] = ()
    sub_filter_last_modified: bool = False
    """``Last-Modified`` and ``ETag`` are kept."""
    sub_filter_once: bool = True
    """Each text is replaced once."""
    sub_filter_types: frozenset[bytes] = frozenset({HTML})
    """Lower case; ``*`` for all."""
