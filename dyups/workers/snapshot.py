"""What a new worker begins with, handed over in an inherited file in memory.

Made by the master in the moment in which the worker's place in the shared zone is set, so that nothing is missing
between the two.  It is a pickle: it comes from the process that started this one, through a descriptor that nobody
else has.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import NamedTuple

from dyups.config.blocks import no_collection
from dyups.config.parser import Tree
from dyups.config.variables import NO_VARIABLES
from dyups.config.written import Said
from dyups.interfaces import Resolved, VariableTable
from dyups.shared.memory import content, file_with
from dyups.upstream.map import UpstreamMap
from dyups.workers.collection import settle
from dyups.workers.privileges import Identity


class Snapshot(NamedTuple):
    """The master's state as a worker needs it."""

    tree: Tree
    prefix: str
    error_log: str | None
    reactor: str
    """The module that installs the reactor."""
    sequence: int
    upstreams: tuple[tuple[Said, Resolved], ...]
    """Every upstream, in order, with the addresses of its names."""
    constants: Mapping[str, tuple[str, ...]]
    """Host names that stand in the configuration outside of upstreams, with their addresses."""
    certificates: Mapping[str, bytes] = {}
    """What stood in the files that TLS needs when the configuration was read, by path."""
    identity: Identity | None = None
    """Whom the worker becomes."""


def filled(snapshot: Snapshot, variables: VariableTable = NO_VARIABLES) -> UpstreamMap:
    """The map that the snapshot holds; ``variables`` are the master's."""
    upstreams = UpstreamMap(variables)
    with no_collection():
        upstreams.fill(snapshot.upstreams, snapshot.sequence)
    settle()
    return upstreams


def write_snapshot(snapshot: Snapshot) -> int:
    """The descriptor of a file that holds it.  Raises OSError."""
    return file_with("dyups-snapshot", pickle.dumps(snapshot, pickle.HIGHEST_PROTOCOL))


def read_snapshot(handle: int) -> Snapshot:
    """What the master wrote to the file."""
    with no_collection():
        snapshot = pickle.loads(content(handle))
    assert isinstance(snapshot, Snapshot)
    return snapshot
