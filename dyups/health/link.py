"""One connection to a server that is checked: dialled, asked, and kept for the next check where both sides allow.

    DIALLING   there is no connection yet
    ASKING     the probe's words were sent, the answer is not settled
    ENDING     the answer is settled; the rest of it has to come before the connection can be used again
    IDLE       it can carry the next check
    GONE       closed, or closing

``target`` makes it and hears how it went, once for each check: :class:`Heard`.  The socket is ``wire``'s.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from dyups.config.checks import CheckSpec
from dyups.health.answers import Answer
from dyups.health.probes import PROBES, Outcome, status_of
from dyups.health.wire import End
from dyups.interfaces import Address

#: What we lack ourselves: no server is to blame for it.
OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})


class Stage(Enum):
    """See the module."""

    DIALLING = "dialling"
    ASKING = "asking"
    ENDING = "ending"
    IDLE = "idle"
    GONE = "gone"


class Line(Protocol):
    """A connection: ``wire.Wire``, or one in memory."""

    def dial(self, address: Address) -> None:
        """Begin to connect."""
        ...

    def write(self, data: bytes) -> None:
        """Send."""
        ...

    def close(self) -> None:
        """End it; nothing is told of it any more."""
        ...


#: Makes a line whose end is given.
Lines = Callable[[End], Line]


class Heard(Protocol):
    """Who hears how a check went: ``target.Target``."""

    def good(self) -> None:
        """The server is well."""
        ...

    def bad(self, reason: str) -> None:
        """It is not; the reason is for the error log."""
        ...

    def unknown(self, reason: str) -> None:
        """The check could not be made, for a reason that is ours."""
        ...

    def stale(self) -> None:
        """The connection was used before, and its server had closed it when it was used again."""
        ...

    def closed(self) -> None:
        """The connection, or the attempt at one, is gone; its check may have been settled before."""
        ...

    def may_keep(self) -> bool:
        """May the connection be kept for the next check?"""
        ...


class Link:
    """See the module."""

    __slots__ = ("_answer", "_check", "_data", "_heard", "_line", "_probe", "_requests", "_to_head", "stage")

    def __init__(self, check: CheckSpec, heard: Heard, lines: Lines) -> None:
        self._check = check
        self._heard = heard
        self._line = lines(self)
        self._probe = PROBES[check.type]
        self._data = b""
        self._answer: Answer | None = None
        self._requests = 0
        self._to_head = check.send.startswith(b"HEAD ")
        self.stage = Stage.DIALLING

    def __repr__(self) -> str:
        return f"<Link {self.stage.value} requests={self._requests}>"

    def dial(self, address: Address) -> None:
        """Connect, and ask."""
        self._line.dial(address)

    def ask(self) -> None:
        """Send the probe's words; on a connection that is new, or IDLE."""
        self.stage = Stage.ASKING
        self._data = b""
        self._requests += 1
        if self._probe.read is None:
            self._settled(True)
            return
        self._answer = Answer(self._to_head) if self._may_go_on() else None
        hello = self._probe.hello(self._check)
        if hello:
            self._line.write(hello)

    def _may_go_on(self) -> bool:
        check = self._check
        return check.keepalive_requests > self._requests and check.type == "http" and self._heard.may_keep()

    def drop(self) -> None:
        """Close it, whatever it is at; nothing is heard of it any more, but that it is closed."""
        if self.stage is not Stage.GONE:
            self.stage = Stage.GONE
            self._line.close()
            self._heard.closed()

    # -- what the line tells (wire.End) ------------------------------------------------------------------------

    def connected(self) -> None:
        """See :class:`~dyups.health.wire.End`: ask at once."""
        self.ask()

    def refused(self, number: int) -> None:
        """See :class:`~dyups.health.wire.End`."""
        self.stage = Stage.GONE
        self._heard.closed()
        reason = f"connect() failed ({number}: {os.strerror(number)})"
        if number in OURS:
            self._heard.unknown(reason)
        else:
            self._heard.bad(reason)

    def received(self, data: bytes) -> None:
        """See :class:`~dyups.health.wire.End`: some of the answer, the rest of one, or what nobody asked for."""
        if self._answer is not None:
            self._answer.feed(data)
        if self.stage is Stage.ASKING:
            self._read(data)
        elif self.stage is Stage.ENDING:
            self._rest_if_over()
        else:
            self.drop()

    def _read(self, data: bytes) -> None:
        self._data = self._data + data if self._data else data
        assert self._probe.read is not None
        outcome = self._probe.read(self._data, self._check)
        if outcome is not Outcome.UNKNOWN:
            self._settled(outcome is Outcome.GOOD)

    def _settled(self, good: bool) -> None:
        """The check is over; the connection may not be."""
        self.stage = Stage.ENDING
        status = 0 if good else status_of(self._data)
        self._data = b""
        if good and self._answer is not None:
            self._rest_if_over()
        else:
            self.drop()
        if good:
            self._heard.good()
        else:
            answer = f" (status {status})" if status else ""
            self._heard.bad(f"check protocol {self._check.type} error{answer}")

    def _rest_if_over(self) -> None:
        answer = self._answer
        assert answer is not None
        if answer.over:
            self._answer = None
            if answer.usable:
                self.stage = Stage.IDLE
            else:
                self.drop()

    def lost(self) -> None:
        """See :class:`~dyups.health.wire.End`: before the answer was settled, that is a failure."""
        asking = self.stage is Stage.ASKING
        self.stage = Stage.GONE
        self._heard.closed()
        if asking and self._requests > 1 and not self._data:
            self._heard.stale()
        elif asking:
            self._heard.bad("connection was closed before an answer came")
