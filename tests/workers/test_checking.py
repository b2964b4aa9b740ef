"""Tests of dyups.workers.checking, and of checks from the master to its workers."""

from __future__ import annotations

import errno
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.upstreams import parse_commands
from dyups.config.written import Written
from dyups.health.checker import LIMITS, Limits
from dyups.health.wire import End
from dyups.upstream.map import UpstreamMap
from dyups.upstream.resolve import resolve_now
from dyups.upstream.verdicts import Verdict
from dyups.workers import checking as module
from dyups.workers.checking import Checking, limits_for
from tests.health.lines import MemoryLine
from tests.workers.fakes import complaints
from tests.workers.masters import ONE, SERVER, FakeSpawner, MasterCase
from tests.workers.test_process import ProcessTestCase, Reactor

CHECK = "check interval=5000 timeout=60000 rise=1 fall=1 default_down=false;"


def lines_of(case: Any) -> list[MemoryLine]:
    """The connections of checks that are made from now on; none is real."""
    lines: list[MemoryLine] = []

    def wire(polls: Any, end: End) -> MemoryLine:
        lines.append(MemoryLine(end))
        return lines[-1]

    case.patch(module, "Wire", wire)
    return lines


class CheckingTests(SynchronousTestCase):
    """The servers of a map are checked as long as they are there."""

    def setUp(self) -> None:
        self.lines = lines_of(self)
        self.said = complaints(self, module)
        self.reactor = Reactor()
        self.told: list[list[Verdict]] = []
        self.checking = Checking(self.reactor, self.told.append)
        self.addCleanup(self.checking.stop)
        self.upstreams = UpstreamMap()

    def post(self, name: str, body: str, upstreams: UpstreamMap | None = None) -> None:
        """A change, or an upstream that was there before."""
        spec = parse_commands(name, body)
        (self.upstreams if upstreams is None else upstreams).replace(spec, resolve_now(spec))

    def follow(self, upstreams: UpstreamMap | None = None) -> None:
        """Follow the map, up to the first checks."""
        self.checking.follow(self.upstreams if upstreams is None else upstreams)
        self.reactor.pump([0.1] * 55)

    def shown(self) -> list[tuple[str, str, str]]:
        """What the page shows: upstream, server, state."""
        return [
            (facts["upstream"], facts["name"], facts["status"]) for facts in self.checking.report()["servers"]
        ]

    def test_start(self) -> None:
        """What is there from the start is checked in the course of an interval; what is not to be checked, is not."""
        self.post("a", f"server 127.0.0.1:1; server 127.0.0.1:2 down; {CHECK}")
        self.post("b", "server 127.0.0.1:3;")
        self.follow()
        self.assertEqual({str(line.address) for line in self.lines}, {"127.0.0.1:1"})
        self.assertEqual(self.shown(), [("a", "127.0.0.1:1", "up")])
        self.assertEqual(self.checking.report()["generation"], 1)

    def test_not_made(self) -> None:
        """Upstreams that nobody has asked for stay as they are written: they have no checks."""
        self.upstreams.keep(Written("plain", "upstream plain {\n    server 127.0.0.1:9;\n}\n"))
        self.post("a", f"server 127.0.0.1:1; {CHECK}")
        self.follow()
        self.assertEqual([group.spec.name for group in self.upstreams.made()], ["a"])
        self.assertEqual(len(self.shown()), 1)

    def test_changes(self) -> None:
        """New servers are checked at once; those of an upstream that is deleted are not checked any more, at once."""
        self.follow()
        self.post("a", f"server 127.0.0.1:1; {CHECK}")
        self.reactor.pump([0.01, 0.01])
        (line,) = self.lines
        line.end.refused(errno.ECONNREFUSED)
        self.reactor.advance(0)
        self.assertEqual(self.told[-1], [(b"a", "127.0.0.1:1", True)])
        self.assertEqual(self.checking.verdicts(), [(b"a", "127.0.0.1:1", True)])
        self.assertEqual(self.said[-1], ("error", "disable check peer: 127.0.0.1:1"))
        self.post("A", f"server 127.0.0.1:1 weight=2; server 127.0.0.1:2; {CHECK}")
        self.assertEqual(self.shown(), [("A", "127.0.0.1:1", "down"), ("A", "127.0.0.1:2", "up")])
        self.upstreams.delete("a")
        self.assertEqual(self.shown(), [])
        self.reactor.pump([1.0] * 12)
        self.assertTrue(all(line.closed for line in self.lines[1:]))
        self.assertEqual(len(self.lines), 1)

    def test_other_settings(self) -> None:
        """A server whose upstream gets other settings of the check is up or down as before."""
        self.follow()
        self.post("a", f"server 127.0.0.1:1; {CHECK}")
        self.reactor.pump([0.01, 0.01])
        self.lines[0].end.refused(errno.ECONNREFUSED)
        self.post("a", "server 127.0.0.1:1; check interval=9000 default_down=false;")
        self.assertEqual(self.shown(), [("a", "127.0.0.1:1", "down")])
        self.post("a", "server 127.0.0.1:1;")
        self.assertEqual(self.shown(), [])

    def test_reload(self) -> None:
        """Another map: what it has too keeps its state, what it has not is gone; the old map is not followed."""
        self.post("a", f"server 127.0.0.1:1; {CHECK}")
        self.post("b", f"server 127.0.0.1:1; {CHECK}")
        self.follow()
        for line in self.lines:
            line.end.refused(errno.ECONNREFUSED)
        new = UpstreamMap()
        self.post("a", f"server 127.0.0.1:1; server 127.0.0.1:2; {CHECK}", new)
        self.follow(new)
        self.post("c", f"server 127.0.0.1:3; {CHECK}")
        self.assertEqual(self.shown(), [("a", "127.0.0.1:1", "down"), ("a", "127.0.0.1:2", "up")])
        self.assertEqual(self.checking.report()["generation"], 2)

    def test_limits(self) -> None:
        """Checks leave open files for others."""
        self.assertEqual(limits_for(1024), Limits(256, 512))
        self.assertEqual(limits_for(1 << 20), LIMITS)
        self.assertEqual(limits_for(1), Limits(1, 1))


