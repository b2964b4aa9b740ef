"""The control channel between the master and one worker: Twisted AMP on an inherited pair of sockets.

    worker to master    Update, Patch, Delete, Forget (a client's change, and that its client has left),
                        Workers (facts of all), Checks (of all servers), Ready (the map is there)
    master to worker    Apply (the doorbell; the answer acknowledges), Judge (what health checks found),
                        Accept, Quit, Reopen

:class:`MasterEnd` and :class:`WorkerEnd` are the two ends; what the words mean is ``child``'s and ``worker``'s.  When
the connection ends, the process at the other end is gone or going.  How the words travel is ``channel``'s.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred
from twisted.protocols import amp

from dyups.control.condition import Condition
from dyups.control.remote import Outcome
from dyups.upstream.verdicts import Verdict
from dyups.workers.channel import Arguments, End, Text
from dyups.workers.channel import Once as Once

_TEXT: Any = Text
_OUTCOME: Arguments = [(b"status", amp.Integer()), (b"reason", _TEXT())]
_NUMBER: Arguments = [(b"number", amp.Integer())]
_CONDITION: Arguments = [(b"if_match", _TEXT()), (b"if_none_match", _TEXT())]
_SEQUENCE: Arguments = [(b"sequence", amp.Integer())]
_STATE: Arguments = [(b"sequence", amp.Integer()), (b"digest", amp.Integer())]


class Update(amp.Command):
    """Create or replace an upstream."""

    arguments = [*_NUMBER, (b"name", _TEXT()), (b"body", _TEXT()), *_CONDITION]
    response = _OUTCOME


class Patch(amp.Command):
    """Change servers of an upstream."""

    arguments = [*_NUMBER, (b"name", _TEXT()), (b"commands", _TEXT()), *_CONDITION]
    response = _OUTCOME


class Delete(amp.Command):
    """Take an upstream away."""

    arguments = [*_NUMBER, (b"name", _TEXT()), *_CONDITION]
    response = _OUTCOME


class Forget(amp.Command):
    """Nobody waits for the answer to that call any more."""

    arguments = _NUMBER
    requiresAnswer = False


class Workers(amp.Command):
    """The facts of every worker, as JSON."""

    response = [(b"facts", _TEXT())]


class Checks(amp.Command):
    """What health checks know of every server, as JSON."""

    response = [(b"report", _TEXT())]


class Totals(amp.Command):
    """What all workers have counted, as JSON; asked of the master."""

    response = [(b"facts", _TEXT())]


class Count(amp.Command):
    """What one worker has counted, as JSON; asked by the master."""

    response = [(b"facts", _TEXT())]


class Ready(amp.Command):
    """The worker has its map."""

    arguments = _STATE
    requiresAnswer = False


class Apply(amp.Command):
    """There are changes up to ``sequence``; the answer is what the worker routes by then."""

    arguments = _SEQUENCE
    response = _STATE


class Judge(amp.Command):
    """Health checks have found servers up or down; ``sequence`` is the change by which these servers are there."""

    arguments = [*_SEQUENCE, (b"verdicts", _TEXT())]
    requiresAnswer = False


class Accept(amp.Command):
    """Begin to accept connections."""

    requiresAnswer = False


class Quit(amp.Command):
    """End: at once, or when the requests under way are done; idle connections close after ``idle`` seconds."""

    arguments = [(b"graceful", amp.Boolean()), (b"idle", amp.Float())]
    requiresAnswer = False


class Reopen(amp.Command):
    """Open the logs anew."""

    requiresAnswer = False


class State(NamedTuple):
    """What a worker routes by."""

    sequence: int
    digest: int


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

    def apply(self, sequence: int) -> Deferred[State]:
        """Ring; fires with what the worker routes by then, fails where it is gone."""
        asked: Deferred[Any] = self.ask(Apply, sequence=sequence)
        return asked.addCallback(lambda answer: State(answer["sequence"], answer["digest"]))

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

    @Update.responder
    def on_update(self, number: int, name: str, body: str, **condition: str) -> Deferred[dict[str, Any]]:
        """A client of the worker's wants a change."""
        return self._seen.update(number, name, body, Condition(**condition)).addCallback(Outcome._asdict)

    @Patch.responder
    def on_patch(self, number: int, name: str, commands: str, **condition: str) -> Deferred[dict[str, Any]]:
        """A client of the worker's wants a change."""
        return self._seen.patch(number, name, commands, Condition(**condition)).addCallback(Outcome._asdict)

    @Delete.responder
    def on_delete(self, number: int, name: str, **condition: str) -> Deferred[dict[str, Any]]:
        """A client of the worker's wants a change."""
        return self._seen.delete(number, name, Condition(**condition)).addCallback(Outcome._asdict)

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

    def ready(self, state: State) -> None:
        """Tell that the map is there."""
        self.ask(Ready, sequence=state.sequence, digest=state.digest)

    def update(self, number: int, name: str, body: str, condition: Condition) -> Deferred[Outcome]:
        """Have the master make a change."""
        return self._change(Update, condition, number=number, name=name, body=body)

    def patch(self, number: int, name: str, commands: str, condition: Condition) -> Deferred[Outcome]:
        """Have the master make a change."""
        return self._change(Patch, condition, number=number, name=name, commands=commands)

    def delete(self, number: int, name: str, condition: Condition) -> Deferred[Outcome]:
        """Have the master make a change."""
        return self._change(Delete, condition, number=number, name=name)

    def _change(self, command: type[amp.Command], condition: Condition, **words: Any) -> Deferred[Outcome]:
        asked: Deferred[Any] = self.ask(command, **words, **condition._asdict())
        return asked.addCallback(_outcome)

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

    @Apply.responder
    def on_apply(self, sequence: int) -> dict[str, Any]:
        """The doorbell."""
        return self._seen.apply(sequence)._asdict()

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


def _outcome(answer: dict[str, Any]) -> Outcome:
    return Outcome(answer["status"], answer["reason"])
