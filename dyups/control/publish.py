"""What the change path tells the workers, and when.

:class:`Publisher` is the seam: ``workers`` has the one that writes to the shared zone, :class:`NoPublisher` is for a
process that is alone.  A notice is a command with the addresses of its host names: the process that makes a change
looks names up, nobody else does, so all have the same.

    bytes 0-3   length of the command, big endian
    then        the command (``control.command``)
    then        host names to lists of literal addresses, JSON; nothing where there is nothing to be looked up
"""

from __future__ import annotations

import json
import struct
from typing import Protocol

from twisted.internet.defer import Deferred, succeed

from dyups.control.command import Command, decode
from dyups.interfaces import Resolved
from dyups.upstream.places import NOTHING, looked_up

_HEAD = struct.Struct(">I")


class Asker(Protocol):
    """Somebody who hears what became of a change by the way on which he hears that there is one, and behind it.

    So by the time he hears the outcome he routes by the change, and nobody has to wait for him to say so.
    """

    def told(self, sequence: int, at_once: bool) -> Deferred[None] | None:
        """There is a change that he wanted; not ``at_once``, he may hear it together with the outcome.

        Fires when he routes by it, where that has to be waited for after all.
        """
        ...


class Publisher(Protocol):
    """Takes changes to everybody who routes by them."""

    def reserve(self, size: int) -> Deferred[None]:
        """Fires when a notice of ``size`` bytes can be published.

        Fails with :class:`~dyups.errors.ChangeFailed`, within a bounded time, where it cannot.  Nothing has happened
        then.  Cancelling it stops the waiting.
        """
        ...

    def publish(self, sequence: int, notice: bytes, asker: Asker | None = None) -> Deferred[None]:
        """Write the notice at once; fires when everybody but ``asker`` routes by the change, and never fails."""
        ...


class NoPublisher:
    """There is nobody else."""

    def reserve(self, size: int) -> Deferred[None]:
        """There is nothing to wait for."""
        return succeed(None)

    def publish(self, sequence: int, notice: bytes, asker: Asker | None = None) -> Deferred[None]:
        """There is nobody to tell."""
        return succeed(None)


def encode_notice(command: Command, resolved: Resolved) -> bytes:
    """The notice as bytes."""
    encoded = command.encode()
    names = looked_up(resolved)
    addresses = json.dumps({name: list(found) for name, found in names.items()}) if names else ""
    return _HEAD.pack(len(encoded)) + encoded + addresses.encode()


def decode_notice(data: bytes) -> tuple[Command, Resolved]:
    """Command and addresses.  Raises ValueError for anything that :func:`encode_notice` does not write."""
    if len(data) < _HEAD.size:
        raise ValueError("notice is cut short")
    end = _HEAD.size + _HEAD.unpack_from(data)[0]
    if len(data) < end:
        raise ValueError("notice is cut short")
    command = decode(data[_HEAD.size : end])
    if end == len(data):
        return command, NOTHING
    resolved: dict[str, tuple[str, ...]] = {}
    addresses = json.loads(data[end:])
    if not isinstance(addresses, dict):
        raise ValueError("notice has no addresses")
    for name, found in addresses.items():
        if not isinstance(found, list) or not all(isinstance(address, str) for address in found):
            raise ValueError(f"notice has no addresses of {name}")
        resolved[name] = tuple(found)
    return command, resolved
