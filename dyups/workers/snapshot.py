"""What a new worker begins with, handed over in an inherited file in memory.

Made by the master in the moment in which the worker's place in the shared zone is set, so that nothing is missing
between the two.  It is a pickle: it comes from the process that started this one, through a descriptor that nobody
else has.
"""

from __future__ import annotations

import gc
import pickle
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dyups.config.blocks import no_collection
from dyups.config.model import UpstreamSpec
from dyups.config.parser import Tree
from dyups.config.variables import NO_VARIABLES
from dyups.interfaces import Resolved, VariableTable
from dyups.shared.memory import content, file_with
from dyups.upstream.group import Group
from dyups.upstream.map import UpstreamMap
from dyups.workers.privileges import Identity


class Snapshot(NamedTuple):
    """The master's state as a worker needs it."""

    tree: Tree
    prefix: str
    error_log: str | None
    reactor: str
    """The module that installs the reactor."""
    sequence: int
    upstreams: tuple[tuple[UpstreamSpec, Resolved], ...]
    """Every upstream, in order, with the addresses of its names."""
    constants: Mapping[str, tuple[str, ...]]
    """Host names that stand in the configuration outside of upstreams, with their addresses."""
    certificates: Mapping[str, bytes] = {}
    """What stood in the files that TLS needs when the configuration was read, by path."""
    identity: Identity | None = None
    """Whom the worker becomes."""


def every_upstream(upstreams: UpstreamMap) -> Iterator[tuple[UpstreamSpec, Resolved]]:
    """The map as a worker makes it again."""
    return ((group.spec, resolved_of(group)) for group in upstreams.groups())


def resolved_of(group: Group) -> Resolved:
    """The addresses that the group was made with; an IPv4 address needs no look-up."""
    return group.resolved


def filled(snapshot: Snapshot, variables: VariableTable = NO_VARIABLES) -> UpstreamMap:
    """The map that the snapshot holds; ``variables`` are the master's."""
    upstreams = UpstreamMap(variables)
    with no_collection():
        for spec, resolved in snapshot.upstreams:
            upstreams.replace(spec, resolved)
    upstreams.sequence = snapshot.sequence
    gc.freeze()
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
