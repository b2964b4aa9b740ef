"""Results as JSON for machines and as Markdown for people."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.contest import Outcome, Run
from benchmarks.figures import Spread, ratios, spread
from benchmarks.idle import IdleOutcome
from benchmarks.subjects import REFERENCE
from benchmarks.updates import Posts, UpdateOutcome


@dataclass
class Results:
    """Everything a run found out."""

    conditions: dict[str, object]
    versions: dict[str, str]
    left_out: dict[str, str] = field(default_factory=dict)
    """Subjects and workloads that were not measured at all, with the reason."""
    outcomes: list[Outcome] = field(default_factory=list)
    idle: IdleOutcome | None = None
    updates: UpdateOutcome | None = None


@dataclass(frozen=True)
class Line:
    """One subject in one workload, over all rounds."""

    subject: str
    cpu_us: Spread
    to_reference: Spread | None
    p99_to_reference: Spread | None
    per_second: Spread
    p50_ms: Spread
    p99_ms: Spread
    errors: int
    rss_mib: float


def lines_of(runs: Sequence[Run]) -> list[Line]:
    """The table of one workload, in the order in which subjects were asked."""
    by_subject: dict[str, list[Run]] = {}
    for run in runs:
        by_subject.setdefault(run.subject, []).append(run)
    reference = by_subject.get(REFERENCE, [])
    return [_line(name, found, reference) for name, found in by_subject.items()]


def _line(name: str, runs: Sequence[Run], reference: Sequence[Run]) -> Line:
    def all_of(read: Callable[[Run], float]) -> Spread:
        return spread([read(run) for run in runs])

    def over(read: Callable[[Run], float]) -> Spread | None:
        return ratios({run.round: read(run) for run in runs}, {run.round: read(run) for run in reference})

    return Line(
        name,
        all_of(lambda run: run.cpu_us_per_request),
        over(lambda run: run.cpu_us_per_request),
        over(lambda run: run.p99_ms),
        all_of(lambda run: run.requests_per_second),
        all_of(lambda run: run.p50_ms),
        all_of(lambda run: run.p99_ms),
        sum(sum(run.errors.values()) for run in runs),
        max(run.rss_mib for run in runs),
    )


# -- JSON --------------------------------------------------------------------------------------------------------


def as_json(results: Results) -> str:
    """All figures, every round."""
    return json.dumps(
        {
            "conditions": results.conditions,
            "versions": results.versions,
            "left_out": results.left_out,
            "workloads": [outcome.as_json() for outcome in results.outcomes],
            "idle": results.idle and results.idle.as_json(),
            "updates": results.updates and results.updates.as_json(),
        },
        indent=1,
    )


# -- Markdown ----------------------------------------------------------------------------------------------------


def as_markdown(results: Results) -> str:
    """Tables with medians over the rounds, lowest and highest in brackets."""
    parts = ["# Benchmark", _facts(results)]
    for outcome in results.outcomes:
        parts.append(f"## {outcome.title}\n\n" + contest_table(outcome))
    if results.idle is not None:
        parts.append(_idle_part(results.idle))
    if results.updates is not None:
        parts.append(_updates_part(results.updates))
    if results.left_out:
        parts.append("## Not measured\n\n" + _listed(results.left_out))
    return "\n\n".join(parts) + "\n"


def _facts(results: Results) -> str:
    facts = {name: str(value) for name, value in results.conditions.items()}
    versions = {f"{name} version": text for name, text in results.versions.items() if text}
    return (
        "Medians over the rounds, with the lowest and the highest in brackets. CPU is user and system time of all\n"
        "processes of the proxy per good answer; ratios are to nginx within the same round.\n\n"
        + _listed({**facts, **versions})
    )


def _listed(items: dict[str, str]) -> str:
    return "\n".join(f"- {name}: {text}" for name, text in items.items())


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, figures to the right."""
    ruled = ["---"] + ["---:"] * (len(heads) - 1)
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, ruled, *rows))


def show(value: Spread | None, digits: int = 2) -> str:
    """``1.05 (1.01-1.10)``; a dash for nothing."""
    if value is None:
        return "-"
    middle = f"{value.median:,.{digits}f}"
    return (
        middle if value.rounds == 1 else f"{middle} ({value.lowest:,.{digits}f}-{value.highest:,.{digits}f})"
    )


