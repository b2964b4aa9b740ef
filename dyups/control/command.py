"""The two things that can be done to the upstreams, as values and as bytes.

The bytes are what the journal holds and what travels between processes, so they carry a version and are strict: any
text is decoded to exactly one command, or refused with ValueError.  ``control.change`` makes and encodes commands,
``persist.reload`` is handed :func:`decode`.

    byte 0      version, 1
    byte 1      kind: U update, D delete
    bytes 2-3   length of the name in bytes, big endian
    then        the name in UTF-8, and for an update the body in UTF-8 up to the end
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

VERSION = 1
_HEAD = struct.Struct(">BcH")
_UPDATE = b"U"
_DELETE = b"D"


@dataclass(frozen=True, slots=True)
class Update:
    """Create the upstream ``name``, or replace it whole, by the commands of ``body``."""

    name: str
    body: str

    def encode(self) -> bytes:
        """The command as bytes.  Raises ValueError for a name over 65535 bytes."""
        return _head(_UPDATE, self.name) + self.body.encode()


@dataclass(frozen=True, slots=True)
class Delete:
    """Take the upstream ``name`` away."""

    name: str

    def encode(self) -> bytes:
        """The command as bytes.  Raises ValueError for a name over 65535 bytes."""
        return _head(_DELETE, self.name)


Command = Update | Delete


def decode(data: bytes) -> Command:
    """The command that ``data`` holds.  Raises ValueError for anything that ``encode`` does not write."""
    if len(data) < _HEAD.size:
        raise ValueError("command is cut short")
    version, kind, length = _HEAD.unpack_from(data)
    if version != VERSION:
        raise ValueError(f"command of version {version} is not known")
    end = _HEAD.size + length
    if len(data) < end:
        raise ValueError("command is cut short")
    return _of_kind(kind, data[_HEAD.size : end].decode(), data[end:].decode())


def _of_kind(kind: bytes, name: str, rest: str) -> Command:
    if kind == _UPDATE:
        return Update(name, rest)
    if kind == _DELETE and not rest:
        return Delete(name)
    raise ValueError(f"command of kind {kind!r} is not known")


def _head(kind: bytes, name: str) -> bytes:
    data = name.encode()
    if len(data) > 0xFFFF:
        raise ValueError("name is too long")
    return _HEAD.pack(VERSION, kind, len(data)) + data
