"""What the change path tells the workers, and when.

:class:`Publisher` is the seam: ``workers`` has the one that writes to the shared zone, :class:`NoPublisher` is for a
process that is alone.  A notice is a command with the addresses of its host names: the process that makes a change
looks names up, nobody else does, so all have the same.

    bytes 0-3   length of the command, big endian
    then        the command (``control.command``)
    then        host names to lists of literal addresses, JSON
"""

from __future__ import annotations

import json
import struct
from typing import Protocol

from twisted.internet.defer import Deferred, succeed

from dyups.control.command import Command, decode
from dyups.interfaces import Resolved

_HEAD = struct.Struct(">I")


class Publisher(Protocol):
    """Takes changes to everybody who routes by them."""

    def reserve(self, size: int) -> Deferred[None]:
        """Fires when a notice of ``size`` bytes can be published.

        Fails with :class:`~dyups.errors.ChangeFailed`, within a bounded time, where it cannot.  Nothing has happened
        then.  Cancelling it stops the waiting.
        """
        ...

    def publish(self, sequence: int, notice: bytes) -> Deferred[None]:
        """Write the notice at once; fires when everybody routes by the change, and never fails."""
        ...


class NoPublisher:
    """There is nobody else."""

    def reserve(self, size: int) -> Deferred[None]:
        """There is nothing to wait for."""
        return succeed(None)

    def publish(self, sequence: int, notice: bytes) -> Deferred[None]:
        """There is nobody to tell."""
        return succeed(None)


def encode_notice(command: Command, resolved: Resolved) -> bytes:
    """The notice as bytes."""
    encoded = command.encode()
    addresses = json.dumps({name: list(found) for name, found in resolved.items()})
    return _HEAD.pack(len(encoded)) + encoded + addresses.encode()


def decode_notice(data: bytes) -> tuple[Command, Resolved]:
    """Command and addresses.  Raises ValueError for anything that :func:`encode_notice` does not write."""
    if len(data) < _HEAD.size:
        raise ValueError("notice is cut short")
    end = _HEAD.size + _HEAD.unpack_from(data)[0]
    if len(data) < end:
        raise ValueError("notice is cut short")
    resolved: dict[str, tuple[str, ...]] = {}
    addresses = json.loads(data[end:])
    if not isinstance(addresses, dict):
        raise ValueError("notice has no addresses")
    for name, found in addresses.items():
        if not isinstance(found, list) or not all(isinstance(address, str) for address in found):
            raise ValueError(f"notice has no addresses of {name}")
        resolved[name] = tuple(found)
    return decode(data[_HEAD.size : end]), resolved
