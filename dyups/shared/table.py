"""A table of numbers by key that all workers of a crew share: what limits count.

It lies behind the zone of the crew, in the same memory (or in memory of its own, where there is one process).  A key
is kept as a digest, in one of the eight slots of its bucket; where they are full, the one that was used longest ago
makes room, as in nginx's zones the oldest states do.  A bucket is locked in the kernel (``fcntl``) while it is read
and written, which a worker's death ends: it takes two system calls, and whoever has no limits never comes here.

    bucket   8 slots
    slot     digest of the key (16 bytes), time of the last use (8), two numbers (8 each), zeros
"""

from __future__ import annotations

import mmap
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_UN, lockf
from hashlib import blake2b
from typing import Final

from dyups.shared.memory import anonymous_file

_SLOT = struct.Struct("=16sddq")
SLOT: Final = 64
SLOTS: Final = 8
BUCKET: Final = SLOT * SLOTS
_DIGEST: Final = 16
#: When a key was last used that was not there.
LONG_AGO: Final = -1e9


class Entry:
    """What stands under one key while its bucket is locked; what is written here stands there afterwards."""

    __slots__ = ("at", "count", "excess", "last")

    def __init__(self, at: int, last: float, excess: float, count: int) -> None:
        self.at = at
        self.last = last
        """When it was last used, in seconds on the clock that all workers share."""
        self.excess = excess
        self.count = count


class SharedTable:
    """The table at ``offset`` of the memory behind ``fd``, with room for ``size`` bytes."""

    def __init__(self, fd: int, offset: int, size: int) -> None:
        self._fd = fd
        self._offset = offset
        self._buckets = max(1, size // BUCKET)
        self._memory = mmap.mmap(fd, 0)

    @contextmanager
    def entry(self, key: bytes) -> Iterator[Entry]:
        """The entry of ``key``, made if it is not there, for as long as the block takes: nobody else has it."""
        digest = blake2b(key, digest_size=_DIGEST).digest()
        start = self._offset + int.from_bytes(digest[:8], "little") % self._buckets * BUCKET
        lockf(self._fd, LOCK_EX, BUCKET, start)
        try:
            found = self._find(start, digest)
            yield found
            _SLOT.pack_into(self._memory, found.at, digest, found.last, found.excess, found.count)
        finally:
            lockf(self._fd, LOCK_UN, BUCKET, start)

    def _find(self, start: int, digest: bytes) -> Entry:
        oldest, oldest_use = start, float("inf")
        for at in range(start, start + BUCKET, SLOT):
            known, last, excess, count = _SLOT.unpack_from(self._memory, at)
            if known == digest:
                return Entry(at, last, excess, count)
            # Whoever is counted at this moment goes last.
            use = last + (1e12 if count > 0 else 0.0)
            if use < oldest_use:
                oldest, oldest_use = at, use
        return Entry(oldest, LONG_AGO, 0.0, 0)

    def close(self) -> None:
        """Unmap; the descriptor is the caller's."""
        self._memory.close()


def table_size(wanted: int) -> int:
    """The bytes that a table with room for ``wanted`` bytes takes."""
    return max(1, wanted // BUCKET) * BUCKET


def private_memory(size: int) -> int:
    """The descriptor of memory that nobody else has, for tables of one process."""
    return anonymous_file("dyups-limits", max(size, mmap.PAGESIZE))


def room_behind(fd: int, size: int) -> int:
    """Where the last ``size`` bytes of the memory behind ``fd`` begin."""
    return os.fstat(fd).st_size - size
