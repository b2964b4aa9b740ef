"""Master and workers: their life, their end, and the signals."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from tests.integration.running import children, is_free, is_running, open_files, until
from tests.integration.talking import Workers
from tests.integration.wires import Backend, Wire, Wires

Make = Callable[..., Workers]


def keep(wire: Wire) -> None:
    """A server that says nothing by itself."""


async def request_at(server: Backend) -> Wire:
    """The connection on which a request has come."""
    await until(lambda: any(b"\r\n\r\n" in wire.data for wire in server.wires), "a request")
    return server.wires[0]


def title(pid: int) -> str:
    """What ``ps`` shows."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()


@pytest_twisted.ensureDeferred
async def test_workers_are_replaced(workers: Make) -> None:
    """Each worker that is killed has a successor, which knows what was changed meanwhile; no request fails for it."""
    site = await workers().start()
    pids = await site.all_accept()
    assert len(pids) == 3 and sorted(pids) == sorted(children(site.proxy.pid))
    assert title(site.proxy.pid).startswith("dyups: master process ")
    assert {title(pid) for pid in pids} == {"dyups: worker process"}
    talks = await site.one_for_each(pids)
    assert (await site.post("late", f"server 127.0.0.1:{site.b};")).body == "success"
    for victim in pids:
        os.kill(victim, signal.SIGKILL)
        await until(lambda victim=victim: talks[victim].closed, "the end of its connections")
        others = [talks[pid] for pid in pids if not talks[pid].closed]
        for client in others:
            assert (await client.ask("/", "late")).body == "b\n"
        await until(lambda: len(children(site.proxy.pid)) == 3, "its successor")
    found = await site.all_accept()
    assert not set(found) & set(pids)
    for client in (await site.one_for_each(found)).values():
        assert (await client.ask("/", "late")).body == "b\n"
    digests = {(worker["sequence"], worker["digest"]) for worker in await site.roster()}
    assert len(digests) == 1
    text = (await site.ask(site.admin, "/detail?workers=1")).body
    assert text.startswith(f"worker {found[0]} sequence 1 digest "), text
    assert await site.proxy.stop() in (0, -signal.SIGTERM)
    await until(lambda: not any(map(is_running, found)))


@pytest_twisted.ensureDeferred
async def test_master_killed(workers: Make, wires: Wires) -> None:
    """Without their master, workers finish what they have and leave their ports free for a new start."""
    site = await workers("worker_processes 2; worker_shutdown_timeout 100s;").start()
    pids = await site.all_accept()
    server = wires.serve(keep)
    await site.post("slow", f"server 127.0.0.1:{server.number};")
    client = await site.talk(site.front)
    reply = client.ask("/", "slow")
    wire = await request_at(server)
    site.proxy.kill()
    await until(lambda: is_free(site.front) and is_free(site.admin), "free ports")
    second = await Workers.start(site)
    assert [worker["sequence"] for worker in await second.roster()] == [1, 1]
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert (await reply).body == "ok"
    await until(lambda: not any(map(is_running, pids)), "the end of the old workers")


@pytest_twisted.ensureDeferred
async def test_graceful_stop(workers: Make, wires: Wires) -> None:
    """QUIT: no new connection, requests under way are finished, idle connections close, then the end with status 0."""
    site = await workers("worker_processes 2;").start()
    server = wires.serve(keep)
    await site.post("slow", f"server 127.0.0.1:{server.number};")
    idle = await site.talk(site.front)
    await idle.ask("/pid")
    client = await site.talk(site.front)
    reply = client.ask("/", "slow")
    wire = await request_at(server)
    site.proxy.signal(signal.SIGQUIT)
    await until(lambda: is_free(site.front) and idle.closed, "the end of what is idle")
    assert is_running(site.proxy.pid)
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    answer = await reply
    assert (answer.body, answer.closing) == ("ok", True)
    assert await site.proxy.ended() == 0
    assert "[alert]" not in site.site.error_log


