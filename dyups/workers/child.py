"""One worker process, as the master sees it.

    STARTING      the process is there, its map is not yet
    CATCHING_UP   it has a map, which is behind ours
    ACCEPTING     its map equals ours, it serves
    QUITTING      it was told to end, and finishes its requests
    GONE          it has ended

    STARTING -> CATCHING_UP -> ACCEPTING -> QUITTING -> GONE, and from everywhere to GONE

A worker accepts nothing before its sequence number and digest equal the master's.  From then on every change rings it,
and is not acknowledged to its client before the worker has answered, or is gone.  One that cannot follow is killed, for
it must not serve stale routes; ``crew`` puts another in its place.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from dyups.control.condition import Condition
from dyups.control.remote import ChangesFor, Outcome, Served
from dyups.proxy.plane import complain
from dyups.shared.slots import Reader
from dyups.upstream.verdicts import Verdict
from dyups.workers.link import MasterEnd, State


class Stage(Enum):
    """See the module."""

    STARTING = "starting"
    CATCHING_UP = "catching up"
    ACCEPTING = "accepting"
    QUITTING = "quitting"
    GONE = "gone"


class Patience(NamedTuple):
    """How long the master waits for a worker, in seconds."""

    silent: float
    """For an acknowledgement, from a worker whose heartbeat has stopped."""
    slow: float
    """For an acknowledgement, from a worker whose heart beats."""
    starting: float = 60.0
    """From the start of the process until it is ready."""
    stopping: float = 2.0
    """For the end of a process that was told to end at once."""


def patience_for(read_msg_timeout: float) -> Patience:
    """What the documentation promises: ``dyups_read_msg_timeout`` and two seconds; three times that."""
    silent = read_msg_timeout + 2.0
    return Patience(silent, 3 * silent)


class Home(Protocol):
    """What a child needs of the crew that it is in."""

    def truth(self) -> State:
        """What the master routes by."""
        ...

    def comparable(self) -> bool:
        """May digests be compared?  Not any more where a reload has made another map."""
        ...

    def reader(self, place: int) -> Reader:
        """What the worker in that place last said of itself in the shared zone."""
        ...

    def accepting(self, child: Child) -> None:
        """The child serves."""
        ...

    def ended(self, child: Child) -> None:
        """The child has ended."""
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


class Child(ProcessProtocol):
    """One process; ``place`` is its number among its siblings and its slot in the zone, ``now`` the monotonic clock."""

    def __init__(
        self, place: int, home: Home, changes: ChangesFor, patience: Patience, now: Callable[[], float]
    ) -> None:
        self.place = place
        self.stage = Stage.STARTING
        self.pid = 0
        self.began = now()
        self._home = home
        self._served = Served(changes, self)
        self._patience = patience
        self._now = now
        self._process: IProcessTransport | None = None
        self._link: MasterEnd | None = None
        self._doomed = False
        self._asked: int | None = None
        """The sequence number of the acknowledgement that is awaited."""
        self._asked_at = 0.0
        self._waiting: list[tuple[int, Deferred[None]]] = []
        self._told_to_stop: float | None = None

    def __repr__(self) -> str:
        return f"<Child {self.place} pid={self.pid} {self.stage.value}>"

    # -- the process -------------------------------------------------------------------------------------------

    def started(self, process: IProcessTransport) -> None:
        """The process is there."""
        self._process = process
        self.pid = process.pid or 0

    def processEnded(self, reason: Failure) -> None:
        """The process has ended and is reaped: nobody waits for it any more."""
        self._say_how(reason.value)
        self.stage = Stage.GONE
        self._served.forget_all()
        if self._link is not None and self._link.transport is not None:
            self._link.transport.loseConnection()
        self._acknowledge(None)
        self._home.ended(self)

    def _say_how(self, reason: Any) -> None:
        """nginx's words and levels; the end that was asked for is nothing to worry about."""
        number = getattr(reason, "signal", None)
        if number is None:
            code = getattr(reason, "exitCode", 0) or 0
            level = "notice" if not code or self._doomed else "alert"
            complain(level, f"worker process {self.pid} exited with code {code}")
        else:
            expected = self._doomed or self.stage is Stage.QUITTING
            complain(
                "notice" if expected else "alert", f"worker process {self.pid} exited on signal {number}"
            )

    def _kill(self) -> None:
        self._doomed = True
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessExitedAlready):
                self._process.signalProcess(int(number))

    def replace(self, reason: str) -> None:
        """It cannot be trusted to route as the others do: another one shall."""
        if not self._doomed:
            complain("error", f"worker process {self.pid} {reason}; it is replaced")
            self._kill()

    # -- the channel -------------------------------------------------------------------------------------------

    def linked(self, link: MasterEnd) -> None:
        """See :class:`~dyups.workers.link.WorkerSeen`."""
        self._link = link

    def unlinked(self) -> None:
        """The worker has closed the channel, which it does only by ending; it is given a moment for that."""
        self._link = None
        if self._told_to_stop is None:
            self._told_to_stop = self._now()

    def update(self, number: int, name: str, body: str, condition: Condition) -> Deferred[Outcome]:
        """See :class:`~dyups.workers.link.WorkerSeen`."""
        return self._served.update(number, name, body, condition)

    def patch(self, number: int, name: str, commands: str, condition: Condition) -> Deferred[Outcome]:
        """See :class:`~dyups.workers.link.WorkerSeen`."""
        return self._served.patch(number, name, commands, condition)

    def delete(self, number: int, name: str, condition: Condition) -> Deferred[Outcome]:
        """See :class:`~dyups.workers.link.WorkerSeen`."""
        return self._served.delete(number, name, condition)

    def forget(self, number: int) -> None:
        """See :class:`~dyups.workers.link.WorkerSeen`."""
        self._served.forget(number)

    def totals(self) -> Deferred[list[dict[str, Any]]]:
        """See :class:`~dyups.workers.link.WorkerSeen`."""
        return self._home.totals()

    def count(self) -> Deferred[dict[str, Any]] | None:
        """What it has counted; None where it cannot be asked."""
        return None if self._link is None else self._link.count()

    def roster(self) -> list[dict[str, Any]]:
        """See :class:`~dyups.workers.link.WorkerSeen`."""
        return self._home.roster()

    def checks(self) -> dict[str, Any]:
        """See :class:`~dyups.workers.link.WorkerSeen`."""
        return self._home.checks()

    # -- before it serves --------------------------------------------------------------------------------------

    def ready(self, state: State) -> None:
        """It has its map: let it accept, if that is ours."""
        if self.stage not in (Stage.STARTING, Stage.CATCHING_UP) or self._link is None:
            return
        truth = self._home.truth()
        followed = self._asked == truth.sequence
        # A reload has made another map, by which the others of its crew do not go either until they are relieved.
        if state == truth or (followed and not self._home.comparable()):
            self._asked = None
            self.stage = Stage.ACCEPTING
            if verdicts := self._home.verdicts():
                self._link.judge(truth.sequence, verdicts)
            self._link.accept()
            self._home.accepting(self)
        elif followed:
            self.replace(f"has another map ({_shown(state)}, not {_shown(truth)})")
        else:
            self.stage = Stage.CATCHING_UP
            self._asked = truth.sequence
            self._link.apply(truth.sequence).addCallbacks(self.ready, _channel_ended)

    # -- changes -----------------------------------------------------------------------------------------------

    def ring(self, sequence: int) -> Deferred[None] | None:
        """There is a change; fires when the worker routes by it, or routes nothing any more.

        None where nobody has to wait for that: it accepts nothing before it has this change too.
        """
        if self.stage not in (Stage.ACCEPTING, Stage.QUITTING):
            return None
        heard: Deferred[None] = Deferred()
        self._waiting.append((sequence, heard))
        if self._asked is None:
            self._ask(sequence)
        return heard

    def told(self, sequence: int, at_once: bool) -> Deferred[None] | None:
        """See :class:`~dyups.control.publish.Asker`: the outcome follows the doorbell on the same channel."""
        if self._link is None:
            return self.ring(sequence)
        if self.stage not in (Stage.ACCEPTING, Stage.QUITTING):
            self._link.apply(sequence, at_once).addErrback(_channel_ended)  # a script's, as the worker begins
            return None
        if self._asked is not None:
            return self.ring(sequence)
        self._ask(sequence, at_once)
        return None

    def _ask(self, sequence: int, at_once: bool = True) -> None:
        if self._link is None:
            return  # the process is about to end
        self._asked = sequence
        self._asked_at = self._now()
        self._link.apply(sequence, at_once).addCallbacks(self._answered, _channel_ended)

    def _answered(self, state: State) -> None:
        asked, self._asked = self._asked, None
        if asked is not None and state.sequence < asked:
            self.replace(f"is at change {state.sequence}, and was told of {asked}")
            return
        self._compare(state)
        self._acknowledge(state.sequence)
        if self._waiting:
            self._ask(self._waiting[-1][0])

    def _acknowledge(self, sequence: int | None) -> None:
        """Let those go on who wait for changes up to ``sequence``; None for all."""
        waiting, self._waiting = self._waiting, []
        for number, heard in waiting:
            if sequence is None or number <= sequence:
                heard.callback(None)
            else:
                self._waiting.append((number, heard))

    def _compare(self, state: State) -> None:
        truth = self._home.truth()
        if state.sequence == truth.sequence and state != truth and self._home.comparable():
            self.replace(f"has drifted ({_shown(state)}, not {_shown(truth)})")

    def judge(self, sequence: int, verdicts: list[Verdict]) -> None:
        """Health checks found something; a worker that does not serve yet will be told all before it does."""
        if self._link is not None and self.stage in (Stage.ACCEPTING, Stage.QUITTING):
            self._link.judge(sequence, verdicts)

    # -- looking after it --------------------------------------------------------------------------------------

    def check(self) -> None:
        """To be called several times a second: is it still what it should be?"""
        now = self._now()
        patience = self._patience
        if self._doomed or self.stage is Stage.GONE:
            return
        if self._told_to_stop is not None:
            if now - self._told_to_stop > patience.stopping:
                self._kill()
        elif self.stage in (Stage.STARTING, Stage.CATCHING_UP):
            if now - self.began > patience.starting:
                self.replace(f"was not ready within {patience.starting:g} seconds")
        else:
            self._check_pulse(now)

    def _check_pulse(self, now: float) -> None:
        reader = self._home.reader(self.place)
        if self._asked is not None:
            waited = now - self._asked_at
            if min(waited, now - reader.heartbeat) > self._patience.silent:
                self.replace(f"has not been heard of for {now - reader.heartbeat:.1f} seconds")
            elif waited > self._patience.slow:
                self.replace(f"has not acknowledged change {self._asked} for {waited:.1f} seconds")
        if self.stage is Stage.ACCEPTING and reader.pid == self.pid:
            self._compare(State(reader.sequence, reader.digest))

    def quit(self, graceful: bool, idle: float) -> None:
        """Have it end; ``idle`` is how long idle connections may stay, in seconds."""
        if self.stage is Stage.GONE:
            return
        starting = self.stage in (Stage.STARTING, Stage.CATCHING_UP)
        self.stage = Stage.QUITTING
        if not graceful or starting:
            self._told_to_stop = self._now()
        if self._link is None or starting:
            self._signal(signal.SIGTERM)
        else:
            self._link.quit(graceful, idle)

    def reopen(self) -> None:
        """Have it open its logs anew."""
        if self._link is not None:
            self._link.reopen()

    def facts(self) -> dict[str, Any]:
        """What ``/detail?workers=1`` shows of it; the heartbeat's age is in seconds."""
        reader = self._home.reader(self.place)
        return {
            "pid": self.pid,
            "sequence": reader.sequence,
            "digest": f"{reader.digest:032x}",
            "heartbeat": round(max(0.0, self._now() - reader.heartbeat), 3),
            "state": self.stage.value,
        }


def _shown(state: State) -> str:
    return f"change {state.sequence} digest {state.digest:032x}"


def _channel_ended(failure: Failure) -> None:
    """The end of the process tells the rest."""
