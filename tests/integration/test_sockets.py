"""Sockets and conversations of every kind: keep-alive, upgrade, unix sockets, IPv6, servers that come and go."""

from __future__ import annotations

import os
import signal
import socket
import stat

import pytest
import pytest_twisted

from tests.integration.running import Proxy, Site, curl, free_ports, until
from tests.integration.wires import Wire, Wires, answering

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def proxied(site: Site, server: str, listen: str = "", more: str = "") -> tuple[Proxy, int]:
    """A proxy before one ``server`` of the upstream ``u``; and its port."""
    (port,) = free_ports(1)
    front = f"server {{ listen {port}; {listen} location / {{ proxy_pass http://u; {more} }} }}"
    site.http(f"upstream u {{ server {server}; }}\n{front}")
    return await site.proxy().listening(port), port


@pytest.mark.parametrize("reactor", ["uvloop", "epoll"])
@pytest_twisted.ensureDeferred
async def test_connections_to_clients_and_servers_are_kept(site: Site, wires: Wires, reactor: str) -> None:
    """Twenty requests of one client and then one of another: one connection to the server carries them all."""
    backend = wires.serve(answering(b"hello"))
    (port,) = free_ports(1)
    site.http(f"server {{ listen {port}; location / {{ proxy_pass http://127.0.0.1:{backend.number}; }} }}")
    await site.proxy(reactor=reactor).listening(port)
    client = await wires.connect(port)
    for _ in range(20):
        client.send(GET)
        assert (await client.hears(b"\r\n\r\nhello")).startswith(b"HTTP/1.1 200 OK\r\n")
    other = await wires.connect(port)
    other.send(GET)
    await other.hears(b"hello")
    assert len(backend.wires) == 1


@pytest_twisted.ensureDeferred
async def test_pipelined_requests_are_answered_in_order(site: Site, wires: Wires) -> None:
    """Three requests in one packet: three answers, in their order."""

    def told(wire: Wire) -> None:
        while b"\r\n\r\n" in wire.data:
            head, _, rest = bytes(wire.data).partition(b"\r\n\r\n")
            wire.data[:] = rest
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n%b" % head.split()[1])

    _, port = await proxied(site, f"127.0.0.1:{wires.serve(told).number}")
    client = await wires.connect(port)
    client.send(b"".join(b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % path for path in (b"1", b"2", b"3")))
    for path in (b"/1", b"/2", b"/3"):
        await client.hears(b"\r\n\r\n" + path)


@pytest_twisted.ensureDeferred
async def test_a_server_that_closed_an_idle_connection_is_no_error(site: Site, wires: Wires) -> None:
    """The kept connection is gone when the next request comes: it goes over a new one, the client notices nothing."""
    backend = wires.serve(answering(b"hello"))
    _, port = await proxied(site, f"127.0.0.1:{backend.number}")
    client = await wires.connect(port)
    for number in range(1, 4):
        client.send(GET)
        await client.hears(b"\r\n\r\nhello")
        assert len(backend.wires) == number
        backend.wires[-1].transport.loseConnection()
        await until(lambda: backend.wires[-1].ended)


@pytest_twisted.ensureDeferred
async def test_a_server_that_dies_and_comes_back(site: Site, wires: Wires) -> None:
    """502 with the reason in the error log while it is away, its answers again as soon as it is there."""
    backend = wires.serve(answering(b"hello"), port=free_ports(1)[0])  # nobody else is given it meanwhile
    _, port = await proxied(site, f"127.0.0.1:{backend.number}")
    where = f"127.0.0.1:{port}"
    assert await curl(where) == b"hello"
    number = backend.number
    await wires.shut(backend)
    for _ in range(3):
        assert b"<title>502 Bad Gateway</title>" in await curl(where)
    refused = "connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1"
    await until(lambda: refused in site.error_log, "the line in the error log")
    assert f'upstream: "http://127.0.0.1:{number}/"' in site.error_log
    wires.serve(answering(b"again"), port=number)
    assert await curl(where) == b"again"


