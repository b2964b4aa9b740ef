"""MurmurHash2, as nginx and Tengine have it: ``split_clients`` here, ``consistent_hash`` in ``balancing``."""

from __future__ import annotations

from struct import unpack_from

_MASK = 0xFFFFFFFF
_MURMUR = 0x5BD1E995


def murmur2(data: bytes) -> int:
    """MurmurHash2 with seed 0 (``ngx_murmur_hash2``)."""
    size = len(data)
    value = size
    for word in unpack_from(f"<{size // 4}I", data):
        word = word * _MURMUR & _MASK
        value = (value * _MURMUR & _MASK) ^ ((word ^ word >> 24) * _MURMUR & _MASK)
    if size % 4:
        value = (value ^ int.from_bytes(data[size & ~3 :], "little")) * _MURMUR & _MASK
    value = (value ^ value >> 13) * _MURMUR & _MASK
    return value ^ value >> 15
