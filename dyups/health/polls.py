"""When a socket can be read or written: the reactor's loop where it has one, else the reactor itself.

Our reactor runs on a uvloop loop, and asking that directly saves a fifth of what a check costs; on Twisted's own
reactors a descriptor stands for the socket.  ``wire`` asks here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

Call = Callable[[], None]


class Polls(Protocol):
    """``asyncio``'s loops have these; a socket must be taken away before it is closed."""

    def add_reader(self, fd: int, call: Call) -> Any:
        """Call whenever there is something to read, or the end."""
        ...

    def add_writer(self, fd: int, call: Call) -> Any:
        """Call whenever there is room, or the connection is made or refused."""
        ...

    def remove_reader(self, fd: int) -> Any:
        """Not any more."""
        ...

    def remove_writer(self, fd: int) -> Any:
        """Not any more."""
        ...


def polls_of(reactor: Any) -> Polls:
    """What the reactor has."""
    loop: Any = getattr(reactor, "loop", None)
    polls: Polls = loop if hasattr(loop, "add_reader") else ByReactor(reactor)
    return polls


@implementer(IReadWriteDescriptor)
class _Descriptor:
    """Stands for one socket in a reactor of Twisted's."""

    __slots__ = ("_fd", "read", "write")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.read: Call = _nothing
        self.write: Call = _nothing

    def fileno(self) -> int:
        """The socket's."""
        return self._fd

    def logPrefix(self) -> str:
        """For Twisted's log."""
        return "check"

    def doRead(self) -> None:
        """There is something to read."""
        self.read()

    def doWrite(self) -> None:
        """There is room."""
        self.write()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops: reading tells of the end."""
        self.read()


class ByReactor:
    """:class:`Polls` on ``IReactorFDSet``."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._known: dict[int, _Descriptor] = {}

    def _descriptor(self, fd: int) -> _Descriptor:
        return self._known.setdefault(fd, _Descriptor(fd))

    def add_reader(self, fd: int, call: Call) -> None:
        """See :class:`Polls`."""
        descriptor = self._descriptor(fd)
        descriptor.read = call
        self._reactor.addReader(descriptor)

    def add_writer(self, fd: int, call: Call) -> None:
        """See :class:`Polls`."""
        descriptor = self._descriptor(fd)
        descriptor.write = call
        self._reactor.addWriter(descriptor)

    def remove_reader(self, fd: int) -> None:
        """See :class:`Polls`."""
        descriptor = self._descriptor(fd)
        descriptor.read = _nothing
        self._reactor.removeReader(descriptor)
        self._forget(descriptor)

    def remove_writer(self, fd: int) -> None:
        """See :class:`Polls`."""
        descriptor = self._descriptor(fd)
        descriptor.write = _nothing
        self._reactor.removeWriter(descriptor)
        self._forget(descriptor)

    def _forget(self, descriptor: _Descriptor) -> None:
        if descriptor.read is _nothing and descriptor.write is _nothing:
            del self._known[descriptor.fileno()]


def _nothing() -> None:
    """Nobody asked."""
