"""One server under check: from one check to the next, and what is made of them.

    resting   its next check has a time
    waiting   its time has come, but as many checks are under way as may be
    busy      a check is under way
    removed   nobody wants to know any more

A check begins ``interval`` after the one before it began, or at once where that took longer.  ``checker`` makes
targets, and is their :class:`House`.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from dyups.config.checks import CheckSpec
from dyups.health.link import Lines, Link, Stage
from dyups.health.schedule import Schedule
from dyups.health.verdict import Verdict
from dyups.interfaces import Address, TcpAddress

NEVER = float("inf")


class House(Protocol):
    """What a target needs of its checker."""

    clock: IReactorTime
    lines: Lines
    schedule: Schedule

    def enter(self, target: Target) -> bool:
        """May a check begin?  If not, :meth:`Target.go` is called when it may."""
        ...

    def leave(self) -> None:
        """A check is over."""
        ...

    def turned(self, target: Target) -> None:
        """The server went up or down."""
        ...

    def may_keep(self) -> bool:
        """May one more connection be kept between checks?"""
        ...

    def opened(self) -> None:
        """One more connection is there, or is dialled."""
        ...

    def closed(self) -> None:
        """One is not any more."""
        ...

    def say(self, level: str, text: str) -> None:
        """Write to the error log."""
        ...


class Target:
    """See the module.  ``peer`` is the server's address, which the page shows."""

    __slots__ = (
        "_began",
        "_begin_at",
        "_busy",
        "_give_up_at",
        "_house",
        "_link",
        "_removed",
        "check",
        "index",
        "names",
        "peer",
        "verdict",
        "where",
    )

    def __init__(self, peer: Address, check: CheckSpec, index: int, house: House) -> None:
        self.peer = peer
        self.where: Address = peer
        """The address that is checked: another port, where ``check`` names one; a socket has none."""
        if check.port and isinstance(peer, TcpAddress):
            self.where = TcpAddress(peer.host, check.port)
        self.check = check
        self.index = index
        self.names: dict[bytes, str] = {}
        """The upstreams that have it, by key; several only with ``unique``."""
        self.verdict = Verdict(check.default_down)
        self._house = house
        self._link: Link | None = None
        self._began = NEVER
        self._begin_at = NEVER
        self._give_up_at = NEVER
        self._busy = False
        self._removed = False

    def __repr__(self) -> str:
        return f"<Target {self.where} {self.verdict!r}{' busy' if self._busy else ''}>"

    # -- from one check to the next --------------------------------------------------------------------------------

    def start(self, when: float) -> None:
        """Begin the first check then."""
        self._begin_at = when
        self._house.schedule.at(when, self._due)

    def _due(self, when: float) -> None:
        if when == self._give_up_at:
            self._timed_out()
        elif when == self._begin_at and not self._removed:
            self._begin_at = NEVER
            self._began = when
            if self._house.enter(self):
                self.go()

    def go(self) -> None:
        """Check; on the connection of the last check where it is there."""
        if self._removed:
            self._house.leave()
            return
        self._busy = True
        self._give_up_at = self._house.clock.seconds() + self.check.timeout
        self._house.schedule.at(self._give_up_at, self._due)
        link = self._link
        if link is not None and link.stage is Stage.IDLE:
            link.ask()
        else:
            self._dial()

    def _dial(self) -> None:
        if self._link is not None:
            self._link.drop()
        self._link = Link(self.check, self, self._house.lines)
        self._house.opened()
        self._link.dial(self.where)

    def _timed_out(self) -> None:
        assert self._link is not None  # a check under way has one
        self._link.drop()
        self.bad("check time out")

    def _over(self) -> None:
        """The check is over."""
        self._busy = False
        self._give_up_at = NEVER
        self._house.leave()

    def _rest(self) -> None:
        """The check is over; the next has its time."""
        self._over()
        now = self._house.clock.seconds()
        self.start(max(self._began + self.check.interval, now))

    def remove(self) -> None:
        """Nobody wants to know any more: whatever is under way ends here, and nothing begins."""
        self._removed = True
        self._begin_at = NEVER
        if self._link is not None:
            self._link.drop()
        if self._busy:
            self._over()

    # -- how it went (link.Heard) ----------------------------------------------------------------------------------

    def good(self) -> None:
        """See :class:`~dyups.health.link.Heard`."""
        self._rest()
        if self.verdict.note(True, self.check):
            self._house.say("error", f"enable check peer: {self.where}")
            self._house.turned(self)

    def bad(self, reason: str) -> None:
        """See :class:`~dyups.health.link.Heard`; the log has the reason of the first failure of a row."""
        self._rest()
        turned = self.verdict.note(False, self.check)
        if self.verdict.falls == 1:
            self._house.say("error", f"{reason} with peer: {self.where}")
        if turned:
            self._house.say("error", f"disable check peer: {self.where}")
            self._house.turned(self)

    def unknown(self, reason: str) -> None:
        """See :class:`~dyups.health.link.Heard`: the server is as it was."""
        self._rest()
        self._house.say("crit", f"{reason} while checking peer: {self.where}")

    def stale(self) -> None:
        """See :class:`~dyups.health.link.Heard`: the same check on a new connection."""
        self._dial()

    def closed(self) -> None:
        """See :class:`~dyups.health.link.Heard`."""
        self._house.closed()

    def may_keep(self) -> bool:
        """See :class:`~dyups.health.link.Heard`."""
        return self._house.may_keep()
