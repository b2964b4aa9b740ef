"""One workload over all subjects: started together, asked in turn, round by round (A B C, A B C, …).

What one round meets of other work on the machine, all subjects of that round meet; so ratios are taken within rounds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.load import LoadFailed, run_wrk
from benchmarks.machine import Cores, free_port
from benchmarks.measure import busy_seconds, cpu_seconds
from benchmarks.nginxconf import NAMES, Ports
from benchmarks.processes import DidNotStart, Running
from benchmarks.subjects import Place, Standing, Subject
from benchmarks.workloads import WORKLOADS, Workload


@dataclass(frozen=True)
class Setting:
    """What all workloads of a run share."""

    folder: Path
    cores: Cores
    backend_port: int
    files: int
    seconds: int
    """How long one measurement takes."""
    rounds: int
    deadline: float
    """On ``time.monotonic()``: nothing new is begun after it."""
    own_pid: int
    quick: bool

    def over(self) -> bool:
        """Is the time for all this spent."""
        return time.monotonic() > self.deadline

    def place(self, name: str, *, by_host: bool = False, interface: bool = False) -> Place:
        """A folder and ports for one start of a subject."""
        folder = self.folder / f"{name.replace(' ', '-')}-{free_port()}"
        folder.mkdir()
        ports = Ports(free_port(), self.backend_port, free_port() if interface else 0)
        return Place(folder, ports, self.files, NAMES if by_host else ())


@dataclass(frozen=True)
class Run:
    """One subject in one round."""

    subject: str
    round: int
    requests: int
    seconds: float
    cpu_seconds: float
    requests_per_second: float
    cpu_us_per_request: float
    p50_ms: float
    p99_ms: float
    megabytes_per_second: float
    errors: dict[str, int]
    rss_mib: float
    others: float
    """Cores that somebody outside this benchmark kept busy meanwhile, on the two that it used."""


@dataclass
class Outcome:
    """What became of one workload."""

    key: str
    title: str
    runs: list[Run]
    left_out: dict[str, str]
    """Subject to reason."""

    def as_json(self) -> dict[str, object]:
        """For the results file."""
        return asdict(self)


class Started:
    """Subjects that run at the same time, each on its own port."""

    def __init__(self, setting: Setting, subjects: Sequence[Subject], *, by_host: bool = False) -> None:
        self.running: dict[str, tuple[Running, Place]] = {}
        self.left_out: dict[str, str] = {}
        for subject in subjects:
            place = setting.place(subject.name, by_host=by_host)
            command = subject.prepare(place)
            running = Running(command.argv, setting.cores.proxy, place.folder, command.environment)
            self.running[subject.name] = (running, place)
        for name, (running, place) in list(self.running.items()):
            self._wait(name, running, place)

    def _wait(self, name: str, running: Running, place: Place) -> None:
        host = place.names[0] if place.names else "backend"
        try:
            running.wait_until_it_answers(place.ports.proxy, "/small", host)
        except DidNotStart as error:
            self.left_out[name] = f"did not start: {error}"
            self.running.pop(name)
            running.stop()

    def stop(self) -> None:
        """End them all."""
        for running, _ in self.running.values():
            running.stop()


def asked(workload: Workload, standing: Standing, *, quick: bool) -> bool:
    """Does a subject of that standing take part."""
    if standing is Standing.MEASURED:
        return True
    if standing is Standing.RIVAL:
        return workload.main or not quick
    return workload is WORKLOADS[0] if quick else workload.main


def choose(
    workload: Workload, subjects: Sequence[Subject], *, quick: bool
) -> tuple[list[Subject], dict[str, str]]:
    """Who takes part in ``workload``, and why the others do not."""
    able: list[Subject] = []
    left_out: dict[str, str] = {}
    for subject in subjects:
        if workload.by_host and not subject.by_host:
            left_out[subject.name] = "not configured for a choice among upstreams by Host"
        elif not asked(workload, subject.standing, quick=quick):
            left_out[subject.name] = f"asked {subject.standing.value}"
        else:
            able.append(subject)
    return able, left_out


def contest(workload: Workload, subjects: Sequence[Subject], setting: Setting) -> Outcome:
    """All rounds of one workload."""
    able, left_out = choose(workload, subjects, quick=setting.quick)
    started = Started(setting, able, by_host=workload.by_host)
    outcome = Outcome(workload.key, workload.title, [], {**left_out, **started.left_out})
    try:
        if workload.by_host:
            _warm_up(workload, started, setting)
        for number in range(setting.rounds):
            for name, (running, place) in started.running.items():
                if setting.over():
                    outcome.left_out[name] = f"time was up in round {number + 1}"
                    continue
                try:
                    outcome.runs.append(measure(workload, name, number, running, place, setting))
                except LoadFailed as error:
                    outcome.left_out[name] = f"round {number + 1} failed: {error}"
    finally:
        started.stop()
    return outcome


def _warm_up(workload: Workload, started: Started, setting: Setting) -> None:
    """Let every upstream get its connections before anything is counted."""
    for _, place in started.running.values():
        run_wrk(workload.load, place.ports.proxy, 1, setting.cores.load, place.folder)


def measure(
    workload: Workload, name: str, number: int, running: Running, place: Place, setting: Setting
) -> Run:
    """One measurement.  Raises :class:`~benchmarks.load.LoadFailed`."""
    cores = (setting.cores.proxy, setting.cores.load) if setting.cores.pinned else None
    began = time.perf_counter()
    busy, ours, cpu = busy_seconds(cores), cpu_seconds(setting.own_pid), running.cpu_seconds()
    result = run_wrk(workload.load, place.ports.proxy, setting.seconds, setting.cores.load, place.folder)
    cpu = running.cpu_seconds() - cpu
    others = (busy_seconds(cores) - busy) - (cpu_seconds(setting.own_pid) - ours)
    elapsed = time.perf_counter() - began
    served = result.served
    if not served:
        raise LoadFailed(f"no good answer at all: {result.errors}")
    return Run(
        subject=name,
        round=number,
        requests=result.served,
        seconds=result.seconds,
        cpu_seconds=round(cpu, 3),
        requests_per_second=round(result.served / result.seconds, 1),
        cpu_us_per_request=round(cpu / served * 1e6, 2),
        p50_ms=round(result.p50 * 1e3, 3),
        p99_ms=round(result.p99 * 1e3, 3),
        megabytes_per_second=round(result.bytes / result.seconds / 1e6, 1),
        errors=result.errors,
        rss_mib=round(running.rss_bytes() / 2**20, 1),
        others=round(max(0.0, others / elapsed), 2),
    )
