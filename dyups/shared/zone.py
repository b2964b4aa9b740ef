"""The shared zone (``dyups_shm_zone_size``): header, slots and ring in one region of memory.

    header   magic (8 bytes), version (4), number of slots (4), capacity of the ring (8), crc32 of these (4), zeros
    words    at byte 64: the place where the next record goes (8), the last sequence number (8)
    slots    at byte 128: one for each reader
    ring     behind the slots

:class:`Zone` is the master's: it writes records, and decides by what the readers say of themselves how much room there
is.  :class:`ZoneReader` is a worker's: it reads records from its own place, and writes its own slot and nothing else.
A word is written by one machine instruction, so nobody sees half of one.
"""

from __future__ import annotations

import mmap
import os
import struct
from typing import Final
from zlib import crc32

from dyups.errors import ZoneDamaged, ZoneFull
from dyups.shared import slots
from dyups.shared.log import Record, Ring, aligned, size_of
from dyups.shared.memory import anonymous_file
from dyups.shared.slots import Reader

MAGIC: Final = b"dyupszon"
VERSION: Final = 1
MIN_CAPACITY: Final = 4096
MAX_CAPACITY: Final = 1 << 40
MAX_SLOTS: Final = 65536
_HEADER = struct.Struct("=8sIIQ")
_SUM = struct.Struct("=I")
_WORDS: Final = 64
_SLOTS: Final = 128
_END, _SEQUENCE = 0, 1
#: How often a record that does not check is read again: on some processors the word that tells of it comes first.
_TRIES: Final = 3


class _Region:
    """The parts of a zone, mapped."""

    __slots__ = ("_map", "_view", "ring", "slots", "words")

    def __init__(self, fd: int) -> None:
        self._map = mmap.mmap(fd, 0)
        self._view = memoryview(self._map)
        try:
            count, capacity = _read_header(self._view)
        except ZoneDamaged:
            self._view.release()
            self._map.close()
            raise
        start = _SLOTS + count * slots.SIZE
        self.words = self._view[_WORDS : _WORDS + 16].cast("Q")
        self.slots = self._view[_SLOTS:start]
        self.ring = Ring(self._view[start : start + capacity])

    def close(self) -> None:
        self.ring.close()
        self.slots.release()
        self.words.release()
        self._view.release()
        self._map.close()


def _read_header(view: memoryview) -> tuple[int, int]:
    """The number of slots and the capacity.  Raises ZoneDamaged for what is no zone of this version."""
    if len(view) < _SLOTS:
        raise ZoneDamaged("the region is too small for a zone")
    header = bytes(view[: _HEADER.size])
    magic, version, count, capacity = _HEADER.unpack(header)
    (checked,) = _SUM.unpack_from(view, _HEADER.size)
    if magic != MAGIC or crc32(header) != checked:
        raise ZoneDamaged("the region is no zone")
    if version != VERSION:
        raise ZoneDamaged(f"zone of version {version} is not known")
    if _SLOTS + count * slots.SIZE + capacity > len(view) or capacity < MIN_CAPACITY or capacity % 8:
        raise ZoneDamaged("the zone is larger than its region")
    return count, capacity


