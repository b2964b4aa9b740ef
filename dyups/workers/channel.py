"""How words travel between the master and a worker: in frames, of which some are Twisted AMP's boxes.

``frames`` has the bytes, ``link`` the words and the two ends; this is what both ends are made of.  In AMP go the words
that are rare, with texts of any length.
"""

from __future__ import annotations

from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory
from twisted.protocols import amp
from twisted.python.failure import Failure

from dyups.workers.frames import BOX, Frames, frame


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
        self._frames = Frames()
        self._held = b""
        self.ended: Failure | None = None
        """Why there is nobody at the other end any more."""

    def connectionMade(self) -> None:
        """The channel is there."""
        super().connectionMade()  # type: ignore[no-untyped-call]
        self._seen.linked(self)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """The other end is gone, or going."""
        self.ended = reason
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        self.give_up(reason)
        self._seen.unlinked()

    def dataReceived(self, data: bytes) -> None:
        """Take the frames that are whole, in order."""
        for kind, content in self._frames.feed(data):
            if kind == BOX:
                super().dataReceived(content)  # type: ignore[no-untyped-call]
            else:
                self.take(kind, content)
        if self._held:
            self.flush()

    def sendBox(self, box: amp.AmpBox) -> None:
        """AMP's way out.  Raises ConnectionLost where there is no channel yet."""
        if self.transport is None:
            raise ConnectionLost
        self.send(frame(BOX, box.serialize()))

    def send(self, data: bytes) -> None:
        """A frame, with what was held; nothing happens where the other end is gone."""
        if self._held:
            self.hold(data)
            self.flush()
        elif self.ended is None:
            self.transport.write(data)  # type: ignore[union-attr]

    def hold(self, data: bytes) -> None:
        """A frame that may wait for the next one, or for the end of what has just come: each write wakes a process."""
        self._held += data

    def flush(self) -> None:
        """Send what is held, if there is still somebody to send it to."""
        held, self._held = self._held, b""
        if self.ended is None:
            self.transport.write(held)  # type: ignore[union-attr]

    def take(self, kind: int, content: bytes) -> None:
        """A frame that is no box of AMP."""
        raise ValueError(f"frame of kind {kind} is not known")

    def give_up(self, reason: Failure) -> None:
        """What was asked by other frames is never answered."""

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
