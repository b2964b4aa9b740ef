"""Balancing methods through a running proxy: in the configuration, in a body, after a crash."""

from __future__ import annotations

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.integration.running import Site, curl, free_ports
from tests.integration.wires import Wire, Wires

METHODS = {
    "hash $mine;": True,
    "hash $arg_k consistent;": True,
    "consistent_hash $arg_k;": True,
    "ip_hash;": True,
    "least_conn;": False,
    "random two least_conn;": False,
    "random two least_time=header;": False,
    "least_time last_byte inflight;": False,
    "queue 5 timeout=3s;": False,
    "sticky route $arg_k;": False,
    "sticky cookie id expires=1h path=/;": False,
    "sticky learn create=$upstream_cookie_s lookup=$cookie_s zone=s:1m;": False,
    "session_sticky cookie=id mode=insert hash=plain;": False,
}
"""Whether the same request always has the same server."""
KEYS = 40


@pytest.mark.parametrize("ahead", ["master_process off;", "worker_processes 2;"])
@pytest_twisted.ensureDeferred
async def test_methods_in_bodies(site: Site, ahead: str) -> None:
    """Each method can be posted, serves at once, and is there with the same servers for the same keys after a crash."""
    port, admin, one, two = free_ports(4)
    servers = f"server 127.0.0.1:{one}; server 127.0.0.1:{two};"
    site.http(
        "dyups_upstream_conf conf/up.conf;\n"
        f"server {{ listen {port}; set $mine $arg_k; location / {{ proxy_pass http://$host; }} }}\n"
        f"server {{ listen {admin}; location / {{ dyups_interface; }} }}\n"
        f"server {{ listen {one}; location / {{ return 200 1; }} }}\n"
        f"server {{ listen {two}; location / {{ return 200 2; }} }}\n",
        ahead,
    )
    proxy = await site.proxy().listening(port, admin)

    async def served(name: str) -> str:
        return (await curl("-H", f"Host: {name}", f"http://127.0.0.1:{port}/?k=[1-{KEYS}]")).decode()

    before = {}
    for number, method in enumerate(METHODS):
        refused = await curl(
            "-d", f"hash $nosuchvar; {servers}", f"http://127.0.0.1:{admin}/upstream/m{number}"
        )
        assert refused == b'add server failed: unknown "nosuchvar" variable in line 1'
        posted = await curl("-d", f"{method} {servers}", f"http://127.0.0.1:{admin}/upstream/m{number}")
        assert posted == b"success"
        before[number] = await served(f"m{number}")
        assert len(before[number]) == KEYS
    proxy.kill()
    await proxy.ended()
    await site.proxy().listening(port, admin)
    for number, (method, fixed) in enumerate(METHODS.items()):
        shown = (await curl(f"http://127.0.0.1:{admin}/upstream/m{number}")).decode()
        assert method in shown
        if fixed:
            assert await served(f"m{number}") == before[number], method
        if fixed and "$" in method:
            assert set(before[number]) == {"1", "2"}


@pytest_twisted.ensureDeferred
async def test_sessions_on_every_worker(site: Site) -> None:
    """A session's cookie means the same server on every worker and after a restart, and so while it drains."""
    port, admin, one, two = free_ports(4)
    site.http(
        "dyups_upstream_conf conf/up.conf;\n"
        f"server {{ listen {port}; location / {{ proxy_pass http://$host; }} }}\n"
        f"server {{ listen {admin}; location / {{ dyups_interface; }} }}\n"
        f"server {{ listen {one}; location / {{ return 200 1; }} }}\n"
        f"server {{ listen {two}; location / {{ return 200 2; }} }}\n",
        "worker_processes 2;",
    )
    proxy = await site.proxy().listening(port, admin)
    servers = f"server 127.0.0.1:{one}; server 127.0.0.1:{two}"
    url = f"http://127.0.0.1:{port}/[1-30]"

    async def say(body: str) -> None:
        assert await curl("-d", body, f"http://127.0.0.1:{admin}/upstream/app") == b"success"

    async def served(*more: str) -> set[str]:
        answer = await curl("-H", "Host: app", "-H", "Connection: close", *more, url)
        return set(answer.decode())

    await say(f"sticky cookie id; {servers};")
    assert await served() == {"1", "2"}
    head = await curl("-D", "-", "-o", "/dev/null", "-H", "Host: app", f"http://127.0.0.1:{port}/")
    cookie = head.decode().partition("Set-Cookie: ")[2].split("\r\n")[0]
    (mine,) = await served("-H", f"Cookie: {cookie}")
    proxy.kill()
    await proxy.ended()
    await site.proxy().listening(port, admin)
    assert await served("-H", f"Cookie: {cookie}") == {mine}
    draining = servers.replace(str(one if mine == "1" else two), f"{one if mine == '1' else two} drain")
    await say(f"sticky cookie id; {draining};")
    assert await served("-H", f"Cookie: {cookie}") == {mine}
    assert await served() == {"1", "2"} - {mine}


@pytest_twisted.ensureDeferred
async def test_queue_in_front_of_a_small_server(site: Site, wires: Wires) -> None:
    """Twenty requests at once before a server that takes two at a time: all are answered, and it never has more."""
    busy, most = 0, 0

    def told(wire: Wire) -> None:
        nonlocal busy, most
        if b"\r\n\r\n" in wire.data:
            wire.data.clear()
            busy += 1
            most = max(most, busy)
            reactor.callLater(0.02, answer, wire)

    def answer(wire: Wire) -> None:
        nonlocal busy
        busy -= 1
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

    backend = wires.serve(told)
    (port,) = free_ports(1)
    site.http(
        f"upstream app {{ queue 30; server 127.0.0.1:{backend.number} max_conns=2; }}\n"
        f"server {{ listen {port}; location / {{ proxy_pass http://app; }} }}\n"
    )
    await site.proxy().listening(port)
    clients = [await wires.connect(port) for _ in range(20)]
    for client in clients:
        client.send(b"GET / HTTP/1.1\r\nHost: app\r\n\r\n")
    for client in clients:
        assert (await client.hears(b"\r\n\r\ndone")).startswith(b"HTTP/1.1 200 OK\r\n")
    assert (most, len(backend.wires)) == (2, 2)
