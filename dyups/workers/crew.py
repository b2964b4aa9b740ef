"""The workers of one configuration: as many as it says, each in its place, replaced when it ends.

A reload makes a new crew beside the old one; the old one quits once the new one serves.  Each crew has a shared zone of
its own, so both follow the changes meanwhile.  ``child`` is one of them; ``master`` makes crews.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from dyups.control.remote import ChangesFor
from dyups.errors import ConfigError
from dyups.proxy.access.limits import memory_for
from dyups.proxy.plane import complain
from dyups.shared.ledger import Ledger
from dyups.shared.slots import Reader
from dyups.shared.zone import Zone
from dyups.upstream.verdicts import Verdict
from dyups.workers.child import Child, Patience, Stage, patience_for
from dyups.workers.configuration import Configuration
from dyups.workers.link import State

#: A worker that ends sooner than this after its start has died quickly, in seconds.
QUICKLY = 5.0
#: How long its place stays empty after one, two, three … quick deaths in a row, in seconds; then the last.
DELAYS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)


class Spawn(Protocol):
    """Starts the process of a child: ``workers.spawn``."""

    def __call__(self, child: Child, crew: Crew) -> None:
        """The child hears of it through ``started``.  Raises OSError."""
        ...


class Master(Protocol):
    """What a crew needs of the master."""

    def truth(self) -> State:
        """What the master routes by."""
        ...

    def roster(self) -> list[dict[str, Any]]:
        """The facts of every worker."""
        ...

    def totals(self) -> Deferred[list[dict[str, Any]]]:
        """What every worker has counted."""
        ...

    def checks(self) -> dict[str, Any]:
        """What health checks know of every server."""
        ...

    def verdicts(self) -> list[Verdict]:
        """All that health checks found."""
        ...

    def crew_serves(self, crew: Crew) -> None:
        """Every worker of the crew accepts connections."""
        ...

    def crew_gone(self, crew: Crew) -> None:
        """The last worker of a crew that was told to end has ended."""
        ...


def workers_wanted(configuration: Configuration) -> int:
    """``worker_processes``; ``auto`` is one for each processor that we may use."""
    return configuration.settings.worker_processes or len(os.sched_getaffinity(0))


def _zone(size: int, count: int, limits: int) -> Zone:
    try:
        return Zone(size, count, limits)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
    except ValueError as error:
        reason = str(error)
    raise ConfigError(
        f"the shared zone for {count} workers (dyups_shm_zone_size {size}) cannot be made: {reason}"
    )


class Crew:
    """See the module.  ``clock`` gives delays, ``now`` is the machine's monotonic clock.

    Made, its shared zone is there; raises ConfigError where that cannot be.
    """

    def __init__(
        self,
        configuration: Configuration,
        constants: Mapping[str, tuple[str, ...]],
        master: Master,
        changes: ChangesFor,
        spawn: Spawn,
        clock: IReactorTime,
        now: Callable[[], float],
    ) -> None:
        self.configuration = configuration
        self.ledger: Ledger | None = None
        """Where its workers count together; None where each counts alone."""
        self.columns: dict[int, int] = {}
        """The columns of the ledger by the places of workers."""
        self.constants = constants
        """Addresses of names that stand in the configuration outside of upstreams."""
        self.size = workers_wanted(configuration)
        dyups = configuration.http.dyups
        self.zone = _zone(dyups.dyups_shm_zone_size, self.size, memory_for(configuration.http.limit_zones))
        self.patience: Patience = patience_for(dyups.dyups_read_msg_timeout)
        self.current = True
        """No reload has made another map since."""
        self.quitting = False
        self.served = False
        """All of its workers have accepted connections at some moment."""
        self._gone = False
        self._master = master
        self._changes = changes
        self._spawn = spawn
        self._clock = clock
        self._now = now
        self._children: dict[int, Child] = {}
        self._quick_deaths = [0] * self.size
        self._delayed: dict[int, IDelayedCall] = {}

    def __repr__(self) -> str:
        return f"<Crew {[*self.children()]}>"

    def children(self) -> Iterator[Child]:
        """Every process that has not ended."""
        return iter([*self._children.values()])

    def start(self) -> None:
        """Start every worker."""
        for place in range(self.size):
            self._fill(place)

    def _fill(self, place: int) -> None:
        """Start a worker in an empty place."""
        self._delayed.pop(place, None)
        if self.quitting:
            return
        child = Child(place, self, self._changes, self.patience, self._now)
        self.zone.admit(place, self.truth().sequence, self._now())
        self._children[place] = child
        if self.ledger is not None:
            self.columns[place] = self.ledger.admit()
        try:
            self._spawn(child, self)
        except Exception as error:  # whatever it is, the place must not stay empty
            complain("alert", f"a worker process could not be started: {error}")
            child.stage = Stage.GONE
            self.ended(child)

    # -- what children need (child.Home) -----------------------------------------------------------------------

    def truth(self) -> State:
        """What the master routes by."""
        return self._master.truth()

    def comparable(self) -> bool:
        """See :class:`~dyups.workers.child.Home`."""
        return self.current

    def reader(self, place: int) -> Reader:
        """See :class:`~dyups.workers.child.Home`."""
        return self.zone.reader(place)

    def totals(self) -> Deferred[list[dict[str, Any]]]:
        """What every worker has counted."""
        return self._master.totals()

    def roster(self) -> list[dict[str, Any]]:
        """The facts of every worker."""
        return self._master.roster()

    def checks(self) -> dict[str, Any]:
        """What health checks know of every server."""
        return self._master.checks()

    def verdicts(self) -> list[Verdict]:
        """All that health checks found."""
        return self._master.verdicts()

    def accepting(self, child: Child) -> None:
        """Tell the master when all serve for the first time."""
        if self.served or len(self._children) < self.size:
            return
        if all(other.stage is Stage.ACCEPTING for other in self._children.values()):
            self.served = True
            self._master.crew_serves(self)

    def ended(self, child: Child) -> None:
        """Put another in its place, at once, or slower after repeated quick deaths."""
        place = child.place
        if self._children.get(place) is not child:
            return  # its start had failed, and another has the place
        del self._children[place]
        self.zone.dismiss(place)
        if self.ledger is not None:
            self.ledger.dismiss(self.columns.pop(place))
        if self.quitting:
            self._gone_if_empty()
            return
        quick = self._now() - child.began < QUICKLY
        self._quick_deaths[place] = self._quick_deaths[place] + 1 if quick else 0
        delay = DELAYS[min(self._quick_deaths[place], len(DELAYS)) - 1] if quick else 0.0
        self._delayed[place] = self._clock.callLater(delay, self._fill, place)

    # -- what the master does with a crew ----------------------------------------------------------------------

    def ring(self, sequence: int, asker: object = None) -> list[Deferred[None]]:
        """There is a change in the zone; each fires when one worker other than ``asker`` routes by it."""
        rung = [child.ring(sequence) for child in self.children() if child is not asker]
        return [heard for heard in rung if heard is not None]

    def judge(self, sequence: int, verdicts: list[Verdict]) -> None:
        """Tell all of them what health checks found."""
        for child in self.children():
            child.judge(sequence, verdicts)

    def check(self) -> None:
        """See :meth:`Child.check`."""
        for child in self.children():
            child.check()

    def quit(self, graceful: bool, idle: float = 0.0) -> None:
        """Have all of them end, and replace none."""
        self.quitting = True
        for delayed in self._delayed.values():
            delayed.cancel()
        self._delayed.clear()
        for child in self.children():
            child.quit(graceful, idle)
        self._gone_if_empty()

    def _gone_if_empty(self) -> None:
        """Tell the master once that nobody is left."""
        if not self._children and not self._gone:
            self._gone = True
            self._master.crew_gone(self)

    def reopen(self) -> None:
        """Have all of them open their logs anew."""
        for child in self.children():
            child.reopen()

    def facts(self) -> list[dict[str, Any]]:
        """What ``/detail?workers=1`` shows of them."""
        return [child.facts() for child in self.children()]

    def close(self) -> None:
        """Let go of the zone; the last worker has ended."""
        self.zone.close()
