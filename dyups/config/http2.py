"""What is said of HTTP/2 towards clients, frozen; field names and defaults are nginx's, as in ``model``."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Http2Settings:
    """Per server; those of an address's default server hold for its connections.  Sizes in bytes."""

    http2: bool = False
    http2_body_preread_size: int = 65536
    """What a client may send of a request's body before anybody wants it."""
    http2_max_concurrent_streams: int = 128
