"""Workload (f): keep-alive connections that have had one request each and then do nothing, beside load.

Reported: what a connection costs in resident memory of the proxy (the kernel's part is not in it, for any subject),
and what a request of the others costs meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from benchmarks.client import Connection
from benchmarks.contest import Run, Setting, Started, measure
from benchmarks.load import Load, LoadFailed
from benchmarks.subjects import Standing, Subject
from benchmarks.workloads import Workload

_BESIDE = Workload("f", "(f) small GET beside idle connections", Load())


@dataclass(frozen=True)
class IdleRun:
    """One subject in one round."""

    subject: str
    round: int
    connections: int
    bytes_per_connection: float
    beside: Run
    """Load with the idle connections open."""


@dataclass
class IdleOutcome:
    """What became of workload (f)."""

    connections: int
    runs: list[IdleRun]
    left_out: dict[str, str]

    def as_json(self) -> dict[str, object]:
        """For the results file."""
        return asdict(self)


def possible(wanted: int, files: int) -> int:
    """How many connections the limit on open files lets one process hold, with some files for everything else."""
    return max(0, min(wanted, files - 600))


def hold_idle(subjects: Sequence[Subject], setting: Setting) -> IdleOutcome:
    """Every subject in turn, freshly started each round."""
    number = possible(2000 if setting.quick else 10_000, setting.files)
    outcome = IdleOutcome(number, [], {})
    wanted = (Standing.MEASURED,) if setting.quick else (Standing.MEASURED, Standing.RIVAL)
    able = [subject for subject in subjects if subject.standing in wanted]
    for round_number in range(1 if setting.quick else min(setting.rounds, 3)):
        for subject in able:
            if setting.over():
                outcome.left_out[subject.name] = f"time was up in round {round_number + 1}"
                continue
            _one(subject, round_number, number, setting, outcome)
    return outcome


def _one(subject: Subject, round_number: int, number: int, setting: Setting, outcome: IdleOutcome) -> None:
    started = Started(setting, [subject])
    outcome.left_out.update(started.left_out)
    connections: list[Connection] = []
    try:
        for name, (running, place) in started.running.items():
            measure(_BESIDE, name, round_number, running, place, setting)  # so that buffers are there already
            before = running.rss_bytes()
            open_idle(place.ports.proxy, number, connections)
            grown = running.rss_bytes() - before
            beside = measure(_BESIDE, name, round_number, running, place, setting)
            outcome.runs.append(IdleRun(name, round_number, number, round(grown / number, 1), beside))
    except (OSError, LoadFailed) as error:
        outcome.left_out[subject.name] = f"round {round_number + 1} failed after {len(connections)}: {error}"
    finally:
        for connection in connections:
            connection.close()
        started.stop()


def open_idle(port: int, number: int, connections: list[Connection]) -> None:
    """Add ``number`` connections that have had a good answer each; raises OSError."""
    for _ in range(number):
        connection = Connection(port)
        connections.append(connection)
        answer = connection.ask("GET", "/small", "backend")
        if answer.status != 200:
            raise OSError(f"answered {answer.status}")
