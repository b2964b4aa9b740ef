"""Medians, spreads and ratios: how the rounds of a contest become one line of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """The median of some rounds, with the lowest and the highest."""

    median: float
    lowest: float
    highest: float
    rounds: int


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(median(values), min(values), max(values), len(values))


def ratios(subject: Mapping[int, float], reference: Mapping[int, float]) -> Spread | None:
    """``subject`` over ``reference``, each by round: the ratio is taken within a round, where both met the same
    machine, and only then the median.  None where they share no round."""
    found = [value / reference[number] for number, value in subject.items() if reference.get(number)]
    return spread(found) if found else None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of ``values`` that ``share`` (0 to 1) of them do not exceed."""
    ordered = sorted(values)
    place = max(0, -int(-share * len(ordered) // 1) - 1)
    return ordered[min(place, len(ordered) - 1)]
