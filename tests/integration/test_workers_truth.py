"""Acknowledged means everywhere: what every worker routes by when ``success`` has been sent, and what else is said.

``DYUPS_TEST_UPDATES`` is how many changes the staleness test makes (2,000 by default).
"""

from __future__ import annotations

import os
import random
import resource
import signal
from collections.abc import Callable

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from tests.integration.running import SLACK, is_running, until
from tests.integration.talking import DUMP, Reply, Talk, Workers

Make = Callable[..., Workers]
UPDATES = int(os.environ.get("DYUPS_TEST_UPDATES", "2000"))
CLIENTS = 8


class Changing:
    """A client that makes changes, and after each asks every worker."""

    def __init__(self, site: Workers, number: int, door: Talk, workers: list[Talk]) -> None:
        self._site = site
        self._name = f"host-{number}"
        self._door = door
        self._workers = workers
        self._random = random.Random(number)
        self.stale: list[str] = []

    async def change(self, times: int) -> None:
        """Make changes; every answer that is older than its change goes to ``stale``."""
        for _ in range(times):
            kind = self._random.choice(("a", "b", "gone"))
            if kind == "gone":
                method, body, known = "DELETE", "", (200, 404)
            else:
                port = self._site.a if kind == "a" else self._site.b
                method, body, known = "POST", f"server 127.0.0.1:{port};", (200,)
            reply = await self._door.ask(f"/upstream/{self._name}", method=method, body=body)
            assert reply.status in known, reply
            for answer in await gatherResults([worker.ask("/", self._name) for worker in self._workers]):
                self._judge(kind, answer)

    def _judge(self, kind: str, answer: Reply) -> None:
        wanted = (502, None) if kind == "gone" else (200, f"{kind}\n")
        if answer.status != wanted[0] or wanted[1] not in (None, answer.body):
            self.stale.append(f"{kind}: {answer.status} {answer.body}")


@pytest_twisted.ensureDeferred
async def test_no_stale_answer(workers: Make) -> None:
    """Random changes from eight clients, each followed at once by a request through every worker: none is stale."""
    site = await workers("worker_processes 4;").start()
    pids = await site.all_accept()
    clients = []
    for number in range(CLIENTS):
        each = await site.one_for_each(pids)
        clients.append(Changing(site, number, await site.talk(site.admin), list(each.values())))
    each_of_them = UPDATES // CLIENTS
    await gatherResults([Deferred.fromCoroutine(client.change(each_of_them)) for client in clients])
    assert [stale for client in clients for stale in client.stale] == []
    found = await site.roster()
    assert len({(worker["sequence"], worker["digest"]) for worker in found}) == 1
    assert sorted(worker["pid"] for worker in found) == sorted(pids)


@pytest_twisted.ensureDeferred
async def test_trylock_and_a_stopped_worker(workers: Make) -> None:
    """Two clients at once through two workers: one 200, one 409.  A worker that is stopped is replaced in the end."""
    http = f"{DUMP} dyups_trylock on; dyups_read_msg_timeout 2s;"
    site = await workers("worker_processes 3;", http).start()
    pids = await site.all_accept()
    doors = await site.one_for_each(pids, site.admin)
    stopped, first, second = pids
    os.kill(stopped, signal.SIGSTOP)
    begun = reactor.seconds()
    body = f"server 127.0.0.1:{site.a};"
    replies = await gatherResults(
        [
            doors[pid].ask(f"/upstream/{name}", method="POST", body=body)
            for pid, name in ((first, "x"), (second, "y"))
        ]
    )
    took = reactor.seconds() - begun
    said = {(reply.status, reply.body): name for reply, name in zip(replies, "xy", strict=True)}
    assert sorted(said) == [(200, "success"), (409, "wait and try again\n")]
    made, refused = said[200, "success"], said[409, "wait and try again\n"]
    assert took < 2.0 + 2.0 + SLACK, "that is how long a stopped worker is waited for"
    await until(lambda: not is_running(stopped), "its end")
    for client in (await site.one_for_each(await site.all_accept())).values():
        assert (await client.ask("/", made)).body == "a\n"
        assert (await client.ask("/", refused)).status == 502
    assert (await site.post(refused, body)).status == 200
    assert "has not been heard of for" in site.site.error_log


@pytest_twisted.ensureDeferred
async def test_too_much_for_the_zone(workers: Make) -> None:
    """A change that no zone of this size can hold fails as a whole; others go on; big ones fit into a big zone."""
    http = f"{DUMP} dyups_shm_zone_size 8k;"
    site = await workers("worker_processes 2;", http).start()
    many = "".join(f"server 127.0.0.1:{port};" for port in range(1000, 1500))
    refused = await site.post("big", many)
    assert refused.status == 500
    assert "dyups_shm_zone_size" in refused.body
    assert (await site.ask(site.admin, "/upstream/big")).status == 404
    assert "upstream big" not in site.stored() and "127.0.0.1:1499" not in site.stored()
    for number in range(100):
        assert (await site.post(f"x{number % 7}", f"server 127.0.0.1:{site.a};")).status == 200
    site.configure("worker_processes 2;", f"{DUMP} dyups_shm_zone_size 2m;")
    before = await site.all_accept()
    site.proxy.signal(signal.SIGHUP)
    await until(lambda: not any(map(is_running, before)), "the end of the old workers")
    await site.all_accept()  # and the master knows of their end, so it does not make room for them any more
    lines = "".join(f"server 127.0.0.1:{port};\n" for port in range(1000, 6000))
    assert len(lines) > 0xFFFF
    assert (await site.post("big", lines)).body == "success"
    shown = (await site.ask(site.admin, "/upstream/big")).body
    assert shown == lines.replace(";", "")


@pytest_twisted.ensureDeferred
async def test_no_room_on_disk(workers: Make) -> None:
    """Without room for the journal a change is 500 and has happened nowhere; with room again all goes on by itself."""
    site = await workers("worker_processes 2;").start()
    talks = list((await site.one_for_each(await site.all_accept())).values())
    master, unlimited = site.proxy.pid, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert (await site.post("kept", f"server 127.0.0.1:{site.a};")).status == 200
    for name, kind in (("kept", "a"), ("new", "")):
        resource.prlimit(master, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        refused = await site.post(name, f"server 127.0.0.1:{site.b};")
        assert (refused.status, refused.body) == (500, "could not store the change: File too large")
        for client in talks:
            reply = await client.ask("/", name)
            assert (reply.status, reply.body[:1]) == ((200, kind) if kind else (502, "<"))
        resource.prlimit(master, resource.RLIMIT_FSIZE, unlimited)
        assert (await site.post(name, f"server 127.0.0.1:{site.b};")).status == 200
        for client in talks:
            assert (await client.ask("/", name)).body == "b\n"
    site.proxy.kill()
    await site.proxy.ended()
    again = await site.start()
    for name in ("kept", "new"):
        assert (await again.ask(again.front, "/", name)).body == "b\n"
