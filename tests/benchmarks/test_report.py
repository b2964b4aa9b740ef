"""The report: what is measured is shown, what is not is said."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.contest import Outcome, Run
from benchmarks.idle import IdleOutcome, IdleRun
from benchmarks.report import Results, as_json, as_markdown, lines_of
from benchmarks.updates import Posts, SizeRun, UpdateOutcome


def run(subject: str, number: int, cpu: float, errors: dict[str, int] | None = None) -> Run:
    """A measurement of which only processor time and errors matter."""
    return Run(subject, number, 1000, 1.0, cpu / 1000, 1000.0, cpu, 1.0, 2.0, 1.0, errors or {}, 20.0, 0.1)


RUNS = [
    run("dyups", 0, 30.0),
    run("nginx", 0, 20.0),
    run("dyups", 1, 22.0, {"read": 2}),
    run("nginx", 1, 20.0),
]


class LineTests(SynchronousTestCase):
    """Runs to lines of a table."""

    def test_lines(self) -> None:
        """One line per subject, in the order they were asked, the ratio within rounds, errors added up."""
        dyups, nginx = lines_of(RUNS)
        assert dyups.to_reference is not None and nginx.to_reference is not None
        self.assertEqual((dyups.subject, dyups.cpu_us.median, dyups.errors), ("dyups", 26.0, 2))
        self.assertAlmostEqual(dyups.to_reference.median, 1.3)
        self.assertEqual((dyups.to_reference.lowest, dyups.to_reference.highest), (1.1, 1.5))
        self.assertEqual(nginx.to_reference.median, 1.0)

    def test_without_a_reference(self) -> None:
        """Where nginx was not measured there is no ratio, and none is made up."""
        self.assertIsNone(lines_of([run("dyups", 0, 30.0)])[0].to_reference)


class ReportTests(SynchronousTestCase):
    """The whole."""

    def results(self) -> Results:
        """A run that measured one of everything."""
        results = Results({"backend": "nginx"}, {"nginx": "1.22"}, {"Caddy": "caddy is not installed"})
        results.outcomes.append(
            Outcome("a32", "(a) small GET", RUNS, {"HAProxy": "did not start: port in use"})
        )
        results.idle = IdleOutcome(2000, [IdleRun("dyups", 0, 2000, 2048.0, RUNS[0])], {})
        posts = Posts(100, 0, 500.0, 1.5, 3.0)
        sizes = [SizeRun(100, 0.5, 0.6, 90.0, 50.0, posts)]
        results.updates = UpdateOutcome(sizes, 2560.0, [RUNS[0]], [RUNS[2]], [posts], {})
        return results

    def test_markdown(self) -> None:
        """Figures, and the reason for every figure that is missing, are in the text."""
        text = as_markdown(self.results())
        for part in (
            "| dyups | 26.0 (22.0-30.0) | 1.30 (1.10-1.50) |",
            "- HAProxy: did not start: port in use",
            "- Caddy: caddy is not installed",
            "| dyups | 2.00 |",
            "Memory of a worker per upstream of two servers: 2.50 KiB.",
            "| changes | 22.0 |",
        ):
            self.assertIn(part, text)

    def test_json(self) -> None:
        """Every single measurement is in the data."""
        data = json.loads(as_json(self.results()))
        self.assertEqual(
            [r["cpu_us_per_request"] for r in data["workloads"][0]["runs"]], [30.0, 20.0, 22.0, 20.0]
        )
        self.assertEqual(data["updates"]["sizes"][0]["posts"]["p50_ms"], 1.5)

    def test_nothing_measured(self) -> None:
        """A run that could measure nothing still says why."""
        text = as_markdown(Results({}, {}, {"workloads that need load": "wrk is not installed"}))
        self.assertIn("wrk is not installed", text)