@pytest_twisted.ensureDeferred
async def test_a_server_that_dies_in_the_middle_of_an_answer(site: Site, wires: Wires) -> None:
    """Half of the promised body: the client's connection ends, so that it cannot take the half for the whole."""

    def told(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        wire.transport.loseConnection()

    _, port = await proxied(site, f"127.0.0.1:{wires.serve(told).number}")
    client = await wires.connect(port)
    client.send(GET)
    assert (await client.end()).endswith(b"\r\n\r\nhalf")


@pytest_twisted.ensureDeferred
async def test_an_upgraded_connection_carries_anything_both_ways(site: Site, wires: Wires) -> None:
    """A WebSocket handshake as nginx is configured for it, then bytes in both directions, then the end of both."""

    def told(wire: Wire) -> None:
        if b"\r\n\r\n" not in wire.data:
            return
        if wire.data.startswith(b"GET"):
            head, _, rest = bytes(wire.data).partition(b"\r\n\r\n")
            assert b"upgrade: websocket" in head.lower()
            wire.data[:] = rest
            accept = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
            wire.send(b"HTTP/1.1 101 Switching Protocols\r\n%b\r\n\r\n\x81\x05early" % accept)

    backend = wires.serve(told)
    more = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade;"
    _, port = await proxied(site, f"127.0.0.1:{backend.number}", more=more)
    client = await wires.connect(port)
    client.send(
        b"GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    head = await client.hears(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in head
    await client.hears(b"\x81\x05early")
    (server,) = backend.wires
    everything = bytes(range(256)) * 4096
    client.send(everything)
    await until(lambda: len(server.data) >= len(everything), "a megabyte at the server")
    assert bytes(server.data) == everything
    server.send(everything[::-1])
    await until(lambda: len(client.data) >= len(everything), "a megabyte at the client")
    assert bytes(client.data) == everything[::-1]
    client.transport.loseConnection()
    await until(lambda: server.ended, "the end at the server")


@pytest.mark.parametrize("ahead", ["master_process off;", "master_process on;"])
@pytest.mark.parametrize("reactor", ["uvloop", "epoll"])
@pytest_twisted.ensureDeferred
async def test_unix_sockets_on_both_sides(site: Site, wires: Wires, reactor: str, ahead: str) -> None:
    """``listen unix:`` and ``server unix:``; a socket file that a killed process left behind is replaced."""
    front, back = site.root / "front.sock", site.root / "back.sock"
    wires.serve(answering(b"over unix"), path=str(back))
    (port,) = free_ports(1)
    site.http(
        f"upstream u {{ server unix:{back}; }}"
        f"server {{ listen unix:{front}; listen {port}; location / {{ proxy_pass http://u; }} }}",
        ahead,
    )
    for _ in range(2):
        proxy = await site.proxy(reactor=reactor).listening(port)
        assert stat.S_ISSOCK(os.stat(front).st_mode)
        client = await wires.connect_unix(str(front))
        client.send(GET)
        await client.hears(b"\r\n\r\nover unix")
        proxy.kill()
        await proxy.ended()
    last = await site.proxy(reactor=reactor).listening(port)
    assert await curl("--unix-socket", str(front), "http://a/") == b"over unix"
    await last.stop()
    assert not front.exists()


def has_ipv6() -> bool:
    """Is there an IPv6 loopback here?"""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 loopback here")
@pytest_twisted.ensureDeferred
async def test_ipv6_on_both_sides(site: Site, wires: Wires) -> None:
    """``listen [::1]:PORT`` and ``server [::1]:PORT``, the second through the interface."""
    front, back, admin = free_ports(3)
    site.http(f"""
        server {{ listen [::1]:{front}; location / {{ proxy_pass http://u; }} }}
        server {{ listen [::]:{back}; location / {{ echo $server_addr $remote_addr; }} }}
        server {{ listen {admin}; location / {{ dyups_interface; }} }}
    """)
    await site.proxy().listening(admin)
    assert await curl("-d", f"server [::1]:{back};", f"127.0.0.1:{admin}/upstream/u") == b"success"
    client = await wires.connect(front, "::1")
    client.send(GET)
    await client.hears(b"\r\n\r\n")
    await client.hears(b"::1 ::1\n")


@pytest_twisted.ensureDeferred
async def test_a_deleted_upstream_lets_a_request_under_way_finish(site: Site, wires: Wires) -> None:
    """Deleted while a server still thinks: that client gets its answer, the next one gets 502."""
    backend = wires.serve(lambda wire: None)
    front, admin = free_ports(2)
    site.http(f"""
        upstream u {{ server 127.0.0.1:{backend.number}; }}
        server {{ listen {front}; location / {{ proxy_pass http://$host; }} }}
        server {{ listen {admin}; location / {{ dyups_interface; }} }}
    """)
    await site.proxy().listening(front, admin)
    client = await wires.connect(front)
    client.send(b"GET / HTTP/1.1\r\nHost: u\r\n\r\n")
    await until(lambda: backend.wires and backend.wires[0].data, "the request at the server")
    assert await curl("-X", "DELETE", f"127.0.0.1:{admin}/upstream/u") == b"success"
    assert b"502 Bad Gateway" in await curl("-H", "Host: u", f"127.0.0.1:{front}")
    backend.wires[0].send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")
    await client.hears(b"\r\n\r\nlate")
    await until(lambda: backend.wires[0].ended, "the kept connection to a server that is nobody's any more")


@pytest_twisted.ensureDeferred
async def test_term_during_a_request_ends_at_once(site: Site, wires: Wires) -> None:
    """TERM is nginx's fast end: the connections close, nobody is waited for, nothing is logged as an error."""
    backend = wires.serve(lambda wire: None)
    proxy, port = await proxied(site, f"127.0.0.1:{backend.number}")
    client = await wires.connect(port)
    client.send(GET)
    await until(lambda: backend.wires and backend.wires[0].data, "the request at the server")
    proxy.signal(signal.SIGTERM)
    await proxy.ended()
    await until(lambda: client.ended and backend.wires[0].ended, "the end of both connections")
    assert "Traceback" not in site.error_log
