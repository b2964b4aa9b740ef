"""What workers share about servers: limits, loads, failures and sessions hold for all of them together."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from tests.integration.running import free_ports, is_running, until
from tests.integration.talking import DUMP, Reply, Talk, Workers
from tests.integration.wires import Wire, Wires

Make = Callable[..., Workers]


class Server:
    """A server that keeps its clients waiting while it is told to, or fails them."""

    def __init__(self, wires: Wires, name: str) -> None:
        self.name = name
        self.asked = 0
        self.holding = True
        self.failing = False
        self.held: list[Wire] = []
        self.port = wires.serve(self.told).port.getHost().port

    def told(self, wire: Wire) -> None:
        while b"\r\n\r\n" in wire.data:
            head, _, rest = bytes(wire.data).partition(b"\r\n\r\n")
            wire.data[:] = rest
            self.asked += 1
            if self.failing:
                wire.transport.abortConnection()
            elif self.holding:
                self.held.append(wire)
            else:
                self.answer(wire, b"Set-Cookie: s=1; path=/\r\n" if b"GET /login" in head else b"")

    def answer(self, wire: Wire, lines: bytes = b"") -> None:
        body = self.name.encode()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n%b" % (len(body), lines, body))

    def let_go(self) -> None:
        """Answer whoever waits, and from now on at once."""
        self.holding = False
        held, self.held = self.held, []
        for wire in held:
            if not wire.ended:
                self.answer(wire)


def zoned(*servers: Server, before: str = "", parameters: str = "") -> str:
    """The body of an upstream whose servers all workers count together."""
    lines = "".join(f"server 127.0.0.1:{server.port} {parameters};" for server in servers)
    return f"zone z 64k; {before} {lines}"


async def each_of(site: Workers) -> list[Talk]:
    """A connection to each worker, once all of them serve."""
    return [*(await site.one_for_each(await site.all_accept())).values()]


def ask(client: Talk, host: str = "app", target: str = "/") -> Deferred[Reply]:
    return client.ask(target, host)


async def hold(client: Talk, servers: list[Server], host: str = "app") -> Deferred[Reply]:
    """A request that one of the servers holds."""
    before = sum(server.asked for server in servers)
    answer = ask(client, host)
    await until(lambda: sum(server.asked for server in servers) > before, "a request to be asked")
    return answer


async def served(client: Talk, host: str = "app") -> str:
    """What is answered, once there is room: a client may have an answer before its worker has let go of the server."""
    found: list[str] = []

    async def answered() -> bool:
        reply = await ask(client, host)
        found.append(reply.body)
        return reply.status == 200

    await until(answered, "room")
    return found[-1]


async def free(site: Workers) -> None:
    """Return when nothing is under way, as far as any worker knows."""

    async def nothing() -> bool:
        return all(found == (0, True) for found in await state_of(site))

    await until(nothing, "the end of all requests")


async def state_of(site: Workers, host: str = "app") -> list[tuple[int, bool]]:
    """What one of the workers shows of an upstream's servers: requests under way, and whether they may be asked."""
    reply = await site.ask(site.admin, "/detail HTTP/1.1\r\nAccept: application/json\r\nX-Rest:")
    (found,) = [each for each in json.loads(reply.body)["upstreams"] if each["name"] == host]
    return [(peer["active"], peer["up"]) for server in found["servers"] for peer in server["peers"]]


@pytest.mark.parametrize("posted", [False, True], ids=["configured", "posted"])
@pytest_twisted.ensureDeferred
async def test_max_conns(workers: Make, wires: Wires, posted: bool) -> None:
    """``max_conns`` holds for all workers together; who waits in a queue goes on when any worker lets go."""
    server = Server(wires, "a")
    (status,) = free_ports(1)
    body = zoned(server, parameters="max_conns=2")
    queued = zoned(server, before="queue 5 timeout=20s;", parameters="max_conns=1")
    page = f"server {{ listen 127.0.0.1:{status}; location / {{ dyups_status; }} }}"
    configured = "" if posted else f"upstream app {{ {body} }} upstream queued {{ {queued} }}"
    site = await workers(http=f"{DUMP} {page} {configured}").start()
    if posted:
        assert (await site.post("app", body)).body == "success"
        assert (await site.post("queued", queued)).body == "success"
    one, two, three = await each_of(site)
    held = [await hold(one, [server]), await hold(two, [server])]
    assert (await ask(three)).status == 502
    assert await state_of(site) == [(2, False)]
    page = json.loads((await site.ask(status, "/")).body)["upstreams"]["app"]["servers"]
    assert [(found["active"], found["state"]) for found in page] == [(2, "unavailable")]
    server.let_go()
    assert [(await answer).body for answer in held] == ["a", "a"]
    assert await served(three) == "a"
    await free(site)

    server.holding = True
    first = await hold(one, [server], "queued")
    waits = ask(two, "queued")
    asked = server.asked
    assert (await ask(three, "x")).status == 502  # nobody is idle meanwhile
    assert not waits.called
    assert server.asked == asked
    server.let_go()
    assert [(await first).body, (await waits).body] == ["a", "a"]


