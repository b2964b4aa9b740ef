"""What the error log says of a request, in nginx's words: connection, client, server, request, upstream, host."""

from __future__ import annotations

from typing import Any

from dyups.metrics.errorlog import placed
from dyups.proxy.exchange import Exchange


def endpoint(address: Any) -> tuple[bytes, int]:
    """Twisted's address as (host, port); a unix socket is ``unix:`` and 0."""
    host = getattr(address, "host", None)
    return (b"unix:", 0) if host is None else (str(host).encode(), int(address.port))


def describe(number: int, message: str, exchange: Exchange, peer: bytes, upstream: bytes) -> str:
    """``message`` with all that is known of the request, for the logs of its location."""
    head = exchange.head
    parts = [f"*{number} {message}, client: {printable(peer)}, server: {printable(exchange.server.name)}"]
    if head.line:
        parts.append(f'request: "{printable(head.line)}"')
    if upstream:
        colon = ":" if upstream.startswith(b"unix:") else ""
        uri = exchange.proxy_uri or head.target
        parts.append(
            f'upstream: "{printable(exchange.proxy_scheme)}://{printable(upstream)}{colon}{printable(uri)}"'
        )
    if head.raw_host:
        parts.append(f'host: "{printable(head.raw_host)}"')
    return placed(", ".join(parts), exchange.route.settings.error_log)


def printable(value: bytes) -> str:
    """Bytes of a client as they may stand in a log: control characters and odd bytes escaped."""
    return "".join(chr(b) if 32 <= b < 127 else f"\\x{b:02X}" for b in value)
