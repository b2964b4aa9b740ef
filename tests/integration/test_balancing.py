"""Balancing methods through a running proxy: in the configuration, in a body, after a crash."""

from __future__ import annotations

import pytest
import pytest_twisted

from tests.integration.running import Site, curl, free_ports

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
