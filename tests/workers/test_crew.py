"""Tests of dyups.workers.crew."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import DyupsSettings, Http, Settings
from dyups.config.parser import Tree
from dyups.shared.ledger import Column, Ledger
from dyups.workers import child as child_module
from dyups.workers import crew as module
from dyups.workers.child import Child, Stage
from dyups.workers.configuration import Configuration
from dyups.workers.crew import Crew, workers_wanted
from dyups.workers.link import State
from tests.workers.fakes import FakeChanges, FakeLink, FakeProcess, complaints

OURS = State(7, 1000)


def configuration(workers: int = 2, zone: int = 1) -> Configuration:
    settings = Settings(
        "/", worker_processes=workers, http=Http(dyups=DyupsSettings(dyups_shm_zone_size=zone))
    )
    return Configuration(Tree(()), "/", None, settings, False)


class CrewCase(SynchronousTestCase):
    """A crew whose processes are made of paper."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.events: list[Any] = []
        self.processes: list[FakeProcess] = []
        self.links: list[FakeLink] = []
        self.refusing = self.half = False
        self.reason: Exception = OSError("too many processes")
        self.said = complaints(self, module, child_module)
        self.crew = self.made()

    def made(self, **options: int) -> Crew:
        master: Any = SimpleNamespace(
            truth=lambda: OURS,
            roster=list,
            checks=dict,
            verdicts=list,
            crew_serves=lambda crew: self.events.append("serves"),
            crew_gone=lambda crew: self.events.append("gone"),
        )
        crew = Crew(
            configuration(**options), {}, master, FakeChanges(), self.spawn, self.clock, self.clock.seconds
        )
        self.addCleanup(crew.close)
        return crew

    def spawn(self, child: Child, crew: Crew) -> None:
        if self.refusing:
            raise self.reason
        process, link = FakeProcess(child, 100 + len(self.processes)), FakeLink()
        self.processes.append(process)
        self.links.append(link)
        child.started(process)
        if self.half:
            raise OSError("too many open files")
        child.linked(link)

    def serve(self) -> None:
        """All of them accept."""
        for child in self.crew.children():
            child.ready(OURS)

    def stages(self) -> list[tuple[int, int, str]]:
        return sorted((child.place, child.pid, child.stage.name) for child in self.crew.children())


class LifeTests(CrewCase):
    """As many workers as wanted, always."""

    def test_start(self) -> None:
        """All places are filled; once all accept, and only the first time, the master hears of it."""
        self.crew.start()
        self.assertEqual(self.stages(), [(0, 100, "STARTING"), (1, 101, "STARTING")])
        first, second = self.crew.children()
        first.ready(OURS)
        self.assertEqual(self.events, [])
        second.ready(OURS)
        self.processes[0].end(9)
        self.clock.advance(0)
        self.serve()
        self.assertEqual(self.events, ["serves"])

    def test_replaced_at_once(self) -> None:
        """A worker that ends is replaced at once, with a fresh place in the zone."""
        self.crew.start()
        self.serve()
        self.crew.zone.write(8, b"x" * 4000)
        self.processes[0].end(9)
        self.clock.advance(0)
        self.assertEqual(self.stages(), [(0, 102, "STARTING"), (1, 101, "ACCEPTING")])
        self.assertEqual(self.crew.reader(0).place, self.crew.zone.place)

    def test_columns(self) -> None:
        """Each worker counts in a column of its own; what one had under way when it ended counts no more."""
        ledger = Ledger(3, self.clock.seconds, 8)
        self.addCleanup(ledger.close)
        self.crew.ledger = ledger
        self.crew.start()
        self.assertEqual(self.crew.columns, {0: 0, 1: 1})
        row = ledger.row(b"server")
        for number in (0, 1):
            column = Column(ledger.fd, ledger.locks, number)
            column.cells[column.cell(row)] = 5 + number
            column.close()
        self.processes[0].end(9)
        self.assertEqual((ledger.total(row), self.crew.columns), (6, {1: 1}))
        self.clock.advance(0)
        self.assertEqual((self.crew.columns, ledger.free), ({0: 0, 1: 1}, 1))
        self.crew.quit(False)
        self.assertEqual(ledger.free, 3)

    def test_slower(self) -> None:
        """One that dies quickly again and again is replaced more and more slowly; the others are not concerned."""
        self.crew.start()
        waits = []
        for _ in range(7):
            next(child for child in self.crew.children() if child.place == 0)
            next(process for process in reversed(self.processes) if process.child.place == 0).end(code=1)
            begun = self.clock.seconds()
            while all(child.place for child in self.crew.children()):
                self.clock.advance(0.25 if waits else 0)
            waits.append(self.clock.seconds() - begun)
        self.assertEqual(waits, [0, 0.25, 0.5, 1, 2, 4, 4])
        self.assertEqual(self.stages()[1], (1, 101, "STARTING"))

    def test_long_life(self) -> None:
        """One that lived for some seconds is replaced at once, however many died before it."""
        self.crew.start()
        self.processes[0].end(code=1)
        self.clock.advance(0)
        self.processes[2].end(code=1)
        self.clock.advance(0.25)
        self.clock.advance(6)
        self.processes[3].end(9)
        self.clock.advance(0)
        self.assertEqual(len(self.processes), 5)

    def test_cannot_be_started(self) -> None:
        """No process to be had: it is tried again, ever more slowly."""
        self.refusing = True
        self.crew.start()
        self.assertEqual(self.stages(), [])
        self.assertEqual(self.said[0], ("alert", "a worker process could not be started: too many processes"))
        self.reason = ValueError("no snapshot can be made")
        self.clock.advance(0)
        self.assertEqual(self.stages(), [])
        self.refusing = False
        self.clock.advance(0.25)
        self.assertEqual(len(self.stages()), 2)

    def test_half_started(self) -> None:
        """A process whose channel could not be had is none; when it ends, its successor stays where it is."""
        self.half = True
        self.crew.start()
        self.half = False
        self.clock.advance(0)
        self.assertEqual(self.stages(), [(0, 102, "STARTING"), (1, 103, "STARTING")])
        self.serve()
        for process in self.processes[:2]:
            process.end(9)
        self.assertEqual(self.stages(), [(0, 102, "ACCEPTING"), (1, 103, "ACCEPTING")])
        self.assertEqual(self.crew.reader(0).place, 0)


