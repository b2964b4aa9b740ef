"""The answers of one server, counted: by class of status, and by how long they took.

``proxy.relay`` counts where a status page shows it; ``admin.totals`` adds up what all workers have.
"""

from __future__ import annotations

from bisect import bisect_left
from time import monotonic
from typing import Any, Final

#: The upper ends of the histogram, in seconds; what takes longer is in the last cell.
BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Tally:
    """What one server has answered."""

    __slots__ = ("_cells", "_classes", "_seconds")

    def __init__(self) -> None:
        self._classes = [0] * 6
        self._cells = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0

    def note(self, status: int, began: float) -> None:
        """An answer is complete; its request came at ``began`` (seconds, monotonic)."""
        took = monotonic() - began
        self._classes[min(status // 100, 5)] += 1
        self._cells[bisect_left(BOUNDS, took)] += 1
        self._seconds += took

    def facts(self) -> dict[str, Any]:
        """As it stands in a status page."""
        return {
            "responses": {f"{number}xx": self._classes[number] for number in range(1, 6)},
            "latency": {"cells": [*self._cells], "seconds": self._seconds},
        }
