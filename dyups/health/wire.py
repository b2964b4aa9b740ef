"""A socket for checks: dialled, written to, read from, closed, and nothing more.

A check is little else than opening and closing a connection, and Twisted's connectors and transports, made for long and
rich lives, would be more than half of its cost (``benchmarks.health``).  So this is the socket itself on the reactor's
``addReader`` and ``addWriter``.  ``link`` has the conversation.
"""

from __future__ import annotations

import errno
import socket
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorFDSet, IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from dyups.interfaces import Address, TcpAddress

#: What is read at a time.
PIECE = 65536
_STARTED = frozenset({0, errno.EINPROGRESS, errno.EINTR})
_LATER = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR})


class End(Protocol):
    """Who talks on a wire: ``link.Link``.  Exactly one of ``refused`` and, later, ``lost`` is told of each wire."""

    def connected(self) -> None:
        """The connection stands."""
        ...

    def refused(self, number: int) -> None:
        """There will be none, by this error number of the system; never told after ``close``."""
        ...

    def received(self, data: bytes) -> None:
        """Something has come."""
        ...

    def lost(self) -> None:
        """The other side has ended the connection, or it broke; never told after ``close``."""
        ...


@implementer(IReadWriteDescriptor)
class Wire:
    """See the module."""

    __slots__ = ("_end", "_reactor", "_socket", "_stands", "_unsent")

    def __init__(self, reactor: IReactorFDSet, end: End) -> None:
        self._reactor: Any = reactor
        self._end = end
        self._socket: socket.socket | None = None
        self._stands = False
        self._unsent = b""

    def dial(self, address: Address) -> None:
        """Begin to connect; what cannot even begin is refused before this returns."""
        number = self._begin(address)
        if number in _STARTED:
            self._reactor.addWriter(self)
            return
        self.close()
        self._end.refused(number)

    def _begin(self, address: Address) -> int:
        try:
            if isinstance(address, TcpAddress):
                family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
                self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
                return self._socket.connect_ex((address.host, address.port))
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            return self._socket.connect_ex(address.path)
        except OSError as error:
            return error.errno or errno.EINVAL

    def write(self, data: bytes) -> None:
        """Send; what the system does not take at once goes out when it does."""
        if self._socket is None:
            return
        try:
            sent = self._socket.send(data) if data else 0
        except OSError as error:
            if error.errno not in _LATER:
                return  # reading tells that the connection is lost
            sent = 0
        if sent < len(data):
            self._unsent = data[sent:]
            self._reactor.addWriter(self)

    def close(self) -> None:
        """End it; nothing is told of it any more."""
        sock, self._socket = self._socket, None
        if sock is not None:
            if self._stands:
                self._reactor.removeReader(self)
            if not self._stands or self._unsent:
                self._reactor.removeWriter(self)
            sock.close()

    # -- what the reactor calls --------------------------------------------------------------------------------

    def fileno(self) -> int:
        """The descriptor, or -1."""
        return -1 if self._socket is None else self._socket.fileno()

    def logPrefix(self) -> str:
        """For Twisted's log."""
        return "check"

    def doWrite(self) -> None:
        """The connection stands, or does not; or there is room for what was not sent."""
        sock = self._socket
        if sock is None:
            return
        self._reactor.removeWriter(self)
        if self._stands:
            data, self._unsent = self._unsent, b""
            self.write(data)
            return
        number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self._socket = None
            sock.close()
            self._end.refused(number)
            return
        self._stands = True
        self._end.connected()
        if self._socket is not None:
            self._reactor.addReader(self)

    def doRead(self) -> None:
        """Something has come, or the end."""
        sock = self._socket
        if sock is None:
            return
        try:
            data = sock.recv(PIECE)
        except OSError as error:
            if error.errno in _LATER:
                return
            data = b""
        if data:
            self._end.received(data)
        else:
            self.close()
            self._end.lost()

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops, or one of our calls raised."""
        if self._socket is not None:
            self.close()
            self._end.lost()
