"""Idle connections and upstreams for the tests of this folder."""

from __future__ import annotations

from dyups.config.model import ServerSpec, UpstreamSpec
from dyups.interfaces import TcpAddress
from dyups.upstream.peer import Peer, Pool

#: What names the tests use have for addresses.
RESOLVED = {
    "127.0.0.1": ("127.0.0.1",),
    "one.example": ("192.0.2.1",),
    "two.example": ("192.0.2.1", "192.0.2.2"),
    "six.example": ("2001:db8::1",),
}


class Link:
    """An idle connection of ``channel`` that notes whether it was closed."""

    def __init__(self, channel: object = None) -> None:
        self.channel = channel
        self.discarded = 0

    def discard(self) -> None:
        """See :class:`~dyups.upstream.peer.IdleLink`."""
        self.discarded += 1


def server(port: int, host: str = "127.0.0.1", **parameters: object) -> ServerSpec:
    """``server HOST:PORT parameters``."""
    return ServerSpec(f"{host}:{port}", host=host, port=port, **parameters)  # type: ignore[arg-type]


def upstream(*servers: ServerSpec | int, name: str = "app", keepalive: int = 32) -> UpstreamSpec:
    """An upstream of these servers; a number is a port of 127.0.0.1."""
    specs = [server(x) if isinstance(x, int) else x for x in servers]
    return UpstreamSpec(name, tuple(specs), keepalive=keepalive)


def peer(pool: Pool | None = None, **parameters: object) -> Peer:
    """A peer on its own."""
    return Peer(server(80, **parameters), TcpAddress("127.0.0.1", 80), pool or Pool(32))
