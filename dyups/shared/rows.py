"""A worker's hold on rows of a ledger: requests under way, and failures that all workers count together.

A :class:`Head` is an upstream's row, with its lock and a stamp that changes with every failure; a :class:`Row` is a
server's, and belongs to one peer.  ``upstream.peer`` counts on rows, ``upstream.sharing`` makes them and reads the
sums.
"""

from __future__ import annotations

import struct
from fcntl import LOCK_EX, LOCK_UN, lockf
from typing import NamedTuple

from dyups.shared.ledger import CELLS, FAULTS, STAMP, Column

_FAULTS = struct.Struct("=qdd")


class Faults(NamedTuple):
    """The failures of a server; times are seconds on the clock of the processes' deadlines."""

    fails: int
    accessed: float
    """When the last failure was."""
    checked: float
    """When the last failure was, or the trial after it began."""


class Head:
    """An upstream's row: :meth:`lock` is held for a choice that others must not make at the same time.

    A lock does not count: it is not to be taken twice.
    """

    __slots__ = ("_at", "_locks", "_word", "_words")

    def __init__(self, column: Column, row: int) -> None:
        self._locks = column.locks
        self._at = column.at(row)
        self._words = column.words
        self._word = (self._at + STAMP) // 8

    def lock(self) -> None:
        """Wait until no other process has it: it is never held for longer than a choice takes."""
        lockf(self._locks, LOCK_EX, 1, self._at)

    def unlock(self) -> None:
        """Let others have it."""
        lockf(self._locks, LOCK_UN, 1, self._at)

    @property
    def stamp(self) -> int:
        """Another number after each change of a failure."""
        return self._words[self._word]

    def changed(self) -> None:
        """To be called under the lock."""
        self._words[self._word] += 1


class Row:
    """A server's row."""

    __slots__ = ("_at", "_cell", "_cells", "_first", "_map", "head", "held")

    def __init__(self, column: Column, row: int, head: Head) -> None:
        self.head = head
        self.held = 0
        """Requests under way that were counted here."""
        self._map = column.map
        self._at = column.at(row) + FAULTS
        self._first = (column.at(row) + CELLS) // 4
        self._cells = column.cells
        self._cell = column.cell(row)

    def more(self) -> None:
        """One more request is under way."""
        self.held += 1
        self._cells[self._cell] += 1

    def less(self) -> None:
        """One is no more."""
        self.held -= 1
        self._cells[self._cell] -= 1

    def release(self) -> int:
        """Count none of those here any more that were; how many there were."""
        held, self.held = self.held, 0
        self._cells[self._cell] -= held
        return held

    def total(self, columns: int) -> int:
        """How many are, of the first ``columns`` processes."""
        return sum(self._cells[self._first : self._first + columns])

    # -- failures; ``read`` and ``write`` under the lock -----------------------------------------------------------

    def read(self) -> Faults:
        """What all have counted."""
        return Faults._make(_FAULTS.unpack_from(self._map, self._at))

    def write(self, faults: Faults) -> None:
        """Have all of them count so."""
        _FAULTS.pack_into(self._map, self._at, *faults)
        self.head.changed()

    def failed(self, now: float) -> Faults:
        """A failed attempt; what is counted then.  Takes the lock."""
        self.head.lock()
        try:
            fails, accessed, checked = self.read()
            # Clocks are looked at once a second, by each process at its own moment.
            found = Faults(fails + 1, max(accessed, now), max(checked, now))
            self.write(found)
        finally:
            self.head.unlock()
        return found

    def succeeded(self) -> Faults:
        """A good answer, which ends a run of failures if it is newer than the last of them.  Takes the lock."""
        self.head.lock()
        try:
            found = self.read()
            if found.fails and found.accessed < found.checked:
                found = found._replace(fails=0)
                self.write(found)
        finally:
            self.head.unlock()
        return found

    def forgiven(self) -> None:
        """Have it asked again whatever it failed.  Takes the lock."""
        self.head.lock()
        try:
            found = self.read()
            if found.fails:
                self.write(found._replace(fails=0))
        finally:
            self.head.unlock()