@pytest.mark.parametrize("beginning", ["a successor", "all of a reload"])
@pytest.mark.parametrize("delay", [0.0, 0.3, 0.6])
@pytest_twisted.ensureDeferred
async def test_graceful_stop_while_workers_begin(
    workers: Make, wires: Wires, beginning: str, delay: float
) -> None:
    """QUIT while workers begin: those have accepted nothing and end at once; what others accepted is finished."""
    site = await workers("worker_processes 2;").start()
    server = wires.serve(keep)
    await site.post("slow", f"server 127.0.0.1:{server.number};")
    talks = await site.one_for_each(await site.all_accept())
    (first, client), (second, _) = talks.items()
    reply = client.ask("/", "slow")
    wire = await request_at(server)
    if beginning == "a successor":
        os.kill(second, signal.SIGKILL)
    else:
        site.proxy.signal(signal.SIGHUP)
    await until(lambda: set(children(site.proxy.pid)) - {first, second}, "a worker that begins")
    await deferLater(reactor, delay)  # wherever it is in its beginning, or behind it
    site.proxy.signal(signal.SIGQUIT)
    await until(
        lambda: is_free(site.front) and children(site.proxy.pid) == [first], "the end of what is idle"
    )
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    answer = await reply
    assert (answer.body, answer.closing) == ("ok", True)
    assert await site.proxy.ended() == 0
    alerts = [line for line in site.site.error_log.splitlines() if "[alert]" in line]
    assert all(f"worker process {second} exited on signal 9" in line for line in alerts), alerts


@pytest_twisted.ensureDeferred
async def test_shutdown_timeout_and_winch(workers: Make, wires: Wires) -> None:
    """WINCH ends the workers, a request that does not end with them is cut off; HUP brings new ones."""
    site = await workers("worker_processes 1; worker_shutdown_timeout 300ms;").start()
    pids = await site.all_accept()
    server = wires.serve(keep)
    await site.post("slow", f"server 127.0.0.1:{server.number};")
    client = await site.talk(site.front)
    reply: Deferred[int] = client.ask("/", "slow").addCallbacks(lambda reply: reply.status, lambda lost: 0)
    await request_at(server)
    site.proxy.signal(signal.SIGWINCH)
    assert await reply in (0, 502)
    await until(lambda: not any(map(is_running, pids)))
    assert not children(site.proxy.pid) and is_running(site.proxy.pid)
    waiting = await site.talk(site.front)
    answer = waiting.ask("/pid")
    site.proxy.signal(signal.SIGHUP)
    assert int((await answer).body) in children(site.proxy.pid)


@pytest_twisted.ensureDeferred
async def test_logs_are_reopened(workers: Make) -> None:
    """USR1: master and workers write to the file that has the log's name now."""
    site = await workers("worker_processes 2; error_log logs/error.log notice;").start()
    log = site.site.root / "logs" / "error.log"
    log.rename(log.with_name("old.log"))
    site.proxy.signal(signal.SIGUSR1)
    await until(log.exists, "the new log")
    for pid in await site.all_accept():
        await until(lambda pid=pid: str(log) in open_files(pid), "the worker to have opened it")
    site.proxy.signal(signal.SIGQUIT)
    await site.proxy.ended()
    assert "gracefully shutting down" in log.read_text()
    assert "exited with code 0" in log.read_text()


@pytest_twisted.ensureDeferred
async def test_start_while_the_last_one_quits(workers: Make, wires: Wires) -> None:
    """A long request keeps a master that quits; the next start has ports and files, and keeps every change."""
    site = await workers("worker_processes 2;").start()
    server = wires.serve(keep)
    await site.post("slow", f"server 127.0.0.1:{server.number};")
    client = await site.talk(site.front)
    reply = client.ask("/", "slow")
    wire = await request_at(server)
    first = site.proxy
    first.signal(signal.SIGQUIT)
    await until(lambda: is_free(site.front) and is_free(site.admin), "free ports")
    await site.start()
    assert (await site.post("new", f"server 127.0.0.1:{site.b};")).body == "success"
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert (await reply).body == "ok"
    assert await first.ended() == 0
    assert (await site.post("newer", f"server 127.0.0.1:{site.b};")).body == "success"
    site.proxy.kill()
    await site.proxy.ended()
    await site.start()
    for name in ("new", "newer"):
        assert (await site.ask(site.front, "/", name)).body == "b\n"


@pytest_twisted.ensureDeferred
async def test_a_second_master(workers: Make) -> None:
    """``reuseport`` would let it have the ports: it is refused, for each would undo what the other was told."""
    site = await workers("worker_processes 1;").start()
    first = site.proxy
    second = site.site.proxy()
    assert await second.ended() == 1
    assert 'upstream.conf" is in use by another process' in second.output
    assert (await site.post("x", f"server 127.0.0.1:{site.a};")).body == "success"
    first.kill()
    await first.ended()
    await site.start()
    assert (await site.ask(site.front, "/", "x")).body == "a\n"
