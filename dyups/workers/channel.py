"""How words travel between the master and a worker: Twisted AMP, with texts of any length.

``link`` has the words and the two ends; this is what both ends are made of.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.protocols import amp
from twisted.python.failure import Failure


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


class Seen(Protocol):
    """Who is told that the channel is there, and that it is not there any more."""

    def linked(self, link: Any) -> None: ...

    def unlinked(self) -> None: ...


class End(amp.AMP):
    """What both ends can."""

    noisy = False

    def __init__(self, seen: Seen) -> None:
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


class Once(Factory):
    """Makes one protocol, for one connection that is there already."""

    noisy = False

    def __init__(self, made: amp.AMP) -> None:
        self._made = made

    def buildProtocol(self, addr: Any) -> amp.AMP:
        """The one."""
        return self._made
