"""What each reader of a zone says of itself, where the writer can see it.

One slot for each reader, written by nobody else once the reader runs.  Reading a slot while it is being written, or
after its reader was killed in the middle, gives None: the checksum tells.

    slot    crc32 (4 bytes), process id (4), place (8), sequence number (8), heartbeat (8), digest (16), zeros
"""

from __future__ import annotations

import struct
from typing import NamedTuple
from zlib import crc32

SIZE = 64
_SUM = struct.Struct("=I")
_FACTS = struct.Struct("=IQQd16s")
_END = _SUM.size + _FACTS.size
DIGEST_SIZE = 16


class Reader(NamedTuple):
    """A reader of the zone, as it last said."""

    pid: int
    place: int
    """How far it has read."""
    sequence: int
    """The number of the last change that it applied."""
    heartbeat: float
    """When it wrote this, on the machine's monotonic clock, in seconds."""
    digest: int
    """Of its map, 128 bits."""


def put(memory: memoryview, number: int, reader: Reader) -> None:
    """Write the slot ``number`` of ``memory``."""
    facts = _FACTS.pack(
        reader.pid,
        reader.place,
        reader.sequence,
        reader.heartbeat,
        reader.digest.to_bytes(DIGEST_SIZE, "big"),
    )
    start = number * SIZE
    memory[start : start + _END] = _SUM.pack(crc32(facts)) + facts


def get(memory: memoryview, number: int) -> Reader | None:
    """The slot ``number``; None where what stands there does not check."""
    start = number * SIZE
    data = bytes(memory[start : start + _END])
    (checked,) = _SUM.unpack_from(data)
    facts = data[_SUM.size :]
    if crc32(facts) != checked:
        return None
    pid, place, sequence, heartbeat, digest = _FACTS.unpack(facts)
    return Reader(pid, place, sequence, heartbeat, int.from_bytes(digest, "big"))
