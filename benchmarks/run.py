"""``python -m benchmarks.run``: everything, or what the options choose, within a time limit.

Prints the Markdown report and writes it with JSON and a plot into the output folder.  What cannot be measured on
this machine, and what the time limit cut off, is said in the report.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import backend, plot, report
from benchmarks.contest import Setting, contest
from benchmarks.idle import hold_idle
from benchmarks.load import LoadFailed
from benchmarks.machine import conditions, cores, free_port, raise_file_limit, tool
from benchmarks.report import Results
from benchmarks.subjects import MORE_SUBJECTS, SUBJECTS, Subject
from benchmarks.updates import UpdateOutcome, change_under_load, grow
from benchmarks.workloads import OTHERS, WORKLOADS

_KEYS = [workload.key for workload in WORKLOADS] + list(OTHERS)


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a rough answer within two minutes")
    parser.add_argument("--rounds", type=int, help="rounds per workload [5, quick: 2]")
    parser.add_argument("--seconds", type=int, help="length of one measurement [4, quick: 1]")
    parser.add_argument(
        "--limit", type=float, help="begin nothing new after so many seconds [2400, quick: 105]"
    )
    parser.add_argument("--subjects", help="only these, separated by commas")
    parser.add_argument("--workloads", help=f"only these, separated by commas: {','.join(_KEYS)}")
    parser.add_argument(
        "--output", type=Path, default=Path("benchmarks/results"), help="folder for the results"
    )
    chosen = parser.parse_args(argv)
    chosen.rounds = chosen.rounds or (2 if chosen.quick else 5)
    chosen.seconds = chosen.seconds or (1 if chosen.quick else 4)
    chosen.limit = chosen.limit or (105.0 if chosen.quick else 2400.0)
    unknown = set((chosen.workloads or "").split(",")) - set(_KEYS) - {""}
    if unknown:
        parser.error(f"unknown workloads: {', '.join(sorted(unknown))}")
    return chosen


def choose_subjects(wanted: str | None, left_out: dict[str, str]) -> list[Subject]:
    """Those that were asked for and can run here; the reasons of the others go to ``left_out``."""
    names = None if wanted is None else {name.strip().lower() for name in wanted.split(",")}
    chosen: list[Subject] = []
    for subject in SUBJECTS if names is None else SUBJECTS + MORE_SUBJECTS:
        if names is not None and subject.name.lower() not in names:
            continue
        reason = subject.missing()
        if reason:
            left_out[subject.name] = reason
        else:
            chosen.append(subject)
    return chosen


def say(text: str) -> None:
    """A line about the progress, for who waits."""
    print(text, file=sys.stderr, flush=True)


class Bench:
    """One run of the command."""

    def __init__(self, chosen: argparse.Namespace, setting: Setting, results: Results) -> None:
        self._chosen = chosen
        self._setting = setting
        self._results = results
        self._subjects = choose_subjects(chosen.subjects, results.left_out)
        results.versions.update({subject.name: subject.version() for subject in self._subjects})

    def run(self) -> None:
        """Everything that was asked for, in order; what fails is said and does not stop the rest."""
        if tool("wrk") is None:
            self._results.left_out["workloads that need load"] = "wrk is not installed"
        else:
            self._contests()
        updates = UpdateOutcome()
        has_dyups = any(subject.name == "dyups" for subject in self._subjects)
        if has_dyups:
            self._step("h", lambda: grow(self._setting, updates))
        if tool("wrk") is not None:
            if has_dyups:
                self._step("i", lambda: change_under_load(self._setting, updates))
            self._step("f", self._idle)
        if updates.sizes or updates.changing or updates.left_out:
            self._results.updates = updates

    def _contests(self) -> None:
        for workload in WORKLOADS:

            def measure_it() -> None:
                self._results.outcomes.append(contest(workload, self._subjects, self._setting))  # noqa: B023

            self._step(workload.key, measure_it)

    def _idle(self) -> None:
        self._results.idle = hold_idle(self._subjects, self._setting)

    def _step(self, key: str, work: Callable[[], None]) -> None:
        wanted = self._chosen.workloads
        if wanted is not None and key not in wanted.split(","):
            return
        if self._setting.over():
            self._results.left_out[f"workload {key}"] = "time was up"
            return
        say(f"{key} …")
        try:
            work()
        except (OSError, LoadFailed) as error:
            self._results.left_out[f"workload {key}"] = str(error)


def main(argv: Sequence[str]) -> int:
    """The command; gives its exit status."""
    chosen = arguments(argv)
    where = cores()
    files = raise_file_limit()
    results = Results({"backend": backend.kind(), **conditions(where)}, {})
    results.conditions.update(rounds=chosen.rounds, seconds_each=chosen.seconds)
    if not where.pinned:
        results.left_out["pinning"] = (
            "one core only, or no taskset: proxy, load and backend share what there is"
        )
    deadline = time.monotonic() + chosen.limit
    with tempfile.TemporaryDirectory(prefix="dyups-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # started by root, nginx reads files as another user
        port = free_port()
        with backend.start(folder / "backend", port, where.load, files):
            setting = Setting(
                folder, where, port, files, chosen.seconds, chosen.rounds, deadline, os.getpid(), chosen.quick
            )
            Bench(chosen, setting, results).run()
    results.conditions["load_average_after"] = os.getloadavg()[0]
    return finish(results, chosen.output)


def finish(results: Results, folder: Path) -> int:
    """Write and print what was found out."""
    reason = plot.missing()
    if reason:
        results.left_out["plot"] = reason
    paths = report.write(results, folder)
    if not reason:
        plot.draw(results.outcomes, folder / "results.png")
    print(report.as_markdown(results))
    say(f"written: {', '.join(map(str, paths))}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
