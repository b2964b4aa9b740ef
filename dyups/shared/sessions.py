"""Sessions and their servers, known to all workers: what ``sticky learn`` has learned.

A table in an area of a ledger.  A session is kept as a digest, in one of the sixteen slots of its bucket; where they
are full, the one that was used longest ago makes room.  There are two slots for each session that the zone is said to
hold, so that this seldom happens before the zone is full.  A bucket is locked in the kernel while it is read and
written, which a worker's death ends.

    bucket   16 slots
    slot     digest of the session (16 bytes), of the server (16), time of the last use (8), zeros
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_UN, lockf
from hashlib import blake2b
from typing import Final

SLOT: Final = 64
SLOTS: Final = 16
BUCKET: Final = SLOT * SLOTS
_SLOT = struct.Struct("=16s16sd")
_NOBODY: Final = bytes(16)


def name_of(server: bytes) -> bytes:
    """What stands for a server in the table: a name may be of any length."""
    return blake2b(server, digest_size=16).digest()


class SharedSessions:
    """The table of ``size`` bytes at ``place`` of the file behind ``fd``; its locks are on ``locks``.

    Raises OSError and ValueError.
    """

    def __init__(self, fd: int, locks: int, place: int, size: int) -> None:
        self._locks = locks
        self._place = place
        self._buckets = max(1, size // BUCKET)
        self._map = mmap.mmap(fd, max(size, BUCKET), offset=place)

    def called(self, server: bytes) -> bytes:
        """What :meth:`find` gives for a server of that name."""
        return name_of(server)

    def find(self, session: bytes, now: float, timeout: float) -> bytes:
        """The server of ``session``, as it is :meth:`called`.

        Empty where the session is not known, or was not used for ``timeout`` seconds.
        """
        digest = name_of(session)
        with self._bucket(digest) as start:
            for at in range(start, start + BUCKET, SLOT):
                known, server, used = _SLOT.unpack_from(self._map, at)
                if known == digest:
                    return server if now - used <= timeout else b""
        return b""

    def note(self, session: bytes, server: bytes, now: float, limit: int) -> None:
        """``server`` has created ``session``.  How many there may be is the size's business, not ``limit``'s."""
        digest = name_of(session)
        with self._bucket(digest) as start:
            oldest, oldest_use = start, float("inf")
            for at in range(start, start + BUCKET, SLOT):
                known, _, used = _SLOT.unpack_from(self._map, at)
                if known == digest:
                    oldest = at
                    break
                if known == _NOBODY:
                    used = float("-inf")
                if used < oldest_use:
                    oldest, oldest_use = at, used
            _SLOT.pack_into(self._map, oldest, digest, name_of(server), now)

    def touch(self, session: bytes, server: bytes, now: float) -> None:
        """``server`` has answered for ``session``: it is the session's from now on, if that is known."""
        digest = name_of(session)
        with self._bucket(digest) as start:
            for at in range(start, start + BUCKET, SLOT):
                if self._map[at : at + 16] == digest:
                    _SLOT.pack_into(self._map, at, digest, name_of(server), now)
                    return

    @contextmanager
    def _bucket(self, digest: bytes) -> Iterator[int]:
        """Where the bucket of a session begins; nobody else has it meanwhile."""
        start = int.from_bytes(digest[:8], "little") % self._buckets * BUCKET
        lockf(self._locks, LOCK_EX, BUCKET, self._place + start)
        try:
            yield start
        finally:
            lockf(self._locks, LOCK_UN, BUCKET, self._place + start)

    def close(self) -> None:
        """Unmap; the descriptor is the caller's."""
        self._map.close()
