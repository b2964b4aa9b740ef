"""Bodies of any size pass through a few buffers: what a proxy holds is asserted on, how fast it is is not."""

from __future__ import annotations

import pytest
import pytest_twisted

from tests.integration.running import Proxy, Site, free_ports, settled, until
from tests.integration.wires import Backend, Flood, Wire, Wires, chunk

SIZE = 300 << 20
MAY_GROW = 16 << 20
"""Of memory, for whatever size: two sockets' worth of buffers and the interpreter's own slack."""
HELD = 64 << 20
"""What may leave a sender while nobody reads at the other end: socket buffers of the system, mostly."""
FRAMINGS = {
    "length": (b"Content-Length: %d" % SIZE, bytes, b""),
    "chunked": (b"Transfer-Encoding: chunked", chunk, b"0\r\n\r\n"),
}


async def proxied(site: Site, backend: Backend) -> tuple[Proxy, int]:
    """A proxy before ``backend``, warmed up by nothing yet; and its port."""
    (port,) = free_ports(1)
    site.http(
        f"client_max_body_size 0; upstream u {{ server 127.0.0.1:{backend.number}; }}"
        f"server {{ listen {port}; location / {{ proxy_pass http://u; }} }}"
    )
    return await site.proxy().listening(port), port


class Receiver:
    """Reads a body that it does not keep; ``body`` counts its bytes, chunk lines left out by their known form."""

    def __init__(self, wire: Wire, head_end: int) -> None:
        wire.keeping = False
        self._wire = wire
        self._ahead = head_end

    @property
    def received(self) -> int:
        """Bytes after the head, framing included."""
        return self._wire.received - self._ahead

    def pause(self) -> None:
        """Read nothing."""
        self._wire.transport.pauseProducing()

    def resume(self) -> None:
        """Read on."""
        self._wire.transport.resumeProducing()


async def receives_all(proxy: Proxy, flood: Flood, receiver: Receiver) -> None:
    """A reader that first reads nothing and then everything: the sender is held back, and memory stays."""
    receiver.pause()
    before = proxy.high_water()
    await settled(lambda: flood.sent)
    held_back_at = flood.sent
    receiver.resume()
    while receiver.received < SIZE:  # however long it takes, as long as it goes on
        got = receiver.received
        await until(lambda got=got: receiver.received > got, f"more than {got} of {SIZE}")
    assert held_back_at < HELD, "the sender was not held back"
    assert receiver.received < SIZE * 1.01, "there is more than the body and its framing"
    assert proxy.high_water() - before < MAY_GROW


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest_twisted.ensureDeferred
async def test_a_download_of_any_size_is_never_held(site: Site, wires: Wires, framing: str) -> None:
    """A server sends 300 MB to a client that is slow to read."""
    field, dress, last = FRAMINGS[framing]
    floods: list[Flood] = []

    def told(wire: Wire) -> None:
        if wire.data.endswith(b"\r\n\r\n") and not floods:
            wire.send(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % field)
            floods.append(Flood(wire, SIZE, dress, last))

    proxy, port = await proxied(site, wires.serve(told))
    client = await wires.connect(port)
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    head = await client.hears(b"\r\n\r\n")
    assert field in head
    receiver = Receiver(client, len(head))
    await receives_all(proxy, floods[0], receiver)


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest_twisted.ensureDeferred
async def test_an_upload_of_any_size_is_never_held(site: Site, wires: Wires, framing: str) -> None:
    """A client sends 300 MB to a server that is slow to read, and gets its answer afterwards."""
    field, dress, last = FRAMINGS[framing]
    receivers: list[Receiver] = []

    def told(wire: Wire) -> None:
        if not receivers and b"\r\n\r\n" in wire.data:
            receivers.append(Receiver(wire, wire.data.index(b"\r\n\r\n") + 4))
            receivers[0].pause()

    backend = wires.serve(told)
    proxy, port = await proxied(site, backend)
    client = await wires.connect(port)
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % field)
    flood = Flood(client, SIZE, dress, last)
    await until(lambda: receivers, "the request at the server")
    await receives_all(proxy, flood, receivers[0])
    backend.wires[0].send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
    answer = await client.hears(b"done")
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


@pytest_twisted.ensureDeferred
async def test_a_client_that_leaves_ends_the_download(site: Site, wires: Wires) -> None:
    """In the middle of a body: the server's connection ends too, and the next request is served."""

    def told(wire: Wire) -> None:
        if wire.data.endswith(b"\r\n\r\n"):
            small = b"/small" in wire.data
            wire.data.clear()
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (2 if small else SIZE))
            if small:
                wire.send(b"ok")
            else:
                Flood(wire, SIZE)

    backend = wires.serve(told)
    _, port = await proxied(site, backend)
    client = await wires.connect(port)
    client.keeping = False
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await until(lambda: client.received > 1 << 20, "a part of the body")
    client.transport.abortConnection()
    await until(lambda: backend.wires[0].ended, "the end of the server's connection")
    again = await wires.connect(port)
    again.send(b"GET /small HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (await again.hears(b"\r\n\r\nok")).startswith(b"HTTP/1.1 200 OK\r\n")
