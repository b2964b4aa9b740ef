"""``kill -9`` of anybody at any moment of a stream of changes: what was acknowledged is there, nothing is half there.

``DYUPS_TEST_CRASHES`` is the number of rounds (20 by default; 200 for a soak).
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import ConnectError, ConnectionLost
from twisted.internet.task import deferLater

from dyups.control.command import decode
from dyups.persist.dumpfile import read_dump
from dyups.persist.files import Files
from dyups.persist.journal import read as read_journal
from tests.integration.running import children, is_running, until
from tests.integration.talking import Workers

Make = Callable[..., Workers]
ROUNDS = int(os.environ.get("DYUPS_TEST_CRASHES", "20"))
CLIENTS = 3
SERVERS = 5


class Stream:
    """A client that changes its own upstream until it is told to stop, or nobody answers any more."""

    def __init__(self, site: Workers, number: int) -> None:
        self._site = site
        self.name = f"host-{number}"
        self.value = 0
        """The last that was acknowledged; 0 for none."""
        self.sent = 0
        self.stopping = False

    async def run(self) -> None:
        """Make changes."""
        while not self.stopping:
            self.sent += 1
            body = "".join(f"server 127.0.0.{number}:{self.sent};" for number in range(1, SERVERS + 1))
            try:
                reply = await self._site.post(self.name, body)
            except (ConnectionLost, ConnectError):
                return
            if reply.status == 500 and "master process is gone" in reply.body:
                return
            assert reply.body == "success", reply
            self.value = self.sent

    async def check(self) -> None:
        """The upstream says one change, whole: the last acknowledged one, or one that came after it."""
        reply = await self._site.ask(self._site.admin, f"/upstream/{self.name}")
        if reply.status == 404:
            assert not self.value
            return
        ports = {line.rpartition(":")[2] for line in reply.body.split("\n") if line}
        assert len(reply.body.split("\n")) == SERVERS + 1, reply.body
        assert len(ports) == 1, reply.body
        found = int(ports.pop())
        assert self.value <= found <= self.sent, (self.value, found, self.sent)
        self.value = self.sent = found


def check_files(folder: Path) -> None:
    """Dump and journal read, with nothing worse than a last record that is cut short."""
    read_dump(Files(), str(folder / "upstream.conf"))
    found = read_journal(Files(), str(folder / "upstream.conf.journal"))
    assert found.damages == []
    for record in found.records:
        decode(record.payload)


async def crash(site: Workers, whom: str, chance: random.Random) -> None:
    """``kill -9`` of one worker, the master, or all; return when what was killed is gone."""
    under = children(site.proxy.pid)
    if whom == "a worker":
        victims = [chance.choice(under)]
    else:
        victims = [site.proxy.pid] if whom == "the master" else [site.proxy.pid, *under]
    for victim in victims:
        with suppress(ProcessLookupError):  # it was about to end anyway, or has followed its master
            os.kill(victim, signal.SIGKILL)
    if whom != "a worker":
        await site.proxy.ended()
        await until(lambda: not any(map(is_running, under)), "the end of the workers")
        check_files(site.site.root / "conf")


@pytest_twisted.ensureDeferred
async def test_crashes(workers: Make) -> None:
    """Round after round: changes, every second time a reload, a kill, a look at everything."""
    chance = random.Random(ROUNDS)
    site = await workers("worker_processes 2;").start()
    streams = [Stream(site, number) for number in range(CLIENTS)]
    for number in range(ROUNDS):
        for stream in streams:
            stream.stopping = False
        running = [Deferred.fromCoroutine(stream.run()) for stream in streams]
        await deferLater(reactor, chance.uniform(0.0, 0.4))
        whom = ("the master", "a worker", "all")[number % 3]
        if number % 2:  # in the middle of a reload
            site.proxy.signal(signal.SIGHUP)
            await deferLater(reactor, chance.uniform(0.0, 0.8))
        await crash(site, whom, chance)
        for stream in streams:
            stream.stopping = True
        await gatherResults(running)
        if whom != "a worker":
            await site.start()
        await site.all_accept()
        for stream in streams:
            await stream.check()
    digests = {(worker["sequence"], worker["digest"]) for worker in await site.roster()}
    assert len(digests) == 1
