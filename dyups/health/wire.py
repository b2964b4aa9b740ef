"""A socket for checks: dialled, written to, read from, closed, and nothing more.

A check is little else than opening and closing a connection, and Twisted's connectors and transports, made for long and
rich lives, would be more than half of its cost (``benchmarks.health``).  ``link`` has the conversation, ``polls`` tells
when there is something to do.
"""

from __future__ import annotations

import errno
import socket
from typing import Protocol

from dyups.health.polls import Polls
from dyups.interfaces import Address, TcpAddress

#: What is read at a time.
PIECE = 65536
_STARTED = frozenset({0, errno.EINPROGRESS, errno.EINTR})
_LATER = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR})


class End(Protocol):
    """Who talks on a wire: ``link.Link``.  At most one of ``refused`` and, later, ``lost`` is told of each wire."""

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


class Wire:
    """See the module."""

    __slots__ = ("_end", "_fd", "_polls", "_reading", "_socket", "_stands", "_unsent", "_writing")

    def __init__(self, polls: Polls, end: End) -> None:
        self._polls = polls
        self._end = end
        self._socket: socket.socket | None = None
        self._fd = -1
        self._stands = False
        self._reading = False
        self._writing = False
        self._unsent = b""

    def dial(self, address: Address) -> None:
        """Begin to connect; what cannot even begin is refused before this returns."""
        number = self._begin(address)
        if number in _STARTED:
            self._want_to_write()
            return
        self.close()
        self._end.refused(number)

    def _begin(self, address: Address) -> int:
        try:
            if isinstance(address, TcpAddress):
                family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
                self._open(family)
                return self._connect((address.host, address.port))
            self._open(socket.AF_UNIX)
            return self._connect(address.path)
        except OSError as error:
            return error.errno or errno.EINVAL

    def _open(self, family: socket.AddressFamily) -> None:
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self._fd = self._socket.fileno()

    def _connect(self, address: tuple[str, int] | str) -> int:
        assert self._socket is not None
        return self._socket.connect_ex(address)

    def _want_to_write(self) -> None:
        if not self._writing:
            self._writing = True
            self._polls.add_writer(self._fd, self._writable)

    def _written(self) -> None:
        if self._writing:
            self._writing = False
            self._polls.remove_writer(self._fd)

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
            self._want_to_write()

    def close(self) -> None:
        """End it; nothing is told of it any more."""
        sock, self._socket = self._socket, None
        if sock is not None:
            self._written()
            if self._reading:
                self._reading = False
                self._polls.remove_reader(self._fd)
            sock.close()

    def _writable(self) -> None:
        """The connection stands, or does not; or there is room for what was not sent."""
        if self._socket is None:
            return
        if self._stands:
            self._written()
            data, self._unsent = self._unsent, b""
            self.write(data)
            return
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number:
            self.close()
            self._end.refused(number)
            return
        self._stands = True
        self._end.connected()
        if not self._is_closed():
            self._reading = True
            # First, so that the loop goes on with what it has for the descriptor.
            self._polls.add_reader(self._fd, self._readable)
            if not self._unsent:
                self._written()

    def _is_closed(self) -> bool:
        """Whoever heard may have closed it."""
        return self._socket is None

    def _readable(self) -> None:
        """Something has come, or the end."""
        if self._socket is None:
            return
        try:
            data = self._socket.recv(PIECE)
        except OSError as error:
            if error.errno in _LATER:
                return
            data = b""
        if data:
            self._end.received(data)
        else:
            self.close()
            self._end.lost()
