"""The ledger: what workers share about upstreams' servers, in memory that outlives reloads.

    header      magic (8 bytes), version (4), columns (4), rows (8), crc32 of these (4); at byte 64: columns in use (8)
    directory   from the next page on: which key has which row (``directory``)
    rows        each: digest of its key (16), failures (8), last failure (8), last trial (8), version (8),
                place and size of an area (8 each), and one cell for each column (4)
    areas       on pages of their own, behind all others: tables of sessions (``sessions``)

Each process has a column and adds and takes away in its own cells only, so counting needs no lock; who wants to know
reads a row and adds up.  When a process has ended, however that was, its column is made zero before another gets it.
What several processes write (failures, sessions) they write under locks of the kernel (``fcntl``), which end with
whoever holds them.  The locks are on a file of their own, with nothing in it: a process loses all that it holds on a
file when it closes any descriptor of it, and each mapping has one.

:class:`Ledger` is the master's: it alone gives away rows, areas and columns.  :class:`Column` is a worker's.
``upstream.sharing`` knows what a row stands for.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
from collections.abc import Callable, Container, Iterable
from contextlib import suppress
from typing import Final
from zlib import crc32

from dyups.errors import ZoneDamaged
from dyups.shared.directory import DIGEST, SPARE, Directory, digest_of
from dyups.shared.memory import anonymous_file

MAGIC: Final = b"dyupsled"
VERSION: Final = 1
#: Rows that there may be: memory is taken only for those that are used.
MOST_ROWS: Final = 1 << 18
#: A file is smaller than this.
MOST_BYTES: Final = 1 << 62
#: Seconds that the row of a server which is gone is given to nobody else: by then no process routes by it any more.
QUARANTINE: Final = 60.0
#: What areas begin at a multiple of.
PAGE: Final = mmap.ALLOCATIONGRANULARITY
#: Where in a row failures, version, area and cells stand.
FAULTS, STAMP, AREA, CELLS = DIGEST, 40, 48, 64
_CELL: Final = 4
_IN_USE: Final = 64
_HEADER = struct.Struct("=8sIIQ")
_SUM = struct.Struct("=I")
_AREA = struct.Struct("=QQ")


class Pages:
    """The ledger behind ``fd``, mapped.  Raises ZoneDamaged where there is none."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.map = mmap.mmap(fd, 0)
        self._view = memoryview(self.map)
        header = bytes(self._view[: _HEADER.size])
        magic, version, columns, most = _HEADER.unpack(header)
        self.columns: int = columns
        self.most: int = most
        (checked,) = _SUM.unpack_from(self._view, _HEADER.size)
        if magic != MAGIC or version != VERSION or crc32(header) != checked:
            raise ZoneDamaged("the region is no ledger")
        self.stride: int = stride_of(self.columns)
        self._start: int = PAGE + SPARE * _CELL * self.most
        self.cells = self._view.cast("i")
        self.words = self._view.cast("Q")
        entries = self._view[PAGE : self._start].cast("I")
        self.directory = Directory(entries, self.digest_at)

    def at(self, row: int) -> int:
        """Where a row begins."""
        return self._start + row * self.stride

    def digest_at(self, row: int) -> bytes:
        """The digest in a row."""
        start = self.at(row)
        return bytes(self._view[start : start + DIGEST])

    def find(self, key: bytes) -> int:
        """The row of ``key``; -1 where it has none."""
        return self.directory.find(digest_of(key))

    @property
    def in_use(self) -> int:
        """How many of the columns, from the first on, somebody has, or has had."""
        used: int = self.words[_IN_USE // 8]
        return used

    def total(self, row: int) -> int:
        """What all columns have in a row."""
        first = (self.at(row) + CELLS) // _CELL
        total: int = sum(self.cells[first : first + self.in_use])
        return total

    def area(self, row: int) -> tuple[int, int]:
        """Where the area of a row begins, and its size; 0 where it has none."""
        place, size = _AREA.unpack_from(self._view, self.at(row) + AREA)
        return place, size

    def close(self) -> None:
        """Unmap; the descriptor is the caller's."""
        self.directory.close()
        self.cells.release()
        self.words.release()
        self._view.release()
        self.map.close()


def stride_of(columns: int) -> int:
    """Bytes of a row."""
    return CELLS + -(-columns * _CELL // 8) * 8


class Column(Pages):
    """A worker's side: it counts in ``column``, and locks on ``locks``."""

    def __init__(self, fd: int, locks: int, column: int) -> None:
        super().__init__(fd)
        self.locks = locks
        if not 0 <= column < self.columns:
            raise ZoneDamaged(f"there is no column {column}")
        self.column = column

    def cell(self, row: int) -> int:
        """The place of our cell of a row among ``cells``."""
        return (self.at(row) + CELLS) // _CELL + self.column


class Ledger(Pages):
    """The master's side.  ``columns`` are for processes that run at the same time; ``now`` is a clock in seconds.

    Raises OSError.
    """

    def __init__(self, columns: int, now: Callable[[], float], most: int = MOST_ROWS) -> None:
        start = PAGE + SPARE * _CELL * most
        self._end = -(-(start + most * stride_of(columns)) // PAGE) * PAGE
        fd = anonymous_file("dyups-ledger", self._end)
        header = _HEADER.pack(MAGIC, VERSION, columns, most)
        os.pwrite(fd, header + _SUM.pack(crc32(header)), 0)
        super().__init__(fd)
        self.locks = anonymous_file("dyups-locks")
        """The file that workers lock on."""
        self._now = now
        self._rows = 0
        """Rows that were given away at least once."""
        self._free: list[int] = []
        self._live: set[bytes] = set()
        """Digests of the keys that have rows."""
        self._leaving: dict[bytes, float] = {}
        """Digests of keys that are gone, and since when; their rows stay for a while."""
        self._taken: set[int] = set()
        """Columns that somebody has."""

    # -- rows --------------------------------------------------------------------------------------------------

    def row(self, key: bytes, area: int = 0) -> int:
        """The row of ``key``, given to it now if need be, with an area of that many bytes; -1 where there is none left.

        Raises OSError where there is no memory.
        """
        digest = digest_of(key)
        if digest in self._live:
            return self.directory.find(digest)
        if self._leaving.pop(digest, None) is not None:
            row = self.directory.find(digest)
            self._forget_failures(row)
        else:
            row = self._new(digest, area)
        if row >= 0:
            self._live.add(digest)
        return row

    def _new(self, digest: bytes, area: int) -> int:
        self._collect()
        row = self._unused()
        if row < 0:
            return -1
        start = self.at(row)
        try:
            place = self._new_area(area) if area else 0
        except OSError:
            self._free.append(row)
            raise
        self._view[start : start + self.stride] = bytes(self.stride)
        self._view[start : start + DIGEST] = digest
        _AREA.pack_into(self._view, start + AREA, place, area)
        self.directory.add(digest, row)  # from here on readers find it
        return row

    def _unused(self) -> int:
        """A row that nobody counts in; -1 where there is none.

        In one that is free a request may count yet that has the upstream of long ago, and goes on to another server.
        """
        for place in reversed(range(len(self._free))):
            if not self._busy(self._free[place]):
                return self._free.pop(place)
        if self._rows == self.most:
            return -1
        self._rows += 1
        return self._rows - 1

    def _new_area(self, size: int) -> int:
        """Behind everything: a place is not used twice, for its memory has been given back."""
        place, end = self._end, self._end + -(-size // PAGE) * PAGE
        if end >= MOST_BYTES:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        os.ftruncate(self.fd, end)
        self._end = end
        return place

    def _forget_failures(self, row: int) -> None:
        start = self.at(row)
        self._view[start + FAULTS : start + STAMP] = bytes(STAMP - FAULTS)

    def let_go(self, keys: Iterable[bytes]) -> None:
        """These are gone: the rows stay for requests under way, and then are free."""
        self._leave(map(digest_of, keys))

    def keep_only(self, keys: Iterable[bytes]) -> None:
        """All others are gone."""
        self._leave(self._live - {digest_of(key) for key in keys})

    def _leave(self, digests: Iterable[bytes]) -> None:
        now = self._now()
        for digest in digests:
            if digest in self._live:
                self._live.remove(digest)
                self._leaving[digest] = now

    def _collect(self) -> None:
        """Free the rows that nobody can have any business with."""
        now = self._now()
        for digest, since in [*self._leaving.items()]:
            if now - since < QUARANTINE:
                break  # they stand in the order in which they left
            del self._leaving[digest]
            row = self.directory.find(digest)
            if self._busy(row):
                self._leaving[digest] = now
                continue
            self.directory.remove(digest)
            self._give_back(row)
            self._free.append(row)

    def _busy(self, row: int) -> bool:
        first = (self.at(row) + CELLS) // _CELL
        return any(self.cells[first : first + self.columns])

    def _give_back(self, row: int) -> None:
        """The memory of its area, where the system can take a piece out of a file."""
        place, size = self.area(row)
        advice = getattr(mmap, "MADV_REMOVE", None)
        if size and advice is not None:
            with suppress(OSError), mmap.mmap(self.fd, size, offset=place) as gone:
                gone.madvise(advice)

    # -- columns -----------------------------------------------------------------------------------------------

    @property
    def free(self) -> int:
        """How many columns nobody has."""
        return self.columns - len(self._taken)

    def admit(self) -> int:
        """A column for a process; -1 where all are taken."""
        column = _first_not_in(self._taken, self.columns)
        if column >= 0:
            self._taken.add(column)
            self.words[_IN_USE // 8] = max(self.in_use, column + 1)
        return column

    def dismiss(self, column: int) -> None:
        """Its process has ended: what it had under way is no more."""
        if column not in self._taken:
            return
        self._taken.remove(column)
        if self._rows:
            first = (self.at(0) + CELLS) // _CELL + column
            step = self.stride // _CELL
            nothing = memoryview(bytes(_CELL * self._rows)).cast("i")
            self.cells[first : first + self._rows * step : step] = nothing

    def close(self) -> None:
        """Unmap and close; workers keep what they have mapped."""
        super().close()
        os.close(self.locks)
        os.close(self.fd)


def _first_not_in(taken: Container[int], limit: int) -> int:
    return next((number for number in range(limit) if number not in taken), -1)
