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
        if "$" in method:
            assert set(before[number]) == {"1", "2"}
