"""An API gateway as people write one: keys checked by a service, rates, real addresses, own errors."""

from __future__ import annotations

import json
import re

import pytest_twisted

from tests.integration.running import SAME_USER, Site, free_ports, until
from tests.integration.talking import Reply, talk
from tests.integration.test_configurations import field, prepare
from tests.integration.wires import Wires

BEHIND = """
server {{
    listen 127.0.0.1:{orders};
    location / {{ add_header Set-Cookie "cart=1; path=/v2/"; add_header X-Powered-By magic;
        return 200 "orders $uri $http_x_account [$http_x_api_key] $http_x_forwarded_for"; }}
}}
server {{
    listen 127.0.0.1:{stock};
    location / {{ return 200 "stock $uri"; }}
    location /exports/file {{ default_type text/csv; add_header X-Accel-Redirect /_files/export.csv; return 200 x; }}
}}
server {{
    listen 127.0.0.1:{keys};
    if ($http_x_api_key = "") {{ return 401; }}
    if ($http_x_api_key ~ ^bad) {{ return 403; }}
    location / {{ add_header X-Account account-$http_x_api_key; return 204; }}
}}
"""


async def served(site: Site) -> tuple[int, int, int]:
    """The gateway with its services: its port, that of the interface, and that of a service."""
    front, admin, orders, stock, keys = free_ports(5)
    prepare(site, "api_gateway", {8080: front, 8081: admin, 8091: orders, 8092: stock, 8093: keys})
    site.write(BEHIND.format(orders=orders, stock=stock, keys=keys), "conf/conf.d/behind.conf")
    site.write("a,b\n", "files/export.csv")
    await site.proxy(*SAME_USER).listening(front, admin, orders, stock, keys)
    return front, admin, stock


async def ask(port: int, target: str, *fields: str) -> Reply:
    """One request on a connection of its own, so that either worker may get it."""
    client = await talk(port)
    lines = "".join(f"{line}\r\n" for line in fields)
    try:
        return await client.ask(f"{target} HTTP/1.1\r\n{lines}X-Rest:", "api.example")
    finally:
        client.transport.abortConnection()


@pytest_twisted.ensureDeferred
async def test_keys(site: Site) -> None:
    """Only who has a key gets to a service, which learns whose it is and where the client is, and not the key."""
    front, _, _ = await served(site)
    reply = await ask(front, "/orders/7", "X-Api-Key: ann", "X-Forwarded-For: 203.0.113.9")
    assert (reply.status, reply.body) == (200, "orders /v2/7 account-ann [] 203.0.113.9, 203.0.113.9")
    assert field(reply, "set-cookie") == "cart=1; path=/orders/"
    assert "x-powered-by" not in reply.fields
    for target, fields, status, error in (
        ("/orders/7", (), 401, "a key is needed"),
        ("/orders/7", ("X-Api-Key: bad",), 403, "not allowed"),
        ("/admin/", ("X-Api-Key: ann",), 403, "not allowed"),
    ):
        reply = await ask(front, target, *fields)
        assert (reply.status, json.loads(reply.body)) == (status, {"error": error}), target
        assert field(reply, "content-type") == "application/json"
    inside = ("X-Api-Key: ann", "X-Forwarded-For: 192.0.2.9")
    assert (await ask(front, "/admin/", *inside)).status == 200
    assert (await ask(front, "/_key", "X-Api-Key: ann")).status == 404
    assert (await ask(front, "/health")).body == '{"status":"ok"}'
    reply = await ask(front, "/exports/file", "X-Api-Key: ann")
    assert (reply.status, reply.body, field(reply, "content-type")) == (200, "a,b\n", "text/csv")
    await until(lambda: "account-ann" in (site.root / "logs" / "gateway.log").read_text(), "its access log")


@pytest_twisted.ensureDeferred
async def test_rates(site: Site) -> None:
    """A key has so many requests over all workers together; another key has its own."""
    front, _, _ = await served(site)
    replies = [await ask(front, "/orders/7", "X-Api-Key: ann") for _ in range(8)]
    assert [reply.status for reply in replies] == [200] * 3 + [429] * 5
    assert (field(replies[-1], "retry-after"), json.loads(replies[-1].body)) == ("60", {"error": "slow down"})
    assert (await ask(front, "/orders/7", "X-Api-Key: bob")).status == 200
    assert (await ask(front, "/stock/7", "X-Api-Key: ann")).status == 200
    # One a minute: some of the excess is gone by the time of the fourth, however fast it came.
    assert re.search(r'excess: (3\.000|2\.\d{3}) by zone "by_key"', site.error_log), site.error_log


@pytest_twisted.ensureDeferred
async def test_downloads(site: Site, wires: Wires) -> None:
    """So many downloads of a key are under way at a time, over all workers; a change finds them a new service."""
    front, admin, _ = await served(site)
    slow = wires.serve(lambda wire: None)
    interface = await talk(admin)
    change = await interface.ask("/upstream/stock", method="POST", body=f"server 127.0.0.1:{slow.number};")
    assert change.body == "success"
    request = b"GET /exports/big HTTP/1.1\r\nHost: api.example\r\nX-Api-Key: ann\r\n\r\n"
    downloads = [await wires.connect(front) for _ in range(2)]
    for download in downloads:
        download.send(request)
    await until(lambda: len(slow.wires) == 2, "both downloads")
    for _ in range(4):
        assert (await ask(front, "/exports/big", "X-Api-Key: ann")).status == 503
    downloads[0].transport.abortConnection()
    await until(lambda: slow.wires[0].ended or slow.wires[1].ended, "the end of one")

    async def is_let_in() -> bool:
        """The server's connection may end a moment before the place is free for other workers."""
        third = await wires.connect(front)
        third.send(request)
        await until(lambda: third.data or len(slow.wires) == 3, "an answer, or the request at the server")
        return len(slow.wires) == 3

    await until(is_let_in, "the next download")
    interface.transport.abortConnection()


@pytest_twisted.ensureDeferred
async def test_status(site: Site) -> None:
    """Both status pages count over all workers."""
    front, admin, _ = await served(site)
    for _ in range(10):
        assert (await ask(front, "/stock/1", "X-Api-Key: ann")).status == 200
    text = (await ask(front, "/status", "X-Forwarded-For: 127.0.0.1")).body
    assert text.startswith("Active connections: ") and text.count("\n") == 4, text
    facts = json.loads((await ask(admin, "/status")).body)
    assert facts["workers"] == 2
    servers = {name: upstream["servers"][0] for name, upstream in facts["upstreams"].items()}
    assert {name: server["requests"] for name, server in servers.items()} == {
        "orders": 0,
        "stock": 10,
        "keys": 10,
    }
    assert (servers["keys"]["responses"]["2xx"], servers["stock"]["latency"]["answers"]) == (10, 10)
    assert facts["requests"] >= 32
