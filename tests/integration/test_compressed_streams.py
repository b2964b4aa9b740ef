"""Streams that are compressed on their way: nothing is held back, and nothing piles up where a client is slow."""

from __future__ import annotations

import os
import zlib

import pytest_twisted

from dyups.http1.chunked import ChunkedReader
from tests.integration.running import Site, free_ports, settled, until
from tests.integration.wires import Flood, Wire, Wires

SIZE = 48 << 20
#: How much of it may be under way: in sockets, nearly all.
HELD = 32 << 20
MAY_GROW = 16 << 20
ASK = b"GET /%b HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"


class Unpacked:
    """What a client has of a compressed answer."""

    def __init__(self, wire: Wire) -> None:
        self.size = 0
        self.text = b""
        self._wire = wire
        self._chunks = ChunkedReader()
        self._gzip = zlib.decompressobj(31)

    def take(self) -> bytes:
        """Unpack what has come since."""
        data = bytes(self._wire.data)
        self._wire.data.clear()
        self.text = self._gzip.decompress(self._chunks.feed(data))
        self.size += len(self.text)
        return self.text

    @property
    def whole(self) -> bool:
        """Is it all there?"""
        return self._gzip.eof and self._chunks.rest == b""


@pytest_twisted.ensureDeferred
async def test_events(site: Site, wires: Wires) -> None:
    """Each event can be read before the server says the next."""

    def told(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")

    backend = wires.serve(told)
    (port,) = free_ports(1)
    proxied = f"proxy_pass http://127.0.0.1:{backend.number};"
    site.http(
        f"gzip on; gzip_types text/event-stream; server {{ listen {port}; location / {{ {proxied} }} }}"
    )
    await site.proxy().listening(port)
    client = await wires.connect(port)
    client.send(ASK % b"events")
    assert b"Content-Encoding: gzip\r\n" in await client.hears(b"\r\n\r\n")
    (server,) = backend.wires
    found = Unpacked(client)
    for number in range(20):
        event = b"data: %d\n\n" % number
        server.send(event)
        heard = bytearray()
        while heard != event:
            await until(lambda: client.data, f"event {number} after {bytes(heard)!r}")
            heard += found.take()
    server.transport.loseConnection()
    await until(lambda: client.ended, "the end of the answer")
    found.take()
    assert found.whole


@pytest_twisted.ensureDeferred
async def test_slow_client(site: Site, wires: Wires) -> None:
    """A client that reads nothing has the server wait, and its memory does not grow; later it gets all of it."""
    floods: list[Flood] = []

    def told(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % SIZE)
        floods.append(Flood(wire, SIZE, lambda piece: os.urandom(len(piece))))

    backend = wires.serve(told)
    (port,) = free_ports(1)
    site.http(
        f"gzip on; server {{ listen {port}; location / {{ proxy_pass http://127.0.0.1:{backend.number}; }} }}"
    )
    proxy = await site.proxy().listening(port)
    client = await wires.connect(port)
    before = proxy.high_water()
    client.send(ASK % b"flood")
    await client.hears(b"\r\n\r\n")
    found = Unpacked(client)
    client.transport.pauseProducing()
    await settled(lambda: floods[0].sent)
    assert floods[0].sent < HELD
    client.transport.resumeProducing()
    await until(lambda: found.take() is None or client.ended, "the end of the answer")
    found.take()
    assert (found.size, found.whole) == (SIZE, True)
    assert proxy.high_water() - before < MAY_GROW
