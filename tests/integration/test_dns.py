"""Names that a real name server answers for, over UDP and TCP: followed by upstreams, and brought by requests."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import fail, succeed
from twisted.names import dns, error, server

from tests.integration.running import Site, children, curl, free_ports, until
from tests.upstream.nameserver import a, srv


class NameServer:
    """A name server on a port of its own; ``records`` is what it knows, ``asked`` what it was asked."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.records: dict[str, list[Any]] = {}
        self.asked: list[str] = []
        self.broken = False
        factory = server.DNSServerFactory(clients=[self])
        factory.noisy = False
        self._ports = [
            reactor.listenUDP(port, dns.DNSDatagramProtocol(factory), "127.0.0.1"),
            reactor.listenTCP(port, factory, interface="127.0.0.1"),
        ]

    def query(self, query: dns.Query, timeout: object = None) -> Any:
        """twisted.names asks."""
        name = query.name.name.decode().lower()
        self.asked.append(name)
        if self.broken:
            return fail(ValueError("out of order"))  # the server makes SERVFAIL of it
        if name not in self.records:
            return fail(error.DNSNameError(None))
        return succeed(([x for x in self.records[name] if x.type == query.type], [], []))

    async def stop(self) -> None:
        """Answer no more."""
        ports, self._ports = self._ports, []
        for port in ports:
            await port.stopListening()


@pytest_twisted.async_yield_fixture()
async def names() -> AsyncIterator[NameServer]:
    """A name server."""
    made = NameServer(free_ports(1)[0])
    yield made
    await made.stop()


def servers(*ports: int) -> str:
    """Servers that answer with their own port, on whatever address of this machine they are asked."""
    return "\n".join(f"server {{ listen {port}; return 200 $server_addr:{port}; }}" for port in ports)


async def answers(port: int, host: str, count: int = 8) -> set[str]:
    """What so many requests are answered."""
    urls = f"http://127.0.0.1:{port}/[1-{count}]"
    return set((await curl("-H", f"Host: {host}", "-w", "\\n", urls)).decode().split())


@pytest.mark.parametrize("ahead", ["master_process off;", "worker_processes 2;"])
@pytest_twisted.ensureDeferred
async def test_followed(site: Site, names: NameServer, ahead: str) -> None:
    """An upstream follows its name, in the configuration and in a body; DNS that fails changes nothing."""
    port, admin, one, two = free_ports(4)
    names.records["app.example"] = a("app.example", "127.0.0.1", ttl=1)
    site.http(
        f"resolver 127.0.0.1:{names.port} ipv6=off; resolver_timeout 10s;\n"
        "dyups_upstream_conf conf/up.conf;\n"
        f"upstream app {{ zone app 64k; server app.example:{one} resolve; }}\n"
        f"server {{ listen {port}; location / {{ proxy_pass http://$host; }} }}\n"
        f"server {{ listen {admin}; location / {{ dyups_interface; }} }}\n" + servers(one, two),
        ahead,
    )
    proxy = await site.proxy().listening(port, admin)

    async def served(host: str, *expected: str) -> None:
        async def there() -> bool:
            return await answers(port, host) == set(expected)

        await until(there, f"{expected}")

    await served("app", f"127.0.0.1:{one}")
    names.records["app.example"] = a("app.example", "127.0.0.2", "127.0.0.3", ttl=1)
    await served("app", f"127.0.0.2:{one}", f"127.0.0.3:{one}")

    names.records["_http._tcp.svc.example"] = srv(
        "_http._tcp.svc.example", (1, 1, two, "one.example"), (2, 1, one, "one.example"), ttl=1
    )
    names.records["one.example"] = a("one.example", "127.0.0.9", ttl=1)
    body = "server svc.example service=http resolve;"
    assert await curl("-d", body, f"http://127.0.0.1:{admin}/upstream/svc") == b"success"
    assert await answers(port, "svc") == {f"127.0.0.9:{two}"}
    shown = await curl(f"http://127.0.0.1:{admin}/upstream/svc")
    assert shown == b"server svc.example service=http resolve\n"
    names.records["one.example"] = a("one.example", "127.0.0.10", ttl=1)
    await served("svc", f"127.0.0.10:{two}")

    names.broken = True
    seen = len(names.asked)
    await until(lambda: len(names.asked) > seen + 1, "questions")
    await until(lambda: "could not be resolved (2: Server failure)" in site.error_log, "the log")
    assert await answers(port, "svc") == {f"127.0.0.10:{two}"}
    assert await answers(port, "app") == {f"127.0.0.2:{one}", f"127.0.0.3:{one}"}
    if "worker" in ahead:
        # Other workers, which nobody tells the names but the master that has asked for them.
        before = set(children(proxy.pid))
        proxy.signal(signal.SIGHUP)
        await until(lambda: before.isdisjoint(children(proxy.pid)), "other workers")
        assert await answers(port, "app") == {f"127.0.0.2:{one}", f"127.0.0.3:{one}"}
        assert await answers(port, "svc") == {f"127.0.0.10:{two}"}


@pytest_twisted.ensureDeferred
async def test_brought_by_requests(site: Site, names: NameServer) -> None:
    """A name that is no upstream is asked for once, though many wait; its absence is 502 in nginx's words."""
    port, plain, one = free_ports(3)
    names.records["app.example"] = a("app.example", "127.0.0.1", ttl=60)
    # More than a datagram holds: the client comes back over TCP.
    names.records["many.example"] = a("many.example", *(f"127.0.1.{x}" for x in range(1, 61)), ttl=60)
    site.http(
        f"server {{ listen {port}; resolver 127.0.0.1:{names.port} ipv6=off; resolver_timeout 20s;\n"
        f"  location / {{ proxy_pass http://$host:{one}; }}\n"
        f"  location /soon {{ resolver_timeout 1s; proxy_pass http://$host:{one}; }} }}\n"
        f"server {{ listen {plain}; location / {{ proxy_pass http://$host:{one}; }} }}\n" + servers(one)
    )
    await site.proxy().listening(port, plain)
    assert await answers(port, "app.example") == {f"127.0.0.1:{one}"}
    assert names.asked == ["app.example"]
    assert len(await answers(port, "many.example", 60)) == 60
    no_page = "-o", "/dev/null", "-w", "%{http_code}"
    assert await curl(*no_page, "-H", "Host: no.example", f"http://127.0.0.1:{port}/") == b"502"
    await until(lambda: "no.example could not be resolved (3: Host not found)" in site.error_log, "the log")
    asked = len(names.asked)
    for host in ("127.0.0.1", "localhost", "2130706433"):
        assert await curl(*no_page, "-H", f"Host: {host}", f"http://127.0.0.1:{port}/") == b"502"
    assert await curl(*no_page, "-H", "Host: app.example", f"http://127.0.0.1:{plain}/") == b"502"
    assert len(names.asked) == asked
    await names.stop()
    assert await curl(*no_page, "-H", "Host: late.example", f"http://127.0.0.1:{port}/soon") == b"502"
    await until(
        lambda: "late.example could not be resolved (110: Operation timed out)" in site.error_log, "the log"
    )
    assert await answers(port, "app.example") == {f"127.0.0.1:{one}"}
