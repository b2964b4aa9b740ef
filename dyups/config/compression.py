"""What may be said of compressed answers per location, frozen: ``gzip`` with its siblings, ``gzip_static``, ``gunzip``.

A family of ``model.LocationSettings``; field names are nginx's directive names.  ``directives/compression`` fills it,
``proxy.filters`` and ``proxy.files`` make of it what runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from dyups.config.matching import Regex

#: What ``gzip_types`` always has.
HTML = b"text/html"


@dataclass(frozen=True, slots=True)
class CompressionSettings:
    """``gzip_…`` and ``gunzip``; sizes in bytes."""

    gunzip: bool = False
    """What is compressed is unpacked for clients that cannot."""
    gzip: bool = False
    gzip_comp_level: int = 1
    gzip_disable: tuple[tuple[Regex, ...], ...] = ()
    """Of each directive: a ``User-Agent`` that one of them is found in gets nothing compressed."""
    gzip_hash: int = 9
    """As zlib counts it: from 1 to 9."""
    gzip_http_version: str = "1.1"
    """The lowest version of requests that get something compressed."""
    gzip_min_length: int = 20
    gzip_proxied: frozenset[str] = frozenset()
    """Which requests that came through a proxy (``Via``) get something compressed; empty for none."""
    gzip_static: str = "off"
    """``on`` or ``always``: a file's compressed copy beside it, ``.gz``, is sent in its place."""
    gzip_types: frozenset[bytes] = frozenset({HTML})
    """Lower case; ``*`` for all."""
    gzip_vary: bool = False
    gzip_window: int = 15
    """The binary logarithm of the window's size."""
