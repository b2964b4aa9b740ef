"""WebSocket, server-sent events and long polling, through every balancing method; and servers that misbehave."""

from __future__ import annotations

import os
import random
import struct

import pytest
import pytest_twisted

from tests.integration.running import Site, curl, free_ports, is_free, run, until
from tests.integration.wires import Wire, Wires

METHODS = (
    "",
    "least_conn;",
    "ip_hash;",
    "hash $arg_k;",
    "hash $arg_k consistent;",
    "consistent_hash $arg_k;",
    "random;",
    "random two;",
    "random two least_time=header;",
    "least_time header inflight;",
    "least_time last_byte;",
    "queue 10;",
    "sticky cookie id;",
    "sticky route $arg_k;",
    "session_sticky cookie=id;",
)
UPGRADE = (
    'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
)
HELLO = (
    b"GET /ws?k=%d HTTP/1.1\r\nHost: u%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def told(wire: Wire) -> None:
    """A server that echoes frames, begins streams and leaves polls open; the test goes on with both."""
    head, end, rest = bytes(wire.data).partition(b"\r\n\r\n")
    if not wire.data.startswith(b"GET"):
        wire.send(bytes(wire.data))
        wire.data.clear()
    elif end:
        wire.data[:] = rest
        if b" /ws" in head:
            wire.send(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
            )
        elif b" /events" in head:
            wire.send(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n\r\n"
            )


def frame(opcode: int, payload: bytes, *, final: bool = True) -> bytes:
    """A masked frame of a client (RFC 6455 section 5.2)."""
    size = len(payload)
    first = bytes([opcode | 0x80 * final])
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 1 << 16:
        length = bytes([0x80 | 126]) + struct.pack(">H", size)
    else:
        length = bytes([0x80 | 127]) + struct.pack(">Q", size)
    mask = random.randbytes(4)
    masked = bytes(byte ^ mask[place % 4] for place, byte in enumerate(payload))
    return first + length + mask + masked


async def proxied(site: Site, wires: Wires) -> tuple[int, list[int]]:
    """A proxy with an upstream ``uN`` for each method, before two servers; its port and theirs."""
    servers = [wires.serve(told).number for _ in range(2)]
    lines = "".join(f"server 127.0.0.1:{number} max_conns=50; " for number in servers)
    (port,) = free_ports(1)
    site.http(
        "".join(f"upstream u{n} {{ {method} {lines} }}\n" for n, method in enumerate(METHODS))
        + f"server {{ listen {port}; location / {{ proxy_pass http://$host; {UPGRADE} }} }}"
    )
    await site.proxy().listening(port)
    return port, servers


def open_wires(wires: Wires) -> list[Wire]:
    """The servers' ends of connections on which something was asked."""
    return [wire for backend in wires._backends for wire in backend.wires if wire.received and not wire.ended]


@pytest_twisted.ensureDeferred
async def test_websockets(site: Site, wires: Wires) -> None:
    """Frames of every size and kind come back whole and in order, however they are cut on the way."""
    port, _ = await proxied(site, wires)
    for number in range(len(METHODS)):
        client = await wires.connect(port)
        client.send(HELLO % (number, number))
        head = await client.hears(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), METHODS[number]
        frames = [frame(0x1, b""), frame(0x9, b"ping"), frame(0x1, b"a" * 125), frame(0x2, bytes(126))]
        frames += [frame(0x2, random.randbytes(size)) for size in (127, 65535, 65536, 200_000)]
        frames += [
            frame(0x1, b"part", final=False),
            frame(0x9, b""),
            frame(0x0, b"rest"),
            frame(0x8, b"\x03\xe8"),
        ]
        stream = b"".join(frames)
        cuts = sorted(random.sample(range(len(stream)), 20))
        for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            client.send(stream[begin:end])
        assert await client.hears(stream[-30:]) == stream, METHODS[number]
        client.transport.loseConnection()


@pytest_twisted.ensureDeferred
async def test_server_sent_events(site: Site, wires: Wires) -> None:
    """Each event reaches the client before the server says the next, and the client's end reaches the server."""
    port, _ = await proxied(site, wires)
    for number, method in enumerate(METHODS):
        client = await wires.connect(port)
        client.send(b"GET /events?k=%d HTTP/1.1\r\nHost: u%d\r\n\r\n" % (number, number))
        head = await client.hears(b"\r\n\r\n")
        assert b"Content-Type: text/event-stream\r\n" in head, method
        (server,) = open_wires(wires)
        for event in range(3):
            server.send(b"data: %d\n\n" % event)
            await client.hears(b"data: %d\n\n" % event)
        client.transport.loseConnection()
        await until(lambda server=server: server.ended, f"the end at the server: {method}")


@pytest_twisted.ensureDeferred
async def test_long_polling(site: Site, wires: Wires) -> None:
    """An answer that lets wait reaches the client when it comes; other requests are answered meanwhile."""
    port, _ = await proxied(site, wires)
    for number, method in enumerate(METHODS):
        client = await wires.connect(port)
        client.send(b"GET /poll?k=%d HTTP/1.1\r\nHost: u%d\r\n\r\n" % (number, number))
        await until(lambda: open_wires(wires), f"the server's request: {method}")
        (server,) = open_wires(wires)
        other = await wires.connect(port)
        other.send(HELLO % (number, number))
        await other.hears(b"\r\n\r\n")
        assert not client.data, method
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone")
        await client.hears(b"\r\n\r\ndone")
        for wire in (server, other):
            wire.transport.loseConnection()
        await until(lambda: not open_wires(wires), f"the end of both: {method}")


@pytest_twisted.ensureDeferred
async def test_flaky_servers(site: Site, wires: Wires) -> None:
    """Clients see one good answer each while servers refuse, hang, break off and reset, but for what was begun."""

    def hang(wire: Wire) -> None:
        """Takes the request and says nothing."""

    def half_head(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-")
        wire.transport.loseConnection()

    def reset(wire: Wire) -> None:
        wire.transport.abortConnection()

    def nonsense(wire: Wire) -> None:
        wire.send(b"220 smtp.example\r\n\r\n")

    def good(wire: Wire) -> None:
        if b"\r\n\r\n" in wire.data:
            wire.data.clear()
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")

    (refusing,) = free_ports(1)
    bad = {
        name: wires.serve(act).number for name, act in (("hang", hang), ("half", half_head), ("reset", reset))
    }
    bad |= {"nonsense": wires.serve(nonsense).number, "refuse": refusing}
    fine = wires.serve(good).number
    (port,) = free_ports(1)
    upstreams = "".join(
        f"upstream {name} {{ server 127.0.0.1:{number} max_fails=0; server 127.0.0.1:{fine}; }}\n"
        for name, number in bad.items()
    )
    site.http(
        f"{upstreams} proxy_next_upstream error timeout invalid_header;\n"
        f"server {{ listen {port}; location / {{ proxy_pass http://$host; }} }}"
        f"server {{ listen {port}; server_name hang; proxy_read_timeout 1s;\n"
        "    location / { proxy_pass http://$host; } }"
    )
    await site.proxy().listening(port)
    for name in bad:
        said = await curl("-H", f"Host: {name}", f"http://127.0.0.1:{port}/[1-6]")
        assert said == b"good" * 6, name
        post = "-o", "/dev/null", "-w", "%{http_code}", "-d", "x", "-H", f"Host: {name}"
        codes = {(await curl(*post, f"http://127.0.0.1:{port}/")).decode() for _ in range(4)}
        # A POST that was sent is not sent again: what became of it is the client's to know.
        expected = {"refuse": {"200"}, "hang": {"200", "504"}}.get(name, {"200", "502"})
        assert codes == expected, name


@pytest_twisted.ensureDeferred
async def test_autobahn(site: Site) -> None:
    """Autobahn's fuzzing client finds no fault with an echo server through the proxy that it does not find directly.

    It runs on Python 2.7 alone: ``python2.7 -m pip install autobahntestsuite==0.8.2``, and ``DYUPS_WSTEST`` is the
    command.  Without it this test is skipped, and ``test_websockets`` is what there is.
    """
    wstest = os.environ.get("DYUPS_WSTEST")
    if not wstest:
        pytest.skip("DYUPS_WSTEST names no wstest")
    import json
    import subprocess

    echo, port = free_ports(2)
    site.http(
        f"upstream echo {{ least_conn; server 127.0.0.1:{echo}; server 127.0.0.1:{echo}; }}\n"
        f"server {{ listen {port}; location / {{ proxy_pass http://echo; {UPGRADE}\n"
        f"    proxy_set_header Host 127.0.0.1:{echo}; }} }}"
    )
    await site.proxy().listening(port)
    server = subprocess.Popen([wstest, "-m", "echoserver", "-w", f"ws://127.0.0.1:{echo}"])
    try:
        await until(lambda: not is_free(echo), "the echo server")
        spec = {
            "outdir": str(site.root / "reports"),
            "servers": [{"agent": "proxied", "url": f"ws://127.0.0.1:{port}", "options": {"version": 18}}],
            "cases": ["*"],
            "exclude-cases": ["9.*", "12.*", "13.*"],
            "exclude-agent-cases": {},
        }
        path = site.write(json.dumps(spec), "spec.json")
        done = await run(wstest, "-m", "fuzzingclient", "-s", path, bound=300.0)
        assert done.returncode == 0, done.stderr
    finally:
        server.kill()
        server.wait()
    found = json.loads((site.root / "reports" / "index.json").read_text())["proxied"]
    assert len(found) > 200
    assert {case["behavior"] for case in found.values()} <= {"OK", "NON-STRICT", "INFORMATIONAL"}
