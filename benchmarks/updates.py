"""Workloads (h) and (i): upstreams that change at run time.  No other subject can be asked for that.

(h) starts dyups with many upstreams in its dump file, posts changes one after the other, measures memory, kills the
process as a power cut would and takes the time to the first answer of a new one.  (i) puts load on it while changes
come at a fixed rate.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.client import Connection
from benchmarks.contest import Run, Setting, measure
from benchmarks.figures import percentile
from benchmarks.load import Load
from benchmarks.nginxconf import proxy_conf, upstream_block
from benchmarks.processes import Running
from benchmarks.subjects import Dyups, Place
from benchmarks.workloads import Workload

UPDATES_PER_SECOND = 100
#: Seconds that a start with the most upstreams may take before it counts as failed.
_LONGEST_START = 120.0


@dataclass(frozen=True)
class Posts:
    """Changes that were posted one after the other, or at a rate; milliseconds."""

    number: int
    failed: int
    per_second: float
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class SizeRun:
    """(h) with one number of upstreams present."""

    upstreams: int
    start_seconds: float
    """From the start of the command to the first answer that was forwarded to the last of the upstreams."""
    restart_seconds: float
    """The same after SIGKILL, journal included."""
    rss_mib: float
    """Of all processes together."""
    worker_rss_mib: float
    posts: Posts


@dataclass
class UpdateOutcome:
    """What became of (h) and (i)."""

    sizes: list[SizeRun] = field(default_factory=list)
    bytes_per_upstream: float | None = None
    """Of two servers each: resident memory of a worker with the most over that with the fewest."""
    calm: list[Run] = field(default_factory=list)
    """(i) without changes, for comparison."""
    changing: list[Run] = field(default_factory=list)
    posts_under_load: list[Posts] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """For the results file."""
        return asdict(self)


# -- (h) ---------------------------------------------------------------------------------------------------------


def grow(setting: Setting, outcome: UpdateOutcome) -> None:
    """All sizes, smallest first."""
    sizes = (100, 10_000) if setting.quick else (100, 10_000, 100_000)
    for number in sizes:
        if setting.over():
            outcome.left_out[f"{number} upstreams"] = "time was up"
            continue
        try:
            outcome.sizes.append(_one_size(number, setting))
        except OSError as error:
            outcome.left_out[f"{number} upstreams"] = str(error)
    if len(outcome.sizes) > 1:
        first, last = outcome.sizes[0], outcome.sizes[-1]
        grown = (last.worker_rss_mib - first.worker_rss_mib) * 2**20
        outcome.bytes_per_upstream = round(grown / (last.upstreams - first.upstreams), 1)


def name_of(number: int) -> str:
    """The name of one of the upstreams that are present."""
    return f"up{number}.example"


def write_upstreams(path: Path, number: int, port: int) -> None:
    """A dump file as a start finds it: ``number`` upstreams of two servers each."""
    with path.open("w") as dump:
        for index in range(number):
            dump.write(upstream_block(name_of(index), port, 0, servers=2))


def _config(place: Place, dump: Path) -> Path:
    more = f"    dyups_upstream_conf {dump};\n    include {dump};\n"
    path = place.folder / "nginx.conf"
    path.write_text(proxy_conf(place.folder, place.ports, place.files, more=more))
    return path


@contextmanager
def _serving(place: Place, config: Path, host: str, setting: Setting) -> Iterator[tuple[Running, float]]:
    """dyups on ``config``, with the seconds it took to the first answer."""
    command = Dyups().command(config)
    began = time.perf_counter()
    with Running(command.argv, setting.cores.proxy, place.folder) as running:
        running.wait_until_it_answers(place.ports.proxy, "/small", host, _LONGEST_START)
        yield running, time.perf_counter() - began


def _one_size(number: int, setting: Setting) -> SizeRun:
    place = setting.place("dyups-updates", interface=True)
    dump = place.folder / "upstreams.conf"
    write_upstreams(dump, number, setting.backend_port)
    config = _config(place, dump)
    last = name_of(number - 1)
    with _serving(place, config, last, setting) as (running, start):
        rss = round(running.rss_bytes() / 2**20, 1)
        of_worker = round(running.worker_rss_bytes() / 2**20, 1)
        bodies = bodies_for(number, setting.backend_port, 100 if setting.quick else 1000)
        posts = post_all(place.ports.interface, bodies)
        running.kill()
    with _serving(place, config, last, setting) as (_, restart):
        pass
    return SizeRun(number, round(start, 3), round(restart, 3), rss, of_worker, posts)


def bodies_for(present: int, port: int, number: int) -> list[tuple[str, bytes]]:
    """``number`` changes as (name, body): by turns one of the upstreams present, spread over all, and a new one."""
    changes: list[tuple[str, bytes]] = []
    for index in range(number):
        name = f"new{index}.example" if index % 2 else name_of((index * 7919) % present)
        weight = index % 5 + 1
        body = f"server 127.0.0.1:{port} weight={weight};\nserver 127.0.0.1:{port};\n".encode()
        changes.append((name, body))
    return changes


def post_all(port: int, changes: Sequence[tuple[str, bytes]], per_second: float = 0.0) -> Posts:
    """Post ``changes`` on one connection, as fast as they are answered or ``per_second``; raises OSError."""
    taken: list[float] = []
    failed = 0
    began = time.perf_counter()
    with Connection(port) as connection:
        for index, (name, body) in enumerate(changes):
            if per_second:
                time.sleep(max(0.0, began + index / per_second - time.perf_counter()))
            start = time.perf_counter()
            answer = connection.ask("POST", f"/upstream/{name}", "localhost", body)
            taken.append(time.perf_counter() - start)
            failed += answer.status != 200
    elapsed = time.perf_counter() - began
    return Posts(
        len(taken),
        failed,
        round(len(taken) / elapsed, 1),
        round(percentile(taken, 0.5) * 1e3, 3),
        round(percentile(taken, 0.99) * 1e3, 3),
    )


# -- (i) ---------------------------------------------------------------------------------------------------------

_LOAD = Workload("i", "(i) small GET while upstreams change", Load(host=name_of(0)))


def change_under_load(setting: Setting, outcome: UpdateOutcome) -> None:
    """Rounds of load, without changes and with them by turns; the upstream under load is among those that change."""
    place = setting.place("dyups-changing", interface=True)
    dump = place.folder / "upstreams.conf"
    write_upstreams(dump, 100, setting.backend_port)
    with _serving(place, _config(place, dump), name_of(0), setting) as (running, _):
        for number in range(setting.rounds):
            if setting.over():
                outcome.left_out["i"] = f"time was up in round {number + 1}"
                return
            outcome.calm.append(measure(_LOAD, "dyups", number, running, place, setting))
            posts = _Posting(place.ports.interface, setting)
            outcome.changing.append(measure(_LOAD, "dyups", number, running, place, setting))
            outcome.posts_under_load.append(posts.result())


class _Posting:
    """Changes from a thread of their own, while the load runs."""

    def __init__(self, port: int, setting: Setting) -> None:
        number = max(1, int(UPDATES_PER_SECOND * setting.seconds * 0.9))
        self._changes = bodies_for(100, setting.backend_port, number)
        self._changes[::3] = [(name_of(0), body) for _, body in self._changes[::3]]
        self._port = port
        self._posts: Posts | None = None
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._posts = post_all(self._port, self._changes, UPDATES_PER_SECOND)
        except OSError as error:
            self._error = error

    def result(self) -> Posts:
        """Wait for the last change; raises OSError where one got no answer."""
        self._thread.join(60.0)
        if self._posts is None:
            raise self._error or OSError("changes were not answered within a minute")
        return self._posts
