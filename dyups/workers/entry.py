"""Where a worker process begins: :func:`main` with PLACE, MASTER and COLUMN, called by what ``spawn`` starts.

Takes what it inherited, installs the reactor that the master has, and runs a :class:`~dyups.workers.worker.Worker`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from twisted.logger import globalLogBeginner

from dyups.metrics.errorlog import ErrorLogObserver, observer_of
from dyups.proxy.plane import complain
from dyups.shared.ledger import Column
from dyups.shared.zone import ZoneReader
from dyups.workers.configuration import Configuration, built
from dyups.workers.early import EarlyEnd
from dyups.workers.privileges import Identity, Refused, become, make_temp_folders
from dyups.workers.snapshot import Snapshot, read_snapshot
from dyups.workers.titles import WORKER, show

CONTROL, ZONE, SNAPSHOT, FIRST_SOCKET = 3, 4, 5, 6
#: ``PR_SET_PDEATHSIG`` of ``<sys/prctl.h>``.
_PARENT_DEATH = 1
#: nginx's exit status of a worker that no other one in its place would do better than.
FATAL = 2
#: What requests make Python load, where the user may not be able to read it any more.
LATE = ("encodings.idna",)


def main(arguments: Sequence[str]) -> int:
    """Serve until told to end; the exit status."""
    early = EarlyEnd()
    early.install()
    place, master, column = (int(argument) for argument in arguments)
    if not die_with(master):
        return 1
    show(WORKER)
    snapshot = read_snapshot(SNAPSHOT)
    os.close(SNAPSHOT)
    configuration = built(snapshot.tree, snapshot.prefix, snapshot.error_log)
    logs = observer_of(configuration.settings)
    globalLogBeginner.beginLoggingTo([logs], redirectStandardIO=False)
    import_module(snapshot.reactor).install()
    try:
        run(place, master, snapshot, configuration, logs, early, column)
    except Refused as refused:
        complain("emerg", str(refused))
        return FATAL
    early.over()
    return 0


def run(
    place: int,
    master: int,
    snapshot: Snapshot,
    configuration: Configuration,
    logs: ErrorLogObserver,
    early: EarlyEnd,
    column: int,
) -> None:
    """Run the reactor with a worker on it."""
    # Not before now: importing the reactor installs one.
    from twisted.internet import reactor as installed

    from dyups.workers.link import Once
    from dyups.workers.worker import Worker

    reactor: Any = installed
    zone = ZoneReader(ZONE, place)
    os.close(ZONE)
    listens = len(configuration.http.listens)
    behind = FIRST_SOCKET + listens
    ledger = None if column < 0 else Column(behind, behind + 1, column)
    sockets = inherited(listens)
    worker = Worker(snapshot, configuration, zone, sockets, logs, reactor, time.monotonic, ledger=ledger)
    # Logs and certificates are open; from here on nothing needs root.
    for problem in make_temp_folders(configuration.settings, snapshot.identity):
        complain("emerg", problem)
    if snapshot.identity is not None and not serve_as(snapshot.identity, master):
        return
    reactor.callWhenRunning(worker.start)
    reactor.adoptStreamConnection(CONTROL, socket.AF_UNIX, Once(worker.link))
    os.close(CONTROL)
    reactor.callWhenRunning(live_on)
    early.hold(reactor)
    reactor.run()


def serve_as(identity: Identity, master: int) -> bool:
    """Give up root; False where the master is gone.  Raises :class:`~dyups.workers.privileges.Refused`."""
    for module in LATE:
        import_module(module)
    become(identity)
    return die_with(master)  # the kernel forgets that when a process changes its user


def inherited(count: int) -> list[socket.socket]:
    """The listening sockets, in the order of the configuration."""
    return [socket.socket(fileno=FIRST_SOCKET + number) for number in range(count)]


def die_with(master: int) -> bool:
    """Have the kernel end this process with the master, for as long as nobody else would notice; False if it is gone.

    A worker holds the listening sockets from its first moment.  Once it reads the control channel, that tells it.
    """
    _set_parent_death_signal(signal.SIGKILL)
    return os.getppid() == master


def live_on() -> None:
    """From here on the control channel tells when the master is gone, and requests under way are finished."""
    _set_parent_death_signal(0)


def _set_parent_death_signal(number: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PARENT_DEATH, int(number), 0, 0, 0)
