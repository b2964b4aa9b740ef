"""Reloads: nothing fails, nothing is lost, and a mistake changes nothing.

``DYUPS_TEST_RELOADS`` is how many reloads the test under load makes (few by default).
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from tests.integration.running import Site, free_ports, is_free, is_running, until
from tests.integration.talking import DUMP, Talk, Workers

Make = Callable[..., Workers]
RELOADS = int(os.environ.get("DYUPS_TEST_RELOADS", "2"))
CLIENTS = 6


async def reload(site: Workers, before: list[int] | None = None) -> list[int]:
    """Send HUP; the numbers of the new workers, once the old ones (``before``) have ended."""
    before = before or await site.all_accept()
    site.proxy.signal(signal.SIGHUP)
    await until(lambda: not any(map(is_running, before)), "the end of the old workers")
    return await site.all_accept()


class Load:
    """Clients that ask without a pause, each on a connection that it keeps as long as the server does."""

    def __init__(self, site: Workers) -> None:
        self._site = site
        self.stopping = False
        self.answered = 0
        self.failed: list[object] = []

    async def run(self, port: int, target: str, host: str) -> None:
        """Ask until told to stop."""
        client: Talk | None = None
        while not self.stopping:
            try:
                if client is None:
                    client = await self._site.talk(port)
                reply = await client.ask(target, host)
            except Exception as error:
                self.failed.append(error)
                client = None
                continue
            self.answered += 1
            if reply.status != 200:
                self.failed.append(reply)
            if reply.closing:
                client = None


async def changes(site: Workers, load: Load) -> int:
    """Change an upstream again and again; how often it was acknowledged."""
    number = 0
    while not load.stopping:
        reply = await site.post("counted", f"server 127.0.0.1:{number % 60000 + 1};")
        assert reply.body == "success", reply
        number += 1
        await deferLater(reactor, 0.01)
    return number


@pytest_twisted.ensureDeferred
async def test_reload_under_load(workers: Make) -> None:
    """Reload after reload while clients ask and upstreams change: no request fails, no change is lost."""
    site = await workers("worker_processes 2;").start()
    load = Load(site)
    begun = reactor.seconds()
    ways = [(site.front, "/", "host1"), (site.a, "/", "x"), (site.front, "/pid", "x")]
    running = [Deferred.fromCoroutine(load.run(*ways[number % 3])) for number in range(CLIENTS)]
    changing = Deferred.fromCoroutine(changes(site, load))
    for number in range(1, RELOADS + 1):
        await reload(site)
        await until(lambda number=number: load.answered > 100 * number, "some load")
    load.stopping = True
    await gatherResults(running)
    number = await changing
    print(f"{load.answered / (reactor.seconds() - begun):.0f} requests a second, {number} changes")
    assert load.failed == []
    last = f"server 127.0.0.1:{(number - 1) % 60000 + 1}"
    for client in (await site.one_for_each(await site.all_accept(), site.admin)).values():
        assert last in (await client.ask("/upstream/counted")).body
    assert "[alert]" not in site.site.error_log


@pytest_twisted.ensureDeferred
async def test_a_mistake_changes_nothing(workers: Make) -> None:
    """A configuration that does not read, or whose port is taken: the log says so, everything goes on."""
    site = await workers("worker_processes 1;").start()
    pids = await site.all_accept()
    site.configure("worker_processes 1;", f"{DUMP} bogus;")
    site.proxy.signal(signal.SIGHUP)
    await until(lambda: "[emerg]" in site.site.error_log and "bogus" in site.site.error_log)
    (taken, new) = free_ports(2)
    with socket.create_server(("127.0.0.1", taken)):
        more = f"server {{ listen 127.0.0.1:{new}; }} server {{ listen 127.0.0.1:{taken}; }}"
        site.configure("worker_processes 1;", f"{DUMP} {more}")
        site.proxy.signal(signal.SIGHUP)
        await until(lambda: f"bind() to 127.0.0.1:{taken} failed (98: " in site.site.error_log)
        assert is_free(new)
    assert (await site.post("x", f"server 127.0.0.1:{site.a};")).body == "success"
    site.proxy.signal(signal.SIGUSR2)
    await until(lambda: "(SIGUSR2) received: a running program cannot" in site.site.error_log)
    assert await site.all_accept() == pids
    assert await reload(site) != pids
    assert (await site.ask(site.front, "/", "x")).body == "a\n"
    assert not is_free(new)
    site.configure("worker_processes 1;")
    await reload(site)
    assert is_free(new) and is_free(taken)


@pytest_twisted.ensureDeferred
async def test_hand_edits_and_changes(workers: Make) -> None:
    """What was edited in the dump is honoured, newer changes stay on top; without a dump file they are carried over."""
    site = await workers("worker_processes 1; error_log logs/error.log warn;").start()
    dump = site.site.root / "conf" / "upstream.conf"
    await site.post("dumped", f"server 127.0.0.1:{site.a};")
    await until(lambda: "upstream dumped" in dump.read_text(), "the dump")
    before = await site.all_accept()
    text = dump.read_text().replace("upstream dumped", "upstream edited")
    dump.write_text(text)
    site.configure("worker_processes 1;", f"{DUMP} upstream fresh {{ server 127.0.0.1:{site.b}; }}")
    assert (await site.post("journaled", f"server 127.0.0.1:{site.b};")).body == "success"
    await until(lambda: "conf was edited" in site.site.error_log, "the edit to be noticed")
    await reload(site, before)
    names = (await site.ask(site.admin, "/list")).body.split()
    assert sorted(names) == ["edited", "fresh", "host1", "journaled"], names
    assert (await site.ask(site.front, "/", "edited")).body == "a\n"
    await site.post("fresh", "", "DELETE")
    nowhere = (
        f"upstream fresh {{ server 127.0.0.1:{site.a}; }} upstream more {{ server 127.0.0.1:{site.a}; }}"
    )
    site.configure("worker_processes 1;", nowhere)
    await reload(site)
    names = (await site.ask(site.admin, "/list")).body.split()
    assert sorted(names) == ["edited", "host1", "journaled", "more"], names
    await site.post("late", f"server 127.0.0.1:{site.b};")
    await site.post("more", "", "DELETE")
    await reload(site)
    names = (await site.ask(site.admin, "/list")).body.split()
    assert sorted(names) == ["edited", "host1", "journaled", "late"], names


@pytest_twisted.ensureDeferred
async def test_without_http(site: Site) -> None:
    """Without ``http`` there are a master and its worker all the same, as in nginx; HUP brings what is said by then."""
    site.write("daemon off;\nerror_log logs/error.log notice;\nevents { }\n")
    proxy = site.proxy()
    await until(lambda: len(proxy.all_pids()) == 2, "the worker")
    (port,) = free_ports(1)
    site.http(f"server {{ listen {port}; location / {{ echo here; }} }}", "worker_processes 2;")
    proxy.signal(signal.SIGHUP)
    await proxy.listening(port)
    site.write("daemon off;\nerror_log logs/error.log notice;\nevents { }\n")
    proxy.signal(signal.SIGHUP)
    await until(lambda: is_free(port), "the port to be given up")
    proxy.signal(signal.SIGQUIT)
    assert await proxy.ended() == 0
    assert "[emerg]" not in site.error_log
