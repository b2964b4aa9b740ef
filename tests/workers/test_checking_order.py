"""What checks find and what is changed reach a worker by two ways, whose order is not fixed: it is right in the end.

Changes are read from the shared zone, when the doorbell rings or earlier; findings come over the control channel, in
the order in which they were sent, with the number of the change by which their servers are there.
"""

from __future__ import annotations

import errno
from random import Random
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.upstreams import parse_commands
from dyups.health.wire import End
from dyups.upstream.map import UpstreamMap
from dyups.upstream.resolve import resolve_now
from dyups.upstream.verdicts import Judge, Verdict
from dyups.workers import checking as module
from dyups.workers.checking import Checking
from tests.health.lines import MemoryLine

CHECKS = (
    "",
    "check interval=1000 timeout=9000 rise=1 fall=1 default_down=true;",
    "check interval=1000 timeout=9000 rise=1 fall=1 default_down=false;",
    "check interval=1000 timeout=9000 rise=1 fall=2 default_down=true unique=true;",
)


class Worker:
    """A worker's map, what is in its zone, and what is on the channel to it."""

    def __init__(self) -> None:
        self.upstreams = UpstreamMap()
        self.judge = Judge(self.upstreams)
        self.zone: list[tuple[int, str, str]] = []
        self.channel: list[tuple[int, list[Verdict]]] = []

    def look(self) -> None:
        """Apply every change that it has not read."""
        for sequence, name, body in self.zone:
            change(self.upstreams, name, body)
            self.upstreams.sequence = sequence
        self.zone.clear()

    def hear(self) -> None:
        """Take one message, as ``workers.worker`` does."""
        sequence, verdicts = self.channel.pop(0)
        if sequence > self.upstreams.sequence:
            self.look()
        self.judge.judge(verdicts)


def change(upstreams: UpstreamMap, name: str, body: str) -> None:
    """Make a change; no body deletes."""
    if body:
        spec = parse_commands(name, body)
        upstreams.replace(spec, resolve_now(spec))
    else:
        upstreams.delete(name)


class Machine:
    """A master that checks and changes, and a worker that hears of both in whatever order."""

    def __init__(self, seed: int, lines: list[MemoryLine]) -> None:
        self.random = Random(seed)
        self.clock = Clock()
        self.lines = lines
        self.worker = Worker()
        self.upstreams = UpstreamMap()
        self.checking = Checking(self.clock, self.tell)
        self.checking.follow(self.upstreams)

    def tell(self, verdicts: list[Verdict]) -> None:
        self.worker.channel.append((self.upstreams.sequence, verdicts))

    def run(self, steps: int) -> None:
        """So many steps by chance."""
        steps_there_are = (self.change, self.outcome, self.pass_time, self.worker.look, self.hear)
        for step in self.random.choices(steps_there_are, (3, 6, 4, 1, 4), k=steps):
            step()

    def change(self) -> None:
        """An upstream is created, replaced or deleted."""
        ports = self.random.sample((1, 2, 3), self.random.randint(0, 3))
        servers = "".join(f"server 127.0.0.1:{port};" for port in sorted(ports))
        name, body = self.random.choice("ab"), servers and servers + self.random.choice(CHECKS)
        change(self.upstreams, name, body)
        self.upstreams.sequence += 1
        self.worker.zone.append((self.upstreams.sequence, name, body))

    def outcome(self) -> None:
        """A check is good, or fails."""
        open_lines = [line for line in self.lines if not line.closed]
        if open_lines:
            line = self.random.choice(open_lines)
            if self.random.random() < 0.5:
                line.accept()
            else:
                line.closed = True
                line.end.refused(errno.ECONNREFUSED)

    def pass_time(self) -> None:
        """What is due is done: at once, in a moment, or a round of checks."""
        self.clock.advance(self.random.choice((0.0, 0.01, 1.0)))

    def hear(self) -> None:
        """The worker takes one message."""
        if self.worker.channel:
            self.worker.hear()

    def end(self) -> dict[tuple[bytes, bytes], tuple[bool, bool]]:
        """When everything has been heard: what worker and master hold of each server, where they differ."""
        self.clock.advance(0)
        while self.worker.channel:
            self.worker.hear()
        self.worker.look()
        found = {(key, address.encode()): down for key, address, down in self.checking.verdicts()}
        self.checking.stop()
        differ = {}
        for group in self.worker.upstreams.groups():
            default = group.spec.check is not None and group.spec.check.default_down
            for peer in group.peers:
                expected = found.get((group.key, peer.name), default)
                if peer.down != expected:
                    differ[group.key, peer.name] = peer.down, expected
        return differ


class OrderTests(SynchronousTestCase):
    """Many histories."""

    def test_any_order(self) -> None:
        """Whatever is changed and found, and in whatever order a worker hears of it."""
        lines: list[MemoryLine] = []

        def wire(polls: Any, end: End) -> MemoryLine:
            lines.append(MemoryLine(end))
            return lines[-1]

        self.patch(module, "Wire", wire)
        self.patch(module, "complain", lambda level, text: None)
        for seed in range(300):
            lines.clear()
            machine = Machine(seed, lines)
            machine.run(80)
            self.assertEqual(machine.end(), {}, f"seed {seed}")
