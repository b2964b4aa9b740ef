"""Active health checks: servers that fall ill and recover, in front of workers that must all know."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
import pytest_twisted

from tests.integration.running import REACTORS, Proxy, Site, free_ports, is_running, settled, until
from tests.integration.talking import Talk, Workers
from tests.integration.wires import Backend, Wire, Wires

Make = Callable[..., Workers]

CHECK = (
    "check interval=100 rise=2 fall=2 timeout=2000 type=http default_down=false;\n"
    'check_http_send "GET /health HTTP/1.0\\r\\n\\r\\n";\n'
)
PAGE = "server {{ listen 127.0.0.1:{0}; location / {{ check_status json; }} }}"


class Server:
    """A server that answers requests with its name, and checks as the test says."""

    def __init__(self, wires: Wires, name: str) -> None:
        self.name = name
        self.health = "well"
        self.asked = 0
        """Requests that were no checks."""
        self._wires = wires
        self.backend: Backend = wires.serve(self.told)
        self.port = self.backend.number

    @property
    def checks(self) -> int:
        """Connections that were opened so far."""
        return len(self.backend.wires)

    def told(self, wire: Wire) -> None:
        """Something has come."""
        while b"\r\n\r\n" in wire.data:
            head, _, rest = bytes(wire.data).partition(b"\r\n\r\n")
            wire.data[:] = rest
            if not head.startswith(b"GET /health "):
                self.asked += 1
                self.answer(wire, b"200 OK")
            elif self.health == "well":
                self.answer(wire, b"204 No Content")
            elif self.health == "ill":
                self.answer(wire, b"500 Oh")
            elif self.health == "resets":
                wire.transport.abortConnection()
            # else it hangs

    def answer(self, wire: Wire, status: bytes) -> None:
        """The name, with a status."""
        body = self.name.encode()
        wire.send(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))

    async def close(self) -> None:
        """Listen no more."""
        await self._wires.shut(self.backend)

    def open(self) -> None:
        """Listen again."""
        self.backend = self._wires.serve(self.told, port=self.port)


class Checked:
    """Workers in front of two servers, and the page that shows their state."""

    def __init__(self, make: Make, wires: Wires, ahead: str = "worker_processes 2;") -> None:
        self.a, self.b = Server(wires, "a"), Server(wires, "b")
        self.workers = make(ahead)
        (self.page,) = free_ports(1)
        self.workers.configure(ahead, more="")
        path = self.workers.site.root / "conf/nginx.conf"
        text = path.read_text().rstrip().removesuffix("}")
        self.workers.site.write(text + PAGE.format(self.page) + "\n}\n")
        self.pids: list[int] = []
        self.talks: dict[int, Talk] = {}

    async def start(self) -> Checked:
        """Start, and create the upstream."""
        await self.workers.start()
        reply = await self.post()
        assert reply.body == "success", reply
        await self.meet()
        return self

    async def meet(self) -> None:
        """A connection to each worker that there is."""
        self.pids = await self.workers.all_accept()
        self.talks = await self.workers.one_for_each(self.pids)

    async def post(self, first: str = "", check: str = CHECK) -> Any:
        """The upstream, with parameters of the first server."""
        body = f"server 127.0.0.1:{self.a.port} {first};\nserver 127.0.0.1:{self.b.port};\n{check}"
        return await self.workers.post("app", body)

    async def states(self) -> dict[str, str]:
        """What the page shows: by name of the server."""
        names = {f"127.0.0.1:{server.port}": server.name for server in (self.a, self.b)}
        found = json.loads((await self.workers.ask(self.page, "/")).body)["servers"]["server"]
        return {names[server["name"]]: server["status"] for server in found}

    async def until_states(self, **wanted: str) -> None:
        """Return when the page shows them."""

        async def shown() -> bool:
            return await self.states() == wanted

        await until(shown, f"{wanted} on the page")

    async def answers(self, count: int = 6) -> str:
        """Who answers so many requests to each worker."""
        found = ""
        for talk in self.talks.values():
            for _ in range(count):
                found += (await talk.ask("/", "app")).body
        return found

    async def until_answers(self, wanted: set[str]) -> None:
        """Return when exactly these answer."""

        async def exactly() -> bool:
            return set(await self.answers()) == wanted

        await until(exactly, f"answers of {wanted}")


@pytest.mark.parametrize("how", ["ill", "hangs", "resets"])
@pytest_twisted.ensureDeferred
async def test_traffic_leaves_and_comes_back(workers: Make, wires: Wires, how: str) -> None:
    """A server whose checks fail is asked by no worker, though it would answer; it comes back when they are good."""
    site = await Checked(workers, wires).start()
    await site.until_answers({"a", "b"})
    site.a.health = how
    await site.until_states(a="down", b="up")
    await site.until_answers({"b"})
    asked = site.a.asked
    assert await site.answers() == "b" * 12
    assert site.a.asked == asked
    await until(lambda: f"disable check peer: 127.0.0.1:{site.a.port}\n" in site.workers.site.error_log)
    site.a.health = "well"
    await site.until_states(a="up", b="up")
    await site.until_answers({"a", "b"})
    await until(lambda: f"enable check peer: 127.0.0.1:{site.a.port}\n" in site.workers.site.error_log)


@pytest_twisted.ensureDeferred
async def test_all_down(workers: Make, wires: Wires) -> None:
    """When all servers are down by check, requests get 502 at once; one that listens again serves again."""
    site = await Checked(workers, wires).start()
    await site.a.close()
    await site.b.close()
    await site.until_states(a="down", b="down")
    replies = [await talk.ask("/", "app") for talk in site.talks.values()]
    assert [reply.status for reply in replies] == [502, 502]
    await until(lambda: "no live upstreams while connecting to upstream" in site.workers.site.error_log)
    site.b.open()
    await site.until_states(a="down", b="up")
    await site.meet()
    await site.until_answers({"b"})


@pytest_twisted.ensureDeferred
async def test_state_survives(workers: Make, wires: Wires) -> None:
    """What was found holds through a replacement of the upstream, for a respawned worker, and through a reload."""
    site = await Checked(workers, wires).start()
    site.a.health = "ill"
    await site.until_states(a="down", b="up")
    await site.until_answers({"b"})
    asked = site.a.asked
    assert (await site.post("weight=3")).body == "success"
    assert await site.answers() == "b" * 12
    os.kill(site.pids[0], signal.SIGKILL)
    await until(lambda: not is_running(site.pids[0]), "its end")
    await site.meet()
    assert await site.answers() == "b" * 12
    before = set(site.pids)
    site.workers.proxy.signal(signal.SIGHUP)
    await until(lambda: not any(map(is_running, before)), "other workers")
    await site.meet()
    assert await site.answers() == "b" * 12
    assert site.a.asked == asked
    assert (await site.states()) == {"a": "down", "b": "up"}


@pytest_twisted.ensureDeferred
async def test_commands_and_end(workers: Make, wires: Wires) -> None:
    """The commands are shown as they were said and survive a restart; a deleted upstream is not checked any more."""
    site = await Checked(workers, wires).start()
    shown = (await site.workers.ask(site.workers.admin, "/upstream/app")).body
    assert shown.endswith(CHECK), shown
    again = "".join(line.removesuffix(";") + ";\n" for line in shown.splitlines())
    assert (await site.workers.post("again", again)).body == "success"
    assert (await site.workers.ask(site.workers.admin, "/upstream/again")).body == shown
    assert (await site.workers.post("again", "", method="DELETE")).body == "success"
    assert await site.workers.proxy.stop() in (0, -signal.SIGTERM)
    await Workers.start(site.workers)
    assert (await site.workers.ask(site.workers.admin, "/upstream/app")).body == shown
    site.a.health = "ill"
    await site.until_states(a="down", b="up")
    assert (await site.workers.post("app", "", method="DELETE")).body == "success"
    await settled(lambda: site.a.checks + site.b.checks, 1.0)  # ten times as long as between two checks
    assert await site.states() == {}


@pytest.mark.parametrize("name", sorted(REACTORS))
@pytest_twisted.ensureDeferred
async def test_single_process(site: Site, wires: Wires, name: str) -> None:
    """Without workers it is the same; ``default_down`` servers serve once their checks were good."""
    server = Server(wires, "a")
    front, page = free_ports(2)
    check = CHECK.replace("default_down=false", "default_down=true")
    site.http(
        f"upstream app {{ server 127.0.0.1:{server.port}; {check} }}\n"
        f"server {{ listen 127.0.0.1:{front}; location / {{ proxy_pass http://app; }} }}\n"
        + PAGE.format(page)
    )
    server.health = "hangs"
    proxy: Proxy = await site.proxy(reactor=name).listening(front)
    client = await wires.connect(front)
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await client.hears(b"HTTP/1.1 502 ")
    server.health = "well"
    await until(lambda: "enable check peer" in site.error_log, "the first good checks")
    client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await client.hears(b"HTTP/1.1 200 ")
    assert await proxy.stop() in (0, -signal.SIGTERM)