class MasterTests(MasterCase):
    """What the master finds reaches its workers."""

    def setUp(self) -> None:
        super().setUp()
        self.lines = lines_of(self)
        complaints(self, module)

    def said_to(self, master: Any) -> list[list[Any]]:
        """What was said to each worker about checks, and when it may accept."""
        links = FakeSpawner.made[0].links.values()
        return [[item for item in link.said if item == "accept" or item[0] == "judge"] for link in links]

    def test_told(self) -> None:
        """A worker is told everything before it accepts, and each turn from then on, with the number of the change."""
        master = self.made(SERVER + ONE.replace("}", CHECK + " }"))
        self.reactor.pump([0.1] * 55)
        self.lines[0].end.refused(errno.ECONNREFUSED)
        self.reactor.advance(0)
        self.assertEqual(self.said_to(master), [[], []])
        self.serve(master)
        down = ("judge", 0, [(b"one", "127.0.0.1:1", True)])
        self.assertEqual(self.said_to(master), [[down, "accept"]] * 2)
        self.reactor.pump([0.1] * 55)
        self.lines[-1].accept()
        self.reactor.advance(0)
        up = ("judge", 0, [(b"one", "127.0.0.1:1", False)])
        self.assertEqual(self.said_to(master), [[down, "accept", up]] * 2)
        self.assertEqual(master.checks()["servers"][0]["status"], "up")

    def test_stopped(self) -> None:
        """A master that stops checks nothing any more."""
        master = self.made(SERVER + ONE.replace("}", CHECK + " }"))
        self.reactor.pump([0.1] * 55)
        self.stop(master)
        self.assertTrue(self.lines[0].closed)


class SingleTests(ProcessTestCase):
    """Without workers, the one process minds what it finds."""

    def test_minded(self) -> None:
        """A server that is found down is not asked."""
        lines = lines_of(self)
        complaints(self, module)
        process = self.started(f"upstream one {{ server 127.0.0.1:1; {CHECK} }}")
        self.reactor.pump([0.1] * 55)
        lines[0].end.refused(errno.ECONNREFUSED)
        self.reactor.advance(0)
        group = process.upstreams.find("one")
        assert group is not None
        self.assertFalse(group.peers[0].up(0.0))
        self.successResultOf(process.stopService())
        count = len(lines)
        self.reactor.pump([1.0] * 12)
        self.assertEqual(len(lines), count)
