"""A master whose workers are the test's own: what the tests of it share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import Listen
from dyups.metrics.errorlog import observer_of
from dyups.workers import child as child_module
from dyups.workers import master as module
from dyups.workers import reloading as reloading_module
from dyups.workers import sockets as sockets_module
from dyups.workers import truth as truth_module
from dyups.workers.child import Child
from dyups.workers.configuration import Source, read_configuration
from dyups.workers.crew import Crew
from dyups.workers.master import MasterProcess
from dyups.workers.notify import Manager
from tests.workers.fakes import FakeLink, FakeProcess, complaints
from tests.workers.test_process import Reactor, without_disk_thread
from tests.workers.test_sockets import FakeSocket

SERVER = "server { listen 127.0.0.1:81; access_log off; location / { dyups_interface; } }"
DUMP = "dyups_upstream_conf conf/up.conf;"
ONE = "upstream one { server 127.0.0.1:1; }"


class FakeSpawner:
    """Starts workers on paper; they follow what is written into their zone when the test says so."""

    made: list[FakeSpawner] = []

    def __init__(self, reactor: Any, sockets: Any, snapshots: Any, standard_error: Any) -> None:
        self.sockets = sockets
        self.links: dict[Child, FakeLink] = {}
        self.processes: dict[Child, FakeProcess] = {}
        self.heard: list[list[Any]] = []
        FakeSpawner.made.append(self)

    def __call__(self, child: Child, crew: Crew) -> None:
        self.heard.append(self.sockets(crew, child.place))
        self.links[child] = FakeLink()
        self.processes[child] = FakeProcess(child, 100 + len(self.processes))
        child.started(self.processes[child])
        child.linked(self.links[child])  # type: ignore[arg-type]


class MasterCase(SynchronousTestCase):
    """A master whose processes and sockets are made of paper; files are real."""

    def setUp(self) -> None:
        self.prefix = Path(os.path.abspath(self.mktemp()))
        (self.prefix / "conf").mkdir(parents=True)
        self.path = self.prefix / "conf" / "nginx.conf"
        self.reactor = Reactor()
        self.said = complaints(self, module, child_module, reloading_module, truth_module)
        self.opened: list[FakeSocket] = []
        self.told: list[bytes] = []
        self.titles: list[str] = []
        without_disk_thread(self)
        self.patch(FakeSpawner, "made", [])
        self.patch(module, "Spawner", FakeSpawner)
        self.patch(module, "show", self.titles.append)
        self.patch(sockets_module, "open_all", self.open_all)
        self.patch(sockets_module, "close_listener", FakeSocket.close)

    def open_all(self, listens: list[Listen]) -> list[FakeSocket]:
        if listens[0].address.port == 99:  # type: ignore[union-attr]
            raise OSError(13, "Permission denied", str(listens[0].address))
        self.opened.append(FakeSocket(listens[0], len(self.opened)))
        return [self.opened[-1]]

    def configure(self, http: str = SERVER + ONE, main: str = "worker_processes 2;") -> None:
        self.path.write_text(f"{main} events {{ }} http {{ access_log off; {http} }}")

    def made(self, *http: str) -> MasterProcess:
        """A master that runs."""
        self.configure(*http)
        source = Source(str(self.path))
        configuration = read_configuration(source)
        logs = observer_of(configuration.settings)
        self.addCleanup(logs.close)
        manager = Manager(self.told.append, now=lambda: 5_000)
        master = MasterProcess(source, configuration, logs, self.reactor, self.reactor.seconds, manager)
        master.startService()
        self.addCleanup(self.stop, master)
        for call, arguments, keywords in self.reactor.whenRunningHooks:
            call(*arguments, **keywords)
        return master

    def stop(self, master: MasterProcess) -> None:
        if master.running:
            stopped = master.stopService()
            for process in self.running():
                process.end()
            self.successResultOf(stopped)

    def running(self) -> list[FakeProcess]:
        return [process for process in FakeSpawner.made[0].processes.values() if not process.over]

    def serve(self, master: MasterProcess) -> None:
        """Every worker is ready."""
        for crew in master.crews:
            for child in crew.children():
                child.ready(master.truth())

    def said_to(self, process: FakeProcess) -> list[Any]:
        return FakeSpawner.made[0].links[process.child].said

    def acknowledge(self, master: MasterProcess) -> None:
        """Every worker that was rung answers."""
        for link in FakeSpawner.made[0].links.values():
            asked, link.asked = link.asked, []
            for answer in asked:
                answer.callback(master.truth())

    def names(self, master: MasterProcess) -> list[str]:
        return [spec.name for spec in master._truth.upstreams.specs()]

    def levels(self, level: str) -> list[str]:
        return [text for said, text in self.said if said == level]
