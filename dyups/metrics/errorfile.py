"""Where lines of the error log go: a file, standard error, a syslog server.

Owns how a line is written without waiting for anybody; ``errorlog`` owns which lines, and what they look like.  Each
line is one ``write(2)`` on a descriptor opened for appending, as nginx does it: nothing is held in memory, lines of
several processes do not mix, and what a full disk refuses is lost and troubles nobody.  A pipe that nobody reads is
not waited for, nor is a socket.
"""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from typing import Protocol

from dyups.config.model import Syslog
from dyups.metrics.logfile import Tell
from dyups.metrics.syslog import SyslogSender

STDERR = "stderr"
#: The severities of syslog for nginx's levels (RFC 3164 section 4.1.1): nginx's eight are the same, backwards.
_LEAST_GRAVE = 7


class Target(Protocol):
    """Takes lines; all logs of a process that name the same place share it."""

    def write(self, line: bytes, rank: int) -> None:
        """One line with its line end, ``rank`` being its level's place in :data:`~dyups.metrics.errorlog.ORDER`."""
        ...

    def reopen(self) -> None:
        """Begin anew (USR1).  Raises OSError; then it goes on as it was."""
        ...

    def close(self) -> None:
        """Take no more."""
        ...


def make_folder(path: str) -> None:
    """Make the folder that ``path`` is to be in, where only that one is missing: ``logs`` on the first start.

    nginx's packages ship it.  A prefix that is not there stays so, and opening ``path`` says why it fails.
    """
    with suppress(OSError):
        os.mkdir(os.path.dirname(path))


class LogFile:
    """One file, which exists from now on, or ``stderr``.  Raises OSError where it cannot be opened."""

    __slots__ = ("_descriptor", "_path", "_torn")

    def __init__(self, path: str) -> None:
        self._path = path
        self._torn = False
        """The last line is incomplete: the disk was full."""
        self._descriptor = self._open()

    def _open(self) -> int:
        """A descriptor of our own; -1 where there is no standard error (closed by whoever started us)."""
        if self._path == STDERR:
            # Where it was closed from the start its number may have gone to another file since; Python knows.  As a
            # daemon we keep the one we were started with, as nginx does: twistd makes number 2 /dev/null.
            return -1 if sys.__stderr__ is None else os.dup(sys.__stderr__.fileno())
        make_folder(self._path)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(self._path, flags, 0o644)

    @property
    def descriptor(self) -> int | None:
        """Ours; None where there is none."""
        return None if self._descriptor < 0 else self._descriptor

    def write(self, line: bytes, rank: int) -> None:
        """Append ``line``; a full disk or pipe must not stop the proxy."""
        if self._descriptor < 0 or (self._path == STDERR and not _has_room(self._descriptor)):
            return
        if self._torn:
            line = b"\n" + line
        try:
            written = os.write(self._descriptor, line)
        except OSError:
            return
        self._torn = written < len(line)

    def reopen(self) -> None:
        """Open the file anew by its name: it was moved away (USR1).  Raises OSError; then the old one is kept."""
        if self._path != STDERR:
            old, self._descriptor = self._descriptor, self._open()
            self._torn = False
            os.close(old)

    def take_over(self, other: LogFile) -> None:
        """Go on with the descriptor of ``other``, which has none any more."""
        self.close()
        self._descriptor, other._descriptor = other._descriptor, -1

    def close(self) -> None:
        """Write no more."""
        old, self._descriptor = self._descriptor, -1
        if old >= 0:
            os.close(old)


def _has_room(descriptor: int) -> bool:
    """Would a write not block; standard error is shared with others, so it cannot be made non-blocking."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(0))


class SyslogLines:
    """``error_log syslog:…``: each line a datagram, whose severity is the line's level (``ngx_syslog_writer``)."""

    __slots__ = ("_facility", "_sender")

    def __init__(self, spec: Syslog, tell: Tell) -> None:
        self._facility = spec.priority & ~_LEAST_GRAVE
        self._sender = SyslogSender(spec, tell)

    def write(self, line: bytes, rank: int) -> None:
        """Send ``line``."""
        self._sender.send(line, self._facility + _LEAST_GRAVE - rank)

    def reopen(self) -> None:
        """Connect anew."""
        self._sender.reopen()

    def close(self) -> None:
        """Let go of the socket."""
        self._sender.close()
