"""Logs to ``syslog:…``: each line as a datagram in the form of RFC 3164, as nginx sends it.

Owns the message and the socket.  Nothing is waited for: what the socket does not take at once is lost, as datagrams may
be, which is said once until one goes out again.  ``config.syslog`` reads the target; ``accesslog`` and
``errorfile`` send lines.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from functools import lru_cache

from dyups.config.model import Syslog
from dyups.metrics.logfile import Tell


@lru_cache(maxsize=2)
def stamp(second: int) -> bytes:
    """``Nov  2 15:04:05``, local time (RFC 3164 section 4.1.2)."""
    now = time.localtime(second)
    return f"{time.strftime('%b', now)} {now.tm_mday:2} {time.strftime('%H:%M:%S', now)}".encode()


class SyslogSender:
    """Sends lines to ``target``; ``tell`` hears what fails.  A host name is looked up now."""

    __slots__ = ("_behind", "_socket", "_target", "_tell", "_troubled", "_wall")

    def __init__(self, target: Syslog, tell: Tell, wall: Callable[[], float] = time.time) -> None:
        self._target = target
        self._tell = tell
        self._wall = wall
        self._troubled = False
        host = f" {socket.gethostname()}" if target.hostname else ""
        self._behind = f"{host} {target.tag}: ".encode()
        self._socket = self._connected()

    def _connected(self) -> socket.socket | None:
        """A socket that need not be told where to; None, and told, where there is none."""
        target = self._target
        made: socket.socket | None = None
        try:
            family, address = (socket.AF_UNIX, target.path) if target.path else _look_up(target)
            made = socket.socket(family, socket.SOCK_DGRAM)
            made.setblocking(False)
            made.connect(address)
        except OSError as error:
            self._trouble("connect", error)
            if made is not None:
                made.close()
            return None
        return made

    def add(self, line: bytes) -> None:
        """Send ``line``, which ends with a newline; that stays here."""
        self.send(line, self._target.priority)

    def send(self, line: bytes, priority: int) -> None:
        """The same, with another priority than the target's."""
        if self._socket is None:
            self._socket = self._connected() if self._target.path else None
            if self._socket is None:
                return
        message = b"<%d>%b%b%b" % (priority, stamp(int(self._wall())), self._behind, line[:-1])
        try:
            self._socket.send(message)
            self._troubled = False
        except OSError as error:
            self._trouble("send", error)
            if self._target.path and not isinstance(error, BlockingIOError):
                self.close()  # the log daemon was started anew: its socket is another one

    def _trouble(self, call: str, error: OSError) -> None:
        if not self._troubled:
            self._troubled = True
            target = self._target
            where = f"unix:{target.path}" if target.path else f"{target.host}:{target.port}"
            self._tell(f"{call}() failed ({reason(error)}) while logging to syslog, server: {where}")

    def reopen(self) -> None:
        """Connect anew; a host name is looked up again."""
        self.close()
        self._troubled = False
        self._socket = self._connected()

    def close(self) -> None:
        """Let go of the socket."""
        old, self._socket = self._socket, None
        if old is not None:
            old.close()


def reason(error: OSError) -> str:
    """Number and words; those of a name that has no address are not the system's."""
    number = error.errno or 0
    return f"{number}: {os.strerror(number) if number > 0 else error.strerror}"


def _look_up(target: Syslog) -> tuple[int, tuple[object, ...] | str]:
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_DGRAM)
    return found[0][0], found[0][4]
