"""Starts worker processes: an exec'ed Python with the descriptors that it needs, and no others.

    0-2   the master's standard streams
    3     the control channel
    4     the shared zone
    5     the snapshot
    6 …   the listening sockets, in the configuration's order; behind them the ledger and its locks, where there is one

``crew`` calls :class:`Spawner`; ``entry`` is the other side.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dyups.upstream.map import UpstreamMap
from dyups.workers.child import Child
from dyups.workers.crew import Crew
from dyups.workers.entry import CONTROL, FIRST_SOCKET, SNAPSHOT, ZONE
from dyups.workers.link import MasterEnd, Once
from dyups.workers.snapshot import Snapshot, write_snapshot

#: A terminal's Ctrl-C goes to all processes: one that is still importing is to end by it, not to print a traceback.
BEGIN = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "from dyups.workers.entry import main; sys.exit(main(sys.argv[1:]))"
)


def _our_own() -> None:
    """No other."""


class Spawner:
    """``sockets`` gives the listening sockets of a child, ``snapshot`` the descriptor of what it begins with.

    ``standard_error`` is the one that the log goes to, which in a daemon is not our own any more; None for our own.
    """

    def __init__(
        self,
        reactor: Any,
        sockets: Callable[[Crew, int], Sequence[socket.socket]],
        snapshot: Callable[[Crew], int],
        standard_error: Callable[[], int | None] = _our_own,
    ) -> None:
        self._reactor = reactor
        self._sockets = sockets
        self._snapshot = snapshot
        self._standard_error = standard_error

    def __call__(self, child: Child, crew: Crew) -> None:
        """Start the process.  Raises OSError."""
        ours, theirs = socket.socketpair()
        with ours, theirs, open(os.devnull, "r+b") as nowhere:
            descriptors = _standard_streams(nowhere.fileno())
            if (log := self._standard_error()) is not None:
                descriptors[2] = log
            descriptors |= {CONTROL: theirs.fileno(), ZONE: crew.zone.fd, SNAPSHOT: self._snapshot(crew)}
            files = [listening.fileno() for listening in self._sockets(crew, child.place)]
            column = crew.columns.get(child.place, -1)
            if crew.ledger is not None and column >= 0:
                files += [crew.ledger.fd, crew.ledger.locks]
            descriptors |= dict(enumerate(files, FIRST_SOCKET))
            process = self._reactor.spawnProcess(
                child,
                sys.executable,
                [sys.executable, "-c", BEGIN, str(child.place), str(os.getpid()), str(column)],
                environment(os.environ, sys.path),
                childFDs=descriptors,
            )
            child.started(process)
            ours.setblocking(False)
            try:
                self._reactor.adoptStreamConnection(ours.fileno(), socket.AF_UNIX, Once(MasterEnd(child)))
            except BaseException:
                process.signalProcess("KILL")
                raise


class Snapshots:
    """Makes the snapshots; workers that start in the same turn of the reactor share one, of the same change."""

    def __init__(self, reactor: Any, upstreams: Callable[[], UpstreamMap]) -> None:
        self._reactor = reactor
        self._upstreams = upstreams
        self._made: dict[tuple[int, int], int] = {}

    def __call__(self, crew: Crew) -> int:
        """The descriptor of what a worker of the crew begins with, until the end of this turn.  Raises OSError."""
        key = id(crew), self._upstreams().sequence
        made = self._made.get(key)
        if made is None:
            if not self._made:
                self._reactor.callLater(0, self._forget)
            made = self._made[key] = write_snapshot(self._take(crew))
        return made

    def _take(self, crew: Crew) -> Snapshot:
        upstreams, configuration = self._upstreams(), crew.configuration
        return Snapshot(
            tree=configuration.tree,
            prefix=configuration.prefix,
            error_log=configuration.error_log,
            reactor=type(self._reactor).__module__,
            sequence=upstreams.sequence,
            upstreams=tuple(upstreams.addressed()),
            constants=dict(crew.constants),
            certificates=configuration.certificates,
            identity=configuration.serve_as.identity,
        )

    def _forget(self) -> None:
        made, self._made = self._made, {}
        for handle in made.values():
            os.close(handle)


def _standard_streams(nowhere: int) -> dict[int, int]:
    """Ours, where they are open: a start with standard error closed is no reason to hand on some other file."""
    return {number: number if _is_stream(stream, number) else nowhere for number, stream in _streams()}


def _streams() -> list[tuple[int, Any]]:
    return [(0, sys.__stdin__), (1, sys.__stdout__), (2, sys.__stderr__)]


def _is_stream(stream: Any, number: int) -> bool:
    try:
        return stream is not None and bool(stream.fileno() == number)
    except (OSError, ValueError):
        return False


def environment(ours: Mapping[str, str], path: Sequence[str]) -> dict[str, str]:
    """Our environment, and the places where we found our modules: the worker is to find the very same."""
    places = [os.path.abspath(place) for place in path if place]
    return {**ours, "PYTHONPATH": os.pathsep.join(places), "PYTHONSAFEPATH": "1"}
