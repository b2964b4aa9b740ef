"""Stand-ins for processes, channels and clocks: what tests of the master's side share."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost, ProcessDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from dyups.control.condition import ALWAYS, Condition
from dyups.proxy import plane
from dyups.shared.slots import Reader
from dyups.workers.child import Child, Patience
from dyups.workers.link import State

PATIENCE = Patience(silent=3.0, slow=9.0, starting=60.0, stopping=2.0)


class FakeProcess:
    """A process that ends when it is killed, and the signals that it got."""

    def __init__(self, child: Child, pid: int, stubborn: bool = False) -> None:
        self.child = child
        self.pid = pid
        self.stubborn = stubborn
        """It ends when the test says so."""
        self.signals: list[int] = []
        self.over = False

    def signalProcess(self, number: int) -> None:
        if self.over:
            raise ProcessExitedAlready
        self.signals.append(number)
        if not self.stubborn:
            self.end(number)

    def end(self, number: int | None = None, code: int = 0) -> None:
        """It ends, by a signal or with a code."""
        self.over = True
        done = ProcessDone(0) if number is None and not code else ProcessTerminated(code, number, 0)
        self.child.processEnded(Failure(done))


class FakeLink:
    """The master's end of a channel: what was said, and the answers that the test gives."""

    transport = None

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.asked: list[Deferred[State]] = []

    def apply(self, sequence: int, at_once: bool = True) -> Deferred[State]:
        self.said.append(("apply", sequence) if at_once else ("apply with the next", sequence))
        self.asked.append(Deferred())
        return self.asked[-1]

    def accept(self) -> None:
        self.said.append("accept")

    def judge(self, sequence: int, verdicts: list[Any]) -> None:
        self.said.append(("judge", sequence, verdicts))

    def quit(self, graceful: bool, idle: float) -> None:
        self.said.append(("quit", graceful, idle))

    def reopen(self) -> None:
        self.said.append("reopen")

    def lost(self) -> None:
        """The channel ends: whatever was asked is never answered."""
        asked, self.asked = self.asked, []
        for answer in asked:
            answer.errback(ConnectionLost())


class FakeHome:
    """A crew with one child, or a few."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.state = State(7, 1000)
        self.may_compare = True
        self.readers: dict[int, Reader] = {}
        self.events: list[Any] = []
        self.found: list[Any] = []

    def truth(self) -> State:
        return self.state

    def comparable(self) -> bool:
        return self.may_compare

    def reader(self, place: int) -> Reader:
        return self.readers.get(place, Reader(0, 0, 0, 0.0, 0))

    def accepting(self, child: Child) -> None:
        self.events.append(("accepting", child.place))

    def ended(self, child: Child) -> None:
        self.events.append(("ended", child.place))

    def roster(self) -> list[dict[str, Any]]:
        return [{"pid": 1}]

    def checks(self) -> dict[str, Any]:
        return {"generation": 1, "servers": []}

    def verdicts(self) -> list[Any]:
        return self.found


class FakeChanges:
    """A change path that never answers."""

    def __init__(self) -> None:
        self.under_way: list[Deferred[None]] = []

    def update(
        self, name: str, body: str, condition: Condition = ALWAYS, asker: object = None
    ) -> Deferred[None]:
        self.under_way.append(Deferred())
        return self.under_way[-1]

    def patch(
        self, name: str, commands: str, condition: Condition = ALWAYS, asker: object = None
    ) -> Deferred[None]:
        return self.update(name, commands)

    def delete(self, name: str, condition: Condition = ALWAYS, asker: object = None) -> Deferred[None]:
        return self.update(name, "")


def complaints(case: Any, *modules: Any) -> list[tuple[str, str]]:
    """What the modules say in the error log from now on: level and text."""
    said: list[tuple[str, str]] = []
    for module in modules or (plane,):
        case.patch(module, "complain", lambda level, text: said.append((level, text)))
    return said
