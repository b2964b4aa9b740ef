"""The ring of records: one process writes, others read, each at its own place.

A place is the number of bytes ever written before it, so it only grows; in the ring it is taken modulo the capacity,
and a record may go over the end to the beginning.

    record    length of the payload (4 bytes), crc32 (4), sequence number (8), payload, zeros up to a multiple of 8

The checksum is over everything else in the record.  Nobody but the writer's caller knows what is still unread:
``zone`` keeps that.
"""

from __future__ import annotations

import struct
from typing import NamedTuple
from zlib import crc32

from dyups.errors import ZoneDamaged

ALIGN = 8
_LENGTH = struct.Struct("=I")
_HEAD = struct.Struct("=IIQ")
HEAD = _HEAD.size


class Record(NamedTuple):
    """One record; ``end`` is the place behind it."""

    sequence: int
    payload: bytes
    end: int


def size_of(payload: int) -> int:
    """Bytes of the ring that a payload of ``payload`` bytes takes."""
    return aligned(HEAD + payload)


def aligned(size: int) -> int:
    """``size`` up to the next multiple of 8."""
    return -(-size // ALIGN) * ALIGN


class Ring:
    """The ring in ``memory``, whose length is its capacity: a multiple of 8."""

    __slots__ = ("_memory", "capacity")

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self.capacity = len(memory)

    def write(self, place: int, sequence: int, payload: bytes) -> int:
        """Put a record at ``place``; the place behind it.  That there is room is the caller's business."""
        length = len(payload)
        checked = _checksum(length, sequence, payload)
        record = _HEAD.pack(length, checked, sequence) + payload
        record += bytes(aligned(len(record)) - len(record))
        start = place % self.capacity
        first = self.capacity - start
        self._memory[start : start + len(record)] = record[:first]
        if len(record) > first:
            self._memory[: len(record) - first] = record[first:]
        return place + len(record)

    def read(self, place: int, end: int) -> Record:
        """The record at ``place``, where ``end`` is how far was written.  Raises ZoneDamaged for anything else."""
        unread = end - place
        if not 0 < unread <= self.capacity or place % ALIGN:
            raise ZoneDamaged(f"a reader at {place} cannot read up to {end}")
        if unread < HEAD:
            raise ZoneDamaged(f"the record at {place} is cut short")
        length, checked, sequence = _HEAD.unpack(self._copy(place, HEAD))
        if size_of(length) > unread:
            raise ZoneDamaged(f"the record at {place} is longer than what was written")
        payload = self._copy(place + HEAD, length)
        if _checksum(length, sequence, payload) != checked:
            raise ZoneDamaged(f"the checksum of the record at {place} differs")
        return Record(sequence, payload, place + size_of(length))

    def _copy(self, place: int, length: int) -> bytes:
        start = place % self.capacity
        piece = bytes(self._memory[start : start + length])
        if len(piece) < length:
            piece += bytes(self._memory[: length - len(piece)])
        return piece

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.release()


def _checksum(length: int, sequence: int, payload: bytes) -> int:
    return crc32(payload, crc32(_HEAD.pack(length, 0, sequence)))
