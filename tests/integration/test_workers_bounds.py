"""Zone full, worker stopped, folder that takes nothing: a defined answer each, within the documented bound.

The answers and the bounds are those of the table in ``docs/workers.rst``.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults

from tests.integration.running import SLACK, children, is_running, until
from tests.integration.talking import DUMP, Reply, Talk, Workers

Make = Callable[..., Workers]
TIMEOUT = 0.1
"""``dyups_read_msg_timeout`` of these sites, in seconds."""
HTTP = f"{DUMP} dyups_read_msg_timeout {TIMEOUT * 1000:.0f}ms; dyups_shm_zone_size 64k;"


def many(first: int, count: int = 500) -> str:
    """A command of some ten kilobytes: a zone of 64 has room for five."""
    return "".join(f"server 127.0.0.1:{first + number};" for number in range(count))


async def change(door: Talk, name: str, body: str) -> Reply:
    """A change through one worker: a connection of its own could wait at one that is stopped."""
    return await door.ask(f"/upstream/{name}", method="POST", body=body)


def _is_itself(pid: int) -> bool:
    """Does the process run a program of its own, and not its parent's still?"""
    line = Path(f"/proc/{pid}/cmdline").read_bytes()
    return bool(line) and not line.startswith(b"dyups: master")


async def stopped_successor(site: Workers, victim: int, door: Talk) -> int:
    """Kill a worker, and stop the one that comes in its place before it serves; its number."""
    while True:
        before = set(children(site.proxy.pid))
        os.kill(victim, signal.SIGKILL)
        await until(lambda before=before: set(children(site.proxy.pid)) - before, "its successor")
        (victim,) = set(children(site.proxy.pid)) - before
        # Until then it shares the master's memory, and the master waits for it.
        await until(lambda victim=victim: _is_itself(victim), "its own program")
        os.kill(victim, signal.SIGSTOP)
        states = {worker["pid"]: worker["state"] for worker in await site.roster(door)}
        if states[victim] == "starting":
            return victim
        # It was faster than we were: once more.


@pytest_twisted.ensureDeferred
async def test_zone_full(workers: Make) -> None:
    """A worker is stopped before it serves: changes go on until the zone is full, then 500; later all is well again."""
    site = await workers("worker_processes 2;", HTTP).start()
    pids = await site.all_accept()
    door = (await site.one_for_each(pids, site.admin))[pids[1]]
    stopped = await stopped_successor(site, pids[0], door)
    made = 0
    while (await change(door, f"x{made}", many(10_000))).status == 200:
        made += 1
        assert made < 8
    assert made
    begun = reactor.seconds()
    reply = await change(door, "x0", many(20_000))
    assert reactor.seconds() - begun < TIMEOUT + SLACK
    assert (reply.status, "the shared zone is full: a worker has not read it" in reply.body) == (500, True)
    assert "server 127.0.0.1:10000\n" in (await door.ask("/upstream/x0")).body
    assert (await door.ask(f"/upstream/x{made}")).status == 404
    stored = site.stored()
    assert stored.count("127.0.0.1:10000;") >= made and "127.0.0.1:20000;" not in stored
    os.kill(stopped, signal.SIGCONT)
    await site.all_accept()
    assert (await change(door, "x0", many(20_000))).body == "success"
    await check_all_the_same(site, stopped, pids[1])


@pytest_twisted.ensureDeferred
async def test_stopped_reader_and_large_commands(workers: Make) -> None:
    """A worker is stopped while it serves: large changes from several clients succeed as soon as it is replaced."""
    site = await workers("worker_processes 3;", HTTP).start()
    pids = await site.all_accept()
    doors = await site.one_for_each(pids, site.admin)
    os.kill(pids[0], signal.SIGSTOP)
    begun = reactor.seconds()
    replies = await gatherResults(
        [Deferred.fromCoroutine(change(doors[pid], f"x{pid}", many(10_000))) for pid in pids[1:]]
    )
    assert [reply.body for reply in replies] == ["success"] * 2
    assert reactor.seconds() - begun < TIMEOUT + 2.0 + SLACK
    await until(lambda: not is_running(pids[0]), "its end")
    await site.all_accept()
    for number in range(20):
        assert (await change(doors[pids[1]], f"y{number % 3}", many(10_000 + number))).body == "success"
    await check_all_the_same(site, *pids[1:])


async def check_all_the_same(site: Workers, *pids: int) -> None:
    """Every worker has the same map, and these are among them."""
    roster = await site.roster()
    assert {worker["pid"] for worker in roster} >= {*pids}
    assert len({(worker["sequence"], worker["digest"]) for worker in roster}) == 1


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Nothing can be made, renamed or removed in the folder; root needs more than a mode for that."""
    if os.geteuid() == 0:
        done = subprocess.run(["chattr", "+i", str(folder)], capture_output=True, check=False)
        if done.returncode:
            pytest.skip("this file system has no immutable folders")
        back = ["chattr", "-i", str(folder)]
    else:
        folder.chmod(0o555)
        back = ["chmod", "755", str(folder)]
    try:
        yield
    finally:
        subprocess.run(back, check=True)


@pytest_twisted.ensureDeferred
async def test_unwritable_folder(workers: Make) -> None:
    """No journal can be made: 500 with the reason, the old state serves on; when it can again, changes go on."""
    site = await workers("worker_processes 2;", HTTP).start()
    folder = site.site.root / "conf"
    with unwritable(folder):
        for _ in range(2):
            refused = await site.post("new", f"server 127.0.0.1:{site.b};")
            assert refused.status == 500
            assert refused.body.startswith("could not store the change: "), refused
        assert (await site.ask(site.front, "/", "new")).status == 502
        assert (await site.ask(site.front, "/", "host1")).body == "a\n"
    assert (await site.post("new", f"server 127.0.0.1:{site.b};")).body == "success"
    assert (await site.ask(site.front, "/", "new")).body == "b\n"


@pytest_twisted.ensureDeferred
async def test_unwritable_folder_with_a_journal(workers: Make) -> None:
    """The journal is there already: changes are stored in it, though the dump cannot be written; nothing is lost."""
    site = await workers("worker_processes 2; error_log logs/error.log error;", HTTP).start()
    dump = site.site.root / "conf" / "upstream.conf"
    assert (await site.post("first", f"server 127.0.0.1:{site.a};")).body == "success"
    site.proxy.signal(signal.SIGSTOP)  # a dump would empty the journal
    with unwritable(dump.parent):
        site.proxy.signal(signal.SIGCONT)
        assert (await site.post("second", f"server 127.0.0.1:{site.b};")).body == "success"
        await until(lambda: "could not be written" in site.site.error_log, "the log to say so")
        site.proxy.kill()
        await site.proxy.ended()
        await site.start()
        for name, body in (("first", "a\n"), ("second", "b\n")):
            assert (await site.ask(site.front, "/", name)).body == body