class Zone:
    """The writer's side.  ``fd`` is what readers inherit; ``size`` is the room for records, in bytes.

    ``beyond`` bytes of the memory lie behind the zone and are none of its business (``table``).
    """

    __slots__ = ("_readers", "_region", "count", "fd", "place")

    def __init__(self, size: int, count: int, beyond: int = 0) -> None:
        """A new zone with ``count`` slots.  Raises OSError, and ValueError for numbers that no zone can have."""
        capacity = max(MIN_CAPACITY, aligned(size))
        if capacity > MAX_CAPACITY or not 0 < count <= MAX_SLOTS:
            raise ValueError("no zone can have this size")
        self.count = count
        self.fd = anonymous_file("dyups-zone", _SLOTS + count * slots.SIZE + capacity + beyond)
        header = _HEADER.pack(MAGIC, VERSION, count, capacity)
        os.pwrite(self.fd, header + _SUM.pack(crc32(header)), 0)
        self._region = _Region(self.fd)
        self.place = 0
        """Where the next record goes; never read back from memory that others can write."""
        self._readers: dict[int, Reader] = {}
        """What each admitted reader last said that could be true."""

    @property
    def capacity(self) -> int:
        """Bytes of the ring."""
        return self._region.ring.capacity

    def admit(self, slot: int, sequence: int, now: float) -> None:
        """A reader that begins here, with a map that has the changes up to ``sequence``.

        Whatever stood in its slot is forgotten; nobody may be running who writes there.
        """
        reader = Reader(0, self.place, sequence, now, 0)
        slots.put(self._region.slots, slot, reader)
        self._readers[slot] = reader

    def dismiss(self, slot: int) -> None:
        """The reader has ended; nobody waits for it any more."""
        self._readers.pop(slot, None)

    def reader(self, slot: int) -> Reader:
        """What the admitted reader in ``slot`` last said of itself that could be true.

        A slot that does not check, or a place outside of what was written, changes nothing here.
        """
        known = self._readers[slot]
        said = slots.get(self._region.slots, slot)
        if said is not None and known.place <= said.place <= self.place and not said.place % 8:
            self._readers[slot] = known = said
        return known

    def fits(self, payload: int) -> bool:
        """Could a payload of that many bytes ever be written?"""
        return size_of(payload) <= self.capacity

    def has_room(self, payload: int) -> bool:
        """Can it be written now?"""
        oldest = min((self.reader(slot).place for slot in self._readers), default=self.place)
        return self.place - oldest + size_of(payload) <= self.capacity

    def write(self, sequence: int, payload: bytes) -> None:
        """Write a record.  Raises ZoneFull where a reader has not read what it would go over."""
        if not self.has_room(len(payload)):
            raise ZoneFull("the shared zone is full")
        words = self._region.words
        self.place = self._region.ring.write(self.place, sequence, payload)
        words[_SEQUENCE] = sequence
        words[_END] = self.place  # from here on readers see the record

    def close(self) -> None:
        """Unmap and close; readers keep what they have mapped."""
        self._region.close()
        os.close(self.fd)


class ZoneReader:
    """A reader's side, on the slot that it was admitted to.  Raises ZoneDamaged where ``fd`` is no zone."""

    __slots__ = ("_place", "_region", "_slot", "fd")

    def __init__(self, fd: int, slot: int) -> None:
        self._region = _Region(fd)
        self._slot = slot
        begin = None
        if slot * slots.SIZE < len(self._region.slots):
            begin = slots.get(self._region.slots, slot)
        if begin is None:
            self._region.close()
            raise ZoneDamaged(f"there is no slot {slot} to begin with")
        self._place = begin.place
        self.fd = os.dup(fd)
        """The memory, for whoever has to do with what lies behind the zone."""

    @property
    def slot(self) -> int:
        """Which of the workers' slots is ours."""
        return self._slot

    @property
    def place(self) -> int:
        """How far was read."""
        return self._place

    def next(self) -> Record | None:
        """The next record; None where there is none yet.

        Raises ZoneDamaged where what stands there cannot be a record: this reader has lost its place and cannot go on.
        """
        if self._place == self._region.words[_END]:
            return None
        record = self._read()
        self._place = record.end
        return record

    def _read(self) -> Record:
        for _ in range(_TRIES - 1):
            try:
                return self._region.ring.read(self._place, self._region.words[_END])
            except ZoneDamaged:
                continue
        return self._region.ring.read(self._place, self._region.words[_END])

    def tell(self, pid: int, sequence: int, digest: int, now: float) -> None:
        """Write the slot: the records up to here have been applied, and we are alive."""
        slots.put(self._region.slots, self._slot, Reader(pid, self._place, sequence, now, digest))

    def close(self) -> None:
        """Unmap."""
        self._region.close()
        os.close(self.fd)
