"""``error_log``: Twisted's log events as lines in nginx's form, in as many files as are configured.

    2026/11/22 12:00:00 [error] 123#123: *7 message

One observer writes to all files, each from its own level on.  ``tap`` installs it.

Each line is one ``write(2)`` on a descriptor opened for appending, as nginx does it: nothing is held in memory, lines
of several processes do not mix, and what a full disk refuses is lost and troubles nobody.  A pipe that nobody reads is
not waited for.
"""

from __future__ import annotations

import os
import re
import select
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer

from dyups.config.model import ErrorLog

#: nginx's levels, the gravest last.
ORDER = ("debug", "info", "notice", "warn", "error", "crit", "alert", "emerg")
_RANKS = {name: rank for rank, name in enumerate(ORDER)}
_NAMES = {
    LogLevel.debug: "debug",
    LogLevel.info: "info",
    LogLevel.warn: "warn",
    LogLevel.error: "error",
    LogLevel.critical: "crit",
}
_CONTROLS = re.compile("[\x00-\x1f\x7f]")
_STDERR = "stderr"


def level_of(event: LogEvent) -> str:
    """nginx's level of an event: its own if it has one, else Twisted's translated."""
    own = event.get("nginx_level")
    if own in _RANKS:
        return str(own)
    return _NAMES.get(event.get("log_level", LogLevel.info), "info")


def format_line(event: LogEvent, level: str) -> str:
    """One entry, ended by a newline.

    What comes from outside must not begin an entry of its own: control characters in our own messages are escaped,
    and the further lines of other texts (tracebacks) are indented.
    """
    stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(event.get("log_time", time.time())))
    text = formatEvent(event)
    if "nginx_level" in event:
        text = "\n".join(map(_escaped, (text, *event.get("further", ()))))
    failure = event.get("log_failure")
    if failure is not None:
        text = f"{text}\n{failure.getTraceback()}"
    text = text.strip().replace("\n", "\n\t")
    return f"{stamp} [{level}] {os.getpid()}#{threading.get_native_id()}: {text}\n"


def _escaped(line: str) -> str:
    return _CONTROLS.sub(lambda match: f"\\x{ord(match[0]):02X}", line)


def make_folder(path: str) -> None:
    """Make the folder that ``path`` is to be in, where only that one is missing: ``logs`` on the first start.

    nginx's packages ship it.  A prefix that is not there stays so, and opening ``path`` says why it fails.
    """
    with suppress(OSError):
        os.mkdir(os.path.dirname(path))


class LogFile:
    """One ``error_log`` file, which exists from now on.  Raises OSError where it cannot be opened."""

    __slots__ = ("_descriptor", "_path", "_torn", "threshold")

    def __init__(self, spec: ErrorLog) -> None:
        self._path = spec.path
        self.threshold = _RANKS[spec.level]
        self._torn = False
        """The last line is incomplete: the disk was full."""
        self._descriptor = self._open()

    def _open(self) -> int:
        """A descriptor of our own; -1 where there is no standard error (closed by whoever started us)."""
        if self._path == _STDERR:
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

    @property
    def is_standard_error(self) -> bool:
        """Is it ``stderr``, and no file?"""
        return self._path == _STDERR

    def write(self, line: bytes) -> None:
        """Append ``line``; a full disk or pipe must not stop the proxy."""
        if self._descriptor < 0 or (self._path == _STDERR and not _has_room(self._descriptor)):
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
        if self._path != _STDERR:
            old, self._descriptor = self._descriptor, self._open()
            self._torn = False
            os.close(old)

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


@implementer(ILogObserver)
class ErrorLogObserver:
    """Writes events to every file whose level they reach."""

    def __init__(self, specs: Iterable[ErrorLog]) -> None:
        self._files: list[LogFile] = []
        try:
            for spec in specs:
                self._files.append(LogFile(spec))
        except OSError:
            self.close()
            raise
        self._lowest = min((file.threshold for file in self._files), default=len(ORDER))

    def __call__(self, event: LogEvent) -> None:
        """One event."""
        level = level_of(event)
        rank = _RANKS[level]
        if rank < self._lowest:
            return
        line = format_line(event, level).encode("utf-8", "backslashreplace")
        for file in self._files:
            if rank >= file.threshold:
                file.write(line)

    def reopen(self) -> list[str]:
        """Open all files anew; why some could not be, in nginx's words (their old files go on)."""
        problems: list[str] = []
        for file in self._files:
            try:
                file.reopen()
            except OSError as error:
                words = os.strerror(error.errno or 0)
                problems.append(f'open() "{error.filename}" failed ({error.errno}: {words})')
        return problems

    def become(self, other: ErrorLogObserver) -> None:
        """Go on with the files of ``other``, which is not to be used any more (a reload).

        Standard error stays the one that the process was started with.
        """
        before = self._files
        kept = next((file for file in before if file.is_standard_error), None)
        self._files, self._lowest = [], other._lowest
        for file in other._files:
            if kept is not None and file.is_standard_error:
                kept.threshold = file.threshold
                file.close()
                file = kept
            self._files.append(file)
        for file in before:
            if file not in self._files:
                file.close()

    @property
    def standard_error(self) -> int | None:
        """The standard error that we were started with, where it is among the files; workers are to have it too."""
        return next((file.descriptor for file in self._files if file.is_standard_error), None)

    def close(self) -> None:
        """Close all files."""
        for file in self._files:
            file.close()