class EndTests(CrewCase):
    """The end of a crew."""

    def setUp(self) -> None:
        super().setUp()
        self.crew.start()
        self.serve()

    def test_quit(self) -> None:
        """All are told; none is replaced; the master hears of the last one's end."""
        self.crew.quit(True, 2.0)
        self.assertEqual([link.said[-1] for link in self.links], [("quit", True, 2.0)] * 2)
        self.processes[0].end()
        self.assertEqual(self.events, ["serves"])
        self.processes[1].end()
        self.clock.advance(10)
        self.assertEqual((self.events, self.stages()), (["serves", "gone"], []))

    def test_quit_while_one_is_missing(self) -> None:
        """A place that waits to be filled stays empty."""
        for process in self.processes:
            process.end(9)
        self.crew.quit(False)
        self.clock.advance(10)
        self.assertEqual((self.events, self.stages()), (["serves", "gone"], []))

    def test_reopen(self) -> None:
        """All are told."""
        self.crew.reopen()
        self.assertEqual([link.said[-1] for link in self.links], ["reopen"] * 2)


class ViewTests(CrewCase):
    """What the master sees."""

    def test_ring(self) -> None:
        """Those that accept are rung, but for the one that asked; those that do not yet are not waited for."""
        self.crew.start()
        first, _ = self.crew.children()
        first.ready(OURS)
        heard = self.crew.ring(8)
        self.assertEqual([one.called for one in heard], [False])
        self.assertEqual(self.crew.ring(9, first), [])

    def test_facts(self) -> None:
        """One entry for each, also for those that start."""
        self.crew.start()
        self.assertEqual([facts["state"] for facts in self.crew.facts()], ["starting", "starting"])
        self.assertIn("STARTING", repr(Stage.STARTING))
        self.assertIn("<Child 0", repr(self.crew))
        self.assertEqual(self.crew.roster(), [])

    def test_check(self) -> None:
        """Every worker is looked after."""
        self.crew.start()
        self.clock.advance(61)
        self.crew.check()
        self.assertEqual([process.signals for process in self.processes], [[9], [9]])

    def test_wanted(self) -> None:
        """worker_processes, or one for each processor that we may use."""
        self.patch(module.os, "sched_getaffinity", lambda pid: {0, 2, 5})
        self.assertEqual(workers_wanted(configuration(4)), 4)
        self.assertEqual(workers_wanted(configuration(0)), 3)

    def test_judge(self) -> None:
        """What health checks found goes to every worker that serves."""
        self.crew.start()
        self.serve()
        found = [(b"app", "127.0.0.1:1", True)]
        self.crew.judge(7, found)
        self.assertEqual([link.said[-1] for link in self.links], [("judge", 7, found)] * 2)
        self.assertEqual((self.crew.checks(), self.crew.verdicts()), ({}, []))
