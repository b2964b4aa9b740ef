"""The control channel between the master and one worker: Twisted AMP on an inherited pair of sockets.

    worker to master    Update, Patch, Delete, Forget (a client's change, and that its client has left),
                        Workers (facts of all), Ready (the map is there)
    master to worker    Apply (the doorbell; the answer acknowledges), Accept, Quit, Reopen

:class:`MasterEnd` and :class:`WorkerEnd` are the two ends; what the words mean is ``child``'s and ``worker``'s.  When
the connection ends, the process at the other end is gone or going.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.protocols import amp
from twisted.python.failure import Failure

from dyups.control.condition import Condition
from dyups.control.remote import Outcome


class Text(amp.Argument):
    """A text of any length: an AMP value holds 64 KiB, so it goes over as many values as it needs."""

    PIECE = 0xFFFF

    def toBox(self, name: bytes, strings: Any, objects: Any, proto: Any) -> None:
        """Cut into pieces: ``name``, ``name.1``, ``name.2`` …"""
        data = objects[name.decode()].encode()
        for number, start in enumerate(range(0, max(len(data), 1), self.PIECE)):
            strings[_piece(name, number)] = data[start : start + self.PIECE]

    def fromBox(self, name: bytes, strings: Any, objects: Any, proto: Any) -> None:
        """Put together again."""
        pieces = [strings.pop(name)]
        while (piece := strings.pop(_piece(name, len(pieces)), None)) is not None:
            pieces.append(piece)
        objects[name.decode()] = b"".join(pieces).decode()


def _piece(name: bytes, number: int) -> bytes:
    return b"%b.%d" % (name, number) if number else name


Arguments = list[tuple[bytes, amp.Argument]]

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


class Ready(amp.Command):
    """The worker has its map."""

    arguments = _STATE
    requiresAnswer = False


class Apply(amp.Command):
    """There are changes up to ``sequence``; the answer is what the worker routes by then."""

    arguments = _SEQUENCE
    response = _STATE


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


class MasterSeen(Protocol):
    """What a worker does with what the master says: ``worker.Worker``."""

    def linked(self, link: WorkerEnd) -> None:
        """The channel is there."""
        ...

    def apply(self, sequence: int) -> State:
        """Follow the changes up to ``sequence``."""
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

    def unlinked(self) -> None:
        """The master is gone."""
        ...


class _Seen(Protocol):
    """Who is told that the channel is there, and that it is not there any more."""

    def linked(self, link: Any) -> None: ...

    def unlinked(self) -> None: ...


class _End(amp.AMP):
    """What both ends can."""

    noisy = False

    def __init__(self, seen: _Seen) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._seen = seen

    def connectionMade(self) -> None:
        """The channel is there."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self._seen.linked(self)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """The other end is gone, or going."""
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        self._seen.unlinked()

    def ask(self, command: type[amp.Command], **arguments: Any) -> Deferred[Any]:
        """Send a command; fires with the answer."""
        return self.callRemote(command, **arguments)  # type: ignore[no-untyped-call, no-any-return]


class MasterEnd(_End):
    """The master's end of the channel to one worker."""

    _seen: WorkerSeen

    def apply(self, sequence: int) -> Deferred[State]:
        """Ring; fires with what the worker routes by then, fails where it is gone."""
        asked: Deferred[Any] = self.ask(Apply, sequence=sequence)
        return asked.addCallback(lambda answer: State(answer["sequence"], answer["digest"]))

    def accept(self) -> None:
        """Have it accept connections."""
        self.ask(Accept)

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

    @Workers.responder
    def on_workers(self) -> dict[str, Any]:
        """Somebody asks for the facts of all workers."""
        return {"facts": json.dumps(self._seen.roster())}

    @Ready.responder
    def on_ready(self, sequence: int, digest: int) -> dict[str, Any]:
        """The worker has its map."""
        self._seen.ready(State(sequence, digest))
        return {}


class WorkerEnd(_End):
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

    def workers(self) -> Deferred[list[dict[str, Any]]]:
        """The facts of every worker."""
        asked: Deferred[Any] = self.ask(Workers)
        return asked.addCallback(lambda answer: json.loads(answer["facts"]))

    @Apply.responder
    def on_apply(self, sequence: int) -> dict[str, Any]:
        """The doorbell."""
        return self._seen.apply(sequence)._asdict()

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

    @Reopen.responder
    def on_reopen(self) -> dict[str, Any]:
        """Open the logs anew."""
        self._seen.reopen()
        return {}


def _outcome(answer: dict[str, Any]) -> Outcome:
    return Outcome(answer["status"], answer["reason"])


class Once(Factory):
    """Makes one protocol, for one connection that is there already."""

    noisy = False

    def __init__(self, made: amp.AMP) -> None:
        self._made = made

    def buildProtocol(self, addr: Any) -> amp.AMP:
        """The one."""
        return self._made
