"""The control channel between the master and one worker: frames and Twisted AMP on an inherited pair of sockets.

    worker to master    CALL (a client's change; the answer is its OUTCOME), Forget (that its client has left),
                        Workers (facts of all), Checks (of all servers), Totals, Ready (the map is there)
    master to worker    RING (the doorbell; the answer is a STATE, which acknowledges), Judge (what health checks
                        found), Count, Accept, Quit, Reopen

In capitals are the words of every change, which are frames of their own; the others are AMP's (``words``).
:class:`MasterEnd` and :class:`WorkerEnd` are the two ends; what the words mean is ``child``'s and ``worker``'s.  When
the connection ends, the process at the other end is gone or going.  How the words travel is ``channel``'s, their bytes
are ``frames``'.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure

from dyups.control.condition import Condition
from dyups.control.remote import Outcome
from dyups.upstream.verdicts import Verdict
from dyups.workers.channel import End
from dyups.workers.channel import Once as Once
from dyups.workers.frames import (
    CALL,
    DELETE,
    OUTCOME,
    PATCH,
    RING,
    STATE,
    UPDATE,
    Call,
    call_frame,
    outcome_frame,
    read_call,
    read_outcome,
    read_ring,
    read_state,
    ring_frame,
    state_frame,
)
from dyups.workers.frames import State as State
from dyups.workers.words import Accept, Checks, Count, Forget, Judge, Quit, Ready, Reopen, Totals, Workers


class WorkerSeen(Protocol):
    """What the master does with what a worker says: ``child.Child``."""

    def linked(self, link: MasterEnd) -> None:
        """The channel is there."""
        ...

    def ready(self, state: State) -> None:
        """The worker has its map."""
        ...

    def unlinked(self) -> None:
        """The channel has ended."""
        ...

    def update(self, number: int, name: str, body: str, condition: Condition) -> Deferred[Outcome]:
        """A client of the worker's wants a change."""
        ...

    def patch(self, number: int, name: str, commands: str, condition: Condition) -> Deferred[Outcome]:
        """A client of the worker's wants a change."""
        ...

    def delete(self, number: int, name: str, condition: Condition) -> Deferred[Outcome]:
        """A client of the worker's wants a change."""
        ...

    def forget(self, number: int) -> None:
        """That client has left."""
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


class MasterSeen(Protocol):
    """What a worker does with what the master says: ``worker.Worker``."""

    def linked(self, link: WorkerEnd) -> None:
        """The channel is there."""
        ...

    def apply(self, sequence: int) -> State:
        """Follow the changes up to ``sequence``."""
        ...

    def judge(self, sequence: int, verdicts: list[Verdict]) -> None:
        """Health checks have found servers up or down."""
        ...

    def accept(self) -> None:
        """Begin to accept connections."""
        ...

    def quit(self, graceful: bool, idle: float) -> None:
        """End."""
        ...

    def reopen(self) -> None:
        """Open the logs anew."""
        ...

    def count(self) -> dict[str, Any]:
        """What this worker has counted."""
        ...

    def unlinked(self) -> None:
        """The master is gone."""
        ...


class MasterEnd(End):
    """The master's end of the channel to one worker."""

    _seen: WorkerSeen

    def __init__(self, seen: WorkerSeen) -> None:
        super().__init__(seen)
        self._rung: deque[Deferred[State]] = deque()
        """Who waits for a STATE, in order."""

    def apply(self, sequence: int, at_once: bool = True) -> Deferred[State]:
        """Ring, ``at_once`` or with the next word; fires with what the worker routes by then.

        Fails where the worker is gone.
        """
        if self.ended is not None:
            return fail(self.ended)
        self.hold(ring_frame(sequence))
        if at_once:
            self.flush()
        self._rung.append(Deferred())
        return self._rung[-1]

    def take(self, kind: int, content: bytes) -> None:
        """See :meth:`End.take`."""
        if kind == STATE:
            self._rung.popleft().callback(read_state(content))
        elif kind == CALL:
            self._serve(read_call(content))
        else:
            super().take(kind, content)

    def _serve(self, call: Call) -> None:
        """A client of the worker's wants a change."""
        number, verb, name, text, condition = call
        if verb == UPDATE:
            made = self._seen.update(number, name, text, condition)
        elif verb == PATCH:
            made = self._seen.patch(number, name, text, condition)
        else:
            made = self._seen.delete(number, name, condition)
        made.addCallback(self._tell, number)

    def _tell(self, outcome: Outcome, number: int) -> None:
        self.send(outcome_frame(number, outcome))

    def give_up(self, reason: Failure) -> None:
        """See :meth:`End.give_up`."""
        rung, self._rung = self._rung, deque()
        for waiting in rung:
            waiting.errback(reason)

    def judge(self, sequence: int, verdicts: Iterable[Verdict]) -> None:
        """Tell it what health checks found."""
        found = [(upstream.decode("latin-1"), address, down) for upstream, address, down in verdicts]
        self.ask(Judge, sequence=sequence, verdicts=json.dumps(found))

    def accept(self) -> None:
        """Have it accept connections."""
        self.ask(Accept)

    def count(self) -> Deferred[dict[str, Any]]:
        """What it has counted."""
        asked: Deferred[Any] = self.ask(Count)
        return asked.addCallback(lambda answer: json.loads(answer["facts"]))

    def quit(self, graceful: bool, idle: float) -> None:
        """Have it end."""
        self.ask(Quit, graceful=graceful, idle=idle)

    def reopen(self) -> None:
        """Have it open its logs anew."""
        self.ask(Reopen)

    @Forget.responder
    def on_forget(self, number: int) -> dict[str, Any]:
        """That client has left."""
        self._seen.forget(number)
        return {}

    @Totals.responder
    def on_totals(self) -> Deferred[dict[str, Any]]:
        """Somebody asks what all workers have counted."""
        return self._seen.totals().addCallback(lambda found: {"facts": json.dumps(found)})

    @Workers.responder
    def on_workers(self) -> dict[str, Any]:
        """Somebody asks for the facts of all workers."""
        return {"facts": json.dumps(self._seen.roster())}

    @Checks.responder
    def on_checks(self) -> dict[str, Any]:
        """Somebody asks for the state of all servers."""
        return {"report": json.dumps(self._seen.checks())}

    @Ready.responder
    def on_ready(self, sequence: int, digest: int) -> dict[str, Any]:
        """The worker has its map."""
        self._seen.ready(State(sequence, digest))
        return {}


