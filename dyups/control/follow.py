"""A worker's side of a change: reads the notices of the shared zone and applies them to its map.

``workers`` calls :meth:`Follower.catch_up` when the doorbell rings, and from time to time anyway.  A notice that does
not read, or a place in the zone that was lost, raises: such a worker has a map that nobody knows, and must not serve.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from dyups.config.upstreams import parse_commands
from dyups.control.command import Command, Update
from dyups.control.publish import decode_notice
from dyups.errors import ConfigError, ZoneDamaged
from dyups.shared.log import Record
from dyups.upstream.map import UpstreamMap


class Notices(Protocol):
    """Where notices come from: ``shared.zone.ZoneReader``."""

    def next(self) -> Record | None:
        """The next one; None where there is none yet.  Raises ZoneDamaged."""
        ...

    def tell(self, pid: int, sequence: int, digest: int, now: float) -> None:
        """Say how far we are, and that we are alive."""
        ...


def _say_nothing(sequence: int, command: Command) -> None:
    """Nobody wants to know."""


class Follower:
    """Keeps ``upstreams`` as the master has them.

    ``pid`` is this process; ``now`` is the machine's monotonic clock, in seconds: the master compares heartbeats by it.
    ``heard`` is called with each change that was applied, and its number.
    """

    def __init__(
        self,
        upstreams: UpstreamMap,
        notices: Notices,
        pid: int,
        now: Callable[[], float],
        heard: Callable[[int, Command], None] = _say_nothing,
    ) -> None:
        self._heard = heard
        self._upstreams = upstreams
        self._notices = notices
        self._pid = pid
        self._now = now

    def catch_up(self) -> None:
        """Apply what is new, and say so; also the heartbeat.

        Raises :class:`~dyups.errors.ZoneDamaged` where the changes cannot be followed any more.
        """
        while (record := self._notices.next()) is not None:
            self._apply(record)
        self._notices.tell(self._pid, self._upstreams.sequence, self._upstreams.digest, self._now())

    def _apply(self, record: Record) -> None:
        upstreams = self._upstreams
        try:
            command, resolved = decode_notice(record.payload)
            if isinstance(command, Update):
                upstreams.replace(parse_commands(command.name, command.body, upstreams.variables), resolved)
            else:
                upstreams.delete(command.name)
        except (ValueError, ConfigError) as error:
            raise ZoneDamaged(f"change {record.sequence} does not read: {error}") from error
        upstreams.sequence = record.sequence
        self._heard(record.sequence, command)