def contest_table(outcome: Outcome) -> str:
    """One workload."""
    heads = (
        "",
        "CPU µs/request",
        "CPU to nginx",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "p99 to nginx",
        "errors",
        "RSS MiB",
    )
    rows = [
        (
            line.subject,
            show(line.cpu_us, 1),
            show(line.to_reference),
            show(line.per_second, 0),
            show(line.p50_ms),
            show(line.p99_ms),
            show(line.p99_to_reference),
            str(line.errors),
            f"{line.rss_mib:.1f}",
        )
        for line in lines_of(outcome.runs)
    ]
    text = table(heads, rows)
    text += f"\n\nCores kept busy by others meanwhile, at most: {_others(outcome.runs):.2f}."
    if outcome.left_out:
        text += "\n\nLeft out:\n\n" + _listed(outcome.left_out)
    return text


def _others(runs: Sequence[Run]) -> float:
    return max((run.others for run in runs), default=0.0)


def _idle_part(idle: IdleOutcome) -> str:
    by_subject: dict[str, list[float]] = {}
    for run in idle.runs:
        by_subject.setdefault(run.subject, []).append(run.bytes_per_connection / 1024)
    beside = {line.subject: line for line in lines_of([run.beside for run in idle.runs])}
    rows = [
        (
            name,
            show(spread(found)),
            show(beside[name].cpu_us, 1),
            show(beside[name].to_reference),
            str(beside[name].errors),
        )
        for name, found in by_subject.items()
    ]
    heads = ("", "KiB/connection", "CPU µs/request beside", "to nginx", "errors")
    text = f"## (f) {idle.connections:,} idle connections\n\n" + table(heads, rows)
    return text + ("\n\nLeft out:\n\n" + _listed(idle.left_out) if idle.left_out else "")


def _updates_part(updates: UpdateOutcome) -> str:
    rows = [
        (
            f"{size.upstreams:,}",
            f"{size.start_seconds:.2f}",
            f"{size.restart_seconds:.2f}",
            f"{size.rss_mib:.1f}",
            f"{size.worker_rss_mib:.1f}",
            f"{size.posts.p50_ms:.2f}",
            f"{size.posts.p99_ms:.2f}",
            f"{size.posts.per_second:,.0f}",
            str(size.posts.failed),
        )
        for size in updates.sizes
    ]
    heads = (
        "upstreams",
        "start s",
        "restart s",
        "RSS MiB",
        "of a worker",
        "POST p50 ms",
        "p99 ms",
        "POST/s",
        "failed",
    )
    text = "## (h) changes, every one on disk when it is answered\n\n" + table(heads, rows)
    if updates.bytes_per_upstream is not None:
        text += f"\n\nMemory of a worker per upstream of two servers: {updates.bytes_per_upstream / 1024:.2f} KiB."
    if updates.changing:
        text += "\n\n" + _under_load(updates)
    return text + ("\n\nLeft out:\n\n" + _listed(updates.left_out) if updates.left_out else "")


def _under_load(updates: UpdateOutcome) -> str:
    heads = (
        "",
        "CPU µs/request",
        "requests/s",
        "p99 ms",
        "failed requests",
        "changes/s",
        "POST p99 ms",
        "failed POSTs",
    )
    calm, changing = lines_of(updates.calm)[0], lines_of(updates.changing)[0]
    posts: list[Posts] = updates.posts_under_load
    rows = [
        (
            "no changes",
            show(calm.cpu_us, 1),
            show(calm.per_second, 0),
            show(calm.p99_ms),
            str(calm.errors),
            "-",
            "-",
            "-",
        ),
        (
            "changes",
            show(changing.cpu_us, 1),
            show(changing.per_second, 0),
            show(changing.p99_ms),
            str(changing.errors),
            show(spread([post.per_second for post in posts]), 0),
            show(spread([post.p99_ms for post in posts])),
            str(sum(post.failed for post in posts)),
        ),
    ]
    return "## (i) load while upstreams change\n\n" + table(heads, rows)


def write(results: Results, folder: Path) -> list[Path]:
    """``results.json`` and ``results.md`` in ``folder``; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    data, text = folder / "results.json", folder / "results.md"
    data.write_text(as_json(results))
    text.write_text(as_markdown(results))
    return [data, text]
