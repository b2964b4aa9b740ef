"""The upstreams at start: configuration, then dump, then journal.

Reads and changes nothing, so that a test of the configuration may call it too.  ``workers`` calls :func:`restore`
and puts the result into the map; the journal's commands are decoded by what it hands in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from dyups.config.blocks import no_collection
from dyups.config.model import Http, UpstreamSpec, fold
from dyups.config.upstreams import parse_commands
from dyups.config.variables import NO_VARIABLES
from dyups.config.written import Said
from dyups.errors import ConfigError, JournalDamaged
from dyups.interfaces import VariableTable
from dyups.persist import journal
from dyups.persist.dumpfile import Dump, Origin, read_dump
from dyups.persist.files import Files


class Command(Protocol):
    """One change from the journal: ``control.command`` has them."""

    @property
    def name(self) -> str:
        """The upstream's name."""
        ...


Decode = Callable[[bytes], Command]
"""Bytes of a journal record to a command; one with a ``body`` is an update.  Raises ValueError."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What a start begins with."""

    upstreams: tuple[Said, ...]
    """Every upstream, in order of definition: a replaced one in its place, new ones last."""
    configured: tuple[UpstreamSpec, ...]
    """Those of the configuration outside the dump file: what a dump need not repeat."""
    sequence: int
    """The number of the last change that is in ``upstreams``."""
    replayed: int
    """How many changes came from the journal: a new dump is due where there are any."""
    dump: Dump | None
    """The dump file as it was read; None without one."""
    warnings: tuple[str, ...]
    """What the operator did and may want to hear of."""
    damages: tuple[str, ...] = ()
    """What was lost: parts of the journal that do not read."""


def restore(
    http: Http, decode: Decode, files: Files | None = None, variables: VariableTable = NO_VARIABLES
) -> Restored:
    """Put together what is to be served.

    ``variables`` are those that the map is to have.  Raises :class:`ConfigError` with file and line for a dump that
    nginx would not include.  A journal that does not check is told in ``damages``: what was readable counts.
    """
    with no_collection():
        return _Restoring(http, decode, files or Files(), variables).restored()


@dataclass(slots=True)
class _Restoring:
    """The steps of one :func:`restore`."""

    http: Http
    decode: Decode
    files: Files
    variables: VariableTable
    found: dict[bytes, Said] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    damages: list[str] = field(default_factory=list)
    sequence: int = 0
    replayed: int = 0

    def restored(self) -> Restored:
        path = self.http.dyups.dyups_upstream_conf
        configured = tuple(_outside(self.http.upstreams, path))
        dump = read_dump(self.files, path, self.variables) if path else None
        if dump is None:
            self._add(configured)
        else:
            self._take_dump(dump, configured)
        if path and self.http.dyups.dyups_dump:
            self._replay(path + journal.SUFFIX)
        upstreams = tuple(self.found.values())
        return Restored(
            upstreams,
            configured,
            self.sequence,
            self.replayed,
            dump,
            tuple(self.warnings),
            tuple(self.damages),
        )

    def _add(self, specs: Iterable[Said]) -> None:
        for spec in specs:
            self.found[fold(spec.name)] = spec

    def _take_dump(self, dump: Dump, configured: tuple[UpstreamSpec, ...]) -> None:
        """Configuration with the dump on top; the dump also knows the order, where dyups wrote it."""
        self.sequence = dump.sequence
        present = {fold(spec.name): spec for spec in configured}
        if dump.origin is Origin.FOREIGN:
            self._add(spec for spec in self.http.upstreams if fold(spec.name) not in dump.deleted)
        else:
            self._in_order(dump, present)
        self._add(spec for key, spec in present.items() if key not in self.found and key not in dump.deleted)
        self._add(dump.specs)
        if dump.origin is Origin.EDITED:
            path = self.http.dyups.dyups_upstream_conf
            self.warnings.append(f"{path} was edited since dyups wrote it; the edit is honoured")

    def _in_order(self, dump: Dump, present: dict[bytes, UpstreamSpec]) -> None:
        for entry in dump.entries:
            spec: Said | None = present.get(fold(entry)) if isinstance(entry, str) else entry
            if spec is not None:
                self._add((spec,))

    def _replay(self, path: str) -> None:
        """The journal's changes that are newer than the dump."""
        try:
            found = journal.read(self.files, path)
        except OSError as error:
            raise ConfigError(f'open() "{path}" failed ({error.errno}: {error.strerror})') from error
        for damage in found.damages:
            self._damaged(damage.reason, path, damage.offset)
        for record in found.records:
            if record.sequence > self.sequence:
                self.sequence = record.sequence
                self._redo(record, path)

    def _redo(self, record: journal.Record, path: str) -> None:
        try:
            command = self.decode(record.payload)
            spec = _updated(command, self.variables)
        except (ValueError, ConfigError) as error:
            self._damaged(f"a command does not read: {error}", path, record.start)
            return
        self.replayed += 1
        if spec is not None:
            self.found[fold(spec.name)] = spec
        else:
            self.found.pop(fold(command.name), None)

    def _damaged(self, reason: str, path: str, offset: int) -> None:
        self.damages.append(f"{JournalDamaged(reason, path, offset)}; what was readable is kept")


def _updated(command: Command, variables: VariableTable) -> UpstreamSpec | None:
    """What an update says; None for a delete."""
    body: str | None = getattr(command, "body", None)
    return None if body is None else parse_commands(command.name, body, variables)


def _outside(upstreams: Iterable[UpstreamSpec], path: str) -> Iterable[UpstreamSpec]:
    """Those that do not stand in the dump file, however the configuration came to it."""
    if not path:
        yield from upstreams
        return
    dump = os.path.realpath(path)
    same: dict[str, bool] = {}
    for spec in upstreams:
        file = spec.place.file
        if file not in same:
            same[file] = bool(file) and os.path.realpath(file) == dump
        if not same[file]:
            yield spec
