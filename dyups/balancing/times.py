"""How long a server's answers take: running averages, for ``least_time``.

``proxy.attempt`` and ``proxy.relay`` tell when a request begins, when its head comes and when it ends; ``least_time``
reads.  Times are seconds on the machine's monotonic clock.
"""

from __future__ import annotations

from math import pow

#: What a new measurement counts, against all before it (as TCP smooths round trips, RFC 6298).
SHARE = 0.125


#: Seconds without a new measurement in which what is known counts half: a server that was slow once is tried again.
HALF_LIFE = 10.0


class Average:
    """A running average that loses weight as it ages."""

    __slots__ = ("_at", "_value")

    def __init__(self) -> None:
        self._value = -1.0
        self._at = 0.0

    def add(self, took: float, now: float) -> None:
        """It took so many seconds this time."""
        self._value = took if self._value < 0 else self._value + (took - self._value) * SHARE
        self._at = now

    def read(self, now: float) -> float:
        """The average; -1 before the first measurement."""
        if self._value < 0:
            return -1.0
        return self._value * pow(0.5, (now - self._at) / HALF_LIFE)


class Times:
    """The times of one server, as this worker saw them."""

    __slots__ = ("_begun", "_under_way", "header", "last_byte")

    def __init__(self) -> None:
        self.header = Average()
        self.last_byte = Average()
        self._under_way = 0
        self._begun = 0.0
        """When the requests under way began, added up."""

    def begin(self, now: float) -> None:
        """A request goes out."""
        self._under_way += 1
        self._begun += now

    def head_came(self, began: float, now: float) -> None:
        """The head of the answer to a request that began then has come."""
        self.header.add(now - began, now)

    def end(self, began: float, now: float, whole: bool) -> None:
        """A request that began then is over; its answer is ``whole``, or it has failed."""
        self._under_way -= 1
        self._begun = self._begun - began if self._under_way else 0.0
        if whole:
            self.last_byte.add(now - began, now)

    def waiting(self, now: float) -> float:
        """How long the requests under way have taken so far, on average; 0 where there are none."""
        return now - self._begun / self._under_way if self._under_way else 0.0
