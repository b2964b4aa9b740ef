"""The tables as a picture; needs matplotlib, which the ``bench`` extra brings."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.contest import Outcome
from benchmarks.report import Line, lines_of

#: A subject's bar stops here, with its figure beside it: else the slow ones leave no room for the others.
_HIGHEST = 6.0


def missing() -> str:
    """Why there will be no picture; empty if there will."""
    return (
        "" if find_spec("matplotlib") else "no plot: matplotlib is not installed (pip install 'dyups[bench]')"
    )


def draw(outcomes: Sequence[Outcome], path: Path) -> None:
    """Processor time per request as a ratio to nginx: a group of bars per workload, lines for the spread."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    compared = [(outcome.title, lines_of(outcome.runs)) for outcome in outcomes]
    groups = [(title, lines) for title, lines in compared if any(line.to_reference for line in lines)]
    if not groups:
        return
    figure, axes = pyplot.subplots(len(groups), 1, figsize=(8, 1.9 * len(groups)), squeeze=False)
    for (title, lines), axis in zip(groups, axes[:, 0], strict=True):
        _bars(axis, title, [line for line in lines if line.to_reference is not None])
    figure.suptitle("CPU time per request, nginx = 1 (less is better)")
    figure.tight_layout(rect=(0, 0, 1, 0.985))  # room for the title
    figure.savefig(path)
    pyplot.close(figure)


def _bars(axis: Any, title: str, lines: Sequence[Line]) -> None:
    axis.set_title(title, fontsize=9, loc="left")
    for place, line in enumerate(reversed(lines)):
        ratio = line.to_reference
        assert ratio is not None
        length = min(ratio.median, _HIGHEST)
        axis.barh(place, length, color="#2b6cb0" if line.subject.startswith("dyups") else "#a0aec0")
        axis.plot([min(ratio.lowest, _HIGHEST), min(ratio.highest, _HIGHEST)], [place, place], color="black")
        axis.text(
            max(length, min(ratio.highest, _HIGHEST)) + 0.05,
            place,
            f"{ratio.median:.2f}",
            va="center",
            fontsize=8,
        )
    axis.axvline(1.0, color="black", linewidth=0.8, linestyle=":")
    axis.set_yticks(range(len(lines)), [line.subject for line in reversed(lines)], fontsize=8)
    axis.set_xlim(0, _HIGHEST + 0.6)