class WorkerEnd(End):
    """A worker's end of the channel; a :class:`~dyups.control.remote.Door`."""

    _seen: MasterSeen

    def __init__(self, seen: MasterSeen) -> None:
        super().__init__(seen)
        self._calls: dict[int, Deferred[Outcome]] = {}
        """Changes that the master is about to make, by their number."""

    def ready(self, state: State) -> None:
        """Tell that the map is there."""
        self.ask(Ready, sequence=state.sequence, digest=state.digest)

    def update(self, number: int, name: str, body: str, condition: Condition) -> Deferred[Outcome]:
        """Have the master make a change."""
        return self._call(Call(number, UPDATE, name, body, condition))

    def patch(self, number: int, name: str, commands: str, condition: Condition) -> Deferred[Outcome]:
        """Have the master make a change."""
        return self._call(Call(number, PATCH, name, commands, condition))

    def delete(self, number: int, name: str, condition: Condition) -> Deferred[Outcome]:
        """Have the master make a change."""
        return self._call(Call(number, DELETE, name, "", condition))

    def _call(self, call: Call) -> Deferred[Outcome]:
        if self.transport is None or self.ended is not None:
            return fail(ConnectionLost())
        self.send(call_frame(call))
        asked = self._calls[call.number] = Deferred()
        return asked

    def take(self, kind: int, content: bytes) -> None:
        """See :meth:`End.take`."""
        if kind == RING:
            # Not before what else came is done: the outcome of a change comes with its ring, and somebody waits for it.
            self.hold(state_frame(self._seen.apply(read_ring(content))))
        elif kind == OUTCOME:
            number, outcome = read_outcome(content)
            self._calls.pop(number).callback(outcome)
        else:
            super().take(kind, content)

    def give_up(self, reason: Failure) -> None:
        """See :meth:`End.give_up`."""
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.errback(reason)

    def forget(self, number: int) -> None:
        """The client of that call has left."""
        self.ask(Forget, number=number)

    def totals(self) -> Deferred[list[dict[str, Any]]]:
        """What every worker has counted."""
        asked: Deferred[Any] = self.ask(Totals)
        return asked.addCallback(lambda answer: json.loads(answer["facts"]))

    def workers(self) -> Deferred[list[dict[str, Any]]]:
        """The facts of every worker."""
        asked: Deferred[Any] = self.ask(Workers)
        return asked.addCallback(lambda answer: json.loads(answer["facts"]))

    def checks(self) -> Deferred[dict[str, Any]]:
        """What health checks know of every server."""
        asked: Deferred[Any] = self.ask(Checks)
        return asked.addCallback(lambda answer: json.loads(answer["report"]))

    @Judge.responder
    def on_judge(self, sequence: int, verdicts: str) -> dict[str, Any]:
        """Health checks have found servers up or down."""
        found = [
            (upstream.encode("latin-1"), address, down) for upstream, address, down in json.loads(verdicts)
        ]
        self._seen.judge(sequence, found)
        return {}

    @Accept.responder
    def on_accept(self) -> dict[str, Any]:
        """Begin to accept connections."""
        self._seen.accept()
        return {}

    @Quit.responder
    def on_quit(self, graceful: bool, idle: float) -> dict[str, Any]:
        """End."""
        self._seen.quit(graceful, idle)
        return {}

    @Count.responder
    def on_count(self) -> dict[str, Any]:
        """The master asks what was counted here."""
        return {"facts": json.dumps(self._seen.count())}

    @Reopen.responder
    def on_reopen(self) -> dict[str, Any]:
        """Open the logs anew."""
        self._seen.reopen()
        return {}