@pytest_twisted.ensureDeferred
async def test_loads_and_failures(workers: Make, wires: Wires) -> None:
    """``least_conn`` goes by what all have under way; a server that fails one worker is asked by no other."""
    servers = [Server(wires, name) for name in "abc"]
    bad, good = Server(wires, "bad"), Server(wires, "good")
    bad.failing, good.holding = True, False
    site = await workers().start()
    await site.post("app", zoned(*servers, before="least_conn;"))
    await site.post("frail", zoned(bad, good, parameters="fail_timeout=600s"))
    clients = await each_of(site)
    held = [await hold(client, servers) for client in clients]
    assert [len(server.held) for server in servers] == [1, 1, 1]
    assert [active for active, _ in await state_of(site)] == [1, 1, 1]
    for server in servers:
        server.let_go()
    assert sorted([(await answer).body for answer in held]) == ["a", "b", "c"]

    for _ in range(3):
        for client in clients:
            assert (await ask(client, "frail")).body == "good"
    assert (bad.asked, good.asked) == (1, 9)
    assert [up for _, up in await state_of(site, "frail")] == [False, True]


@pytest_twisted.ensureDeferred
async def test_a_worker_dies(workers: Make, wires: Wires) -> None:
    """What a worker had under way when it was killed makes room for the others, and for the one in its place."""
    server = Server(wires, "a")
    http = f"{DUMP} upstream app {{ {zoned(server, parameters='max_conns=2')} }}"
    site = await workers("worker_processes 2;", http=http).start()
    pids = await site.all_accept()
    clients = await site.one_for_each(pids)
    held = await hold(clients[pids[0]], [server])
    held.addErrback(lambda failure: None)
    second = await hold(await other_connection(site, pids[0]), [server])
    second.addErrback(lambda failure: None)
    assert (await ask(clients[pids[1]])).status == 502
    server.holding = False
    os.kill(pids[0], signal.SIGKILL)
    assert await served(clients[pids[1]]) == "a"
    for client in await each_of(site):
        assert await served(client) == "a"
    await free(site)


async def other_connection(site: Workers, pid: int) -> Talk:
    """One more connection to a worker."""
    found: list[Talk] = []

    async def reached() -> bool:
        client = await site.talk(site.front)
        if int((await client.ask("/pid")).body) != pid:
            client.transport.abortConnection()
            return False
        found.append(client)
        return True

    await until(reached, f"another connection to {pid}")
    return found[0]


@pytest_twisted.ensureDeferred
async def test_reload(workers: Make, wires: Wires) -> None:
    """A reload keeps what is counted: new workers mind what the old ones have under way, and know all sessions."""
    server, other = Server(wires, "a"), Server(wires, "b")
    other.holding = False
    learn = "sticky learn create=$upstream_cookie_s lookup=$cookie_s zone=s:1m;"
    limited = zoned(server, parameters="max_conns=1")
    sticky = f"{learn} server 127.0.0.1:{server.port}; server 127.0.0.1:{other.port};"
    http = f"{DUMP} upstream app {{ {limited} }} upstream sticky {{ {sticky} }}"
    site = await workers(http=http).start()
    old = await site.all_accept()
    clients = [*(await site.one_for_each(old)).values()]
    server.holding = False
    assert [(await ask(clients[0], "sticky")).body for _ in range(2)] == ["a", "b"]
    login = await ask(clients[1], "sticky", "/login")
    assert login.fields["set-cookie"] == "s=1; path=/"

    async def known_to(talks: list[Talk]) -> set[str]:
        with_cookie = "/ HTTP/1.1\r\nCookie: s=1\r\nX-Rest:"
        return {(await ask(talk, "sticky", with_cookie)).body for talk in talks for _ in range(3)}

    assert await known_to(clients) == {login.body}
    server.holding = True
    held = await hold(clients[0], [server])
    site.proxy.signal(signal.SIGHUP)
    new: list[int] = []

    async def replaced() -> bool:
        roster = await site.roster()
        new[:] = [each["pid"] for each in roster if each["state"] == "accepting" and each["pid"] not in old]
        return len(new) == site.wanted

    await until(replaced, "new workers")
    clients = [*(await site.one_for_each(new, besides=old)).values()]
    assert [(await ask(client)).status for client in clients] == [502] * 3
    server.let_go()
    assert (await held).body == "a"
    assert [await served(client) for client in clients] == ["a"] * 3
    assert await known_to(clients) == {login.body}
    await until(lambda: not any(map(is_running, old)), "the end of the old workers")
    assert await known_to(clients) == {login.body}
    os.kill(new[0], signal.SIGKILL)
    await until(lambda: not is_running(new[0]), "the end of a worker")
    assert await known_to(await each_of(site)) == {login.body}
