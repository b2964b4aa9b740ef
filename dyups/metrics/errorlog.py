"""``error_log``: Twisted's log events as lines in nginx's form, in as many files as are configured.

    2026/11/22 12:00:00 [error] 123#123: *7 message

One observer writes to all files, each from its own level on.  ``tap`` installs it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import IO

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer

from dyups.config.model import ErrorLog

#: nginx's levels, the gravest last.
ORDER = ("debug", "info", "notice", "warn", "error", "crit", "alert", "emerg")
_NAMES = {
    LogLevel.debug: "debug",
    LogLevel.info: "info",
    LogLevel.warn: "warn",
    LogLevel.error: "error",
    LogLevel.critical: "crit",
}


def level_of(event: LogEvent) -> str:
    """nginx's level of an event: its own if it has one, else Twisted's translated."""
    own = event.get("nginx_level")
    return own if isinstance(own, str) else _NAMES.get(event.get("log_level", LogLevel.info), "info")


def format_line(event: LogEvent, level: str) -> str:
    """One line; a failure's traceback follows on lines of its own."""
    stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(event.get("log_time", time.time())))
    text = formatEvent(event)
    failure = event.get("log_failure")
    if failure is not None:
        text = f"{text}\n{failure.getTraceback()}".rstrip()
    return f"{stamp} [{level}] {os.getpid()}#{threading.get_native_id()}: {text}\n"


def make_folder(path: str) -> None:
    """Make the folder that ``path`` is to be in, where only that one is missing: ``logs`` on the first start.

    nginx's packages ship it.  A prefix that is not there stays so, and opening ``path`` says why it fails.
    """
    with suppress(OSError):
        os.mkdir(os.path.dirname(path))


class LogFile:
    """One ``error_log`` file; raises OSError where it cannot be opened."""

    def __init__(self, spec: ErrorLog) -> None:
        self._path = spec.path
        self.threshold = ORDER.index(spec.level)
        self._file = self._open()

    def _open(self) -> IO[str] | None:
        if self._path == "stderr":
            return None
        make_folder(self._path)
        return open(self._path, "a", encoding="utf-8", errors="backslashreplace", buffering=1)

    def write(self, line: str) -> None:
        """Append ``line``; a full disk must not stop the proxy."""
        target = self._file or sys.__stderr__
        if target is not None:
            with suppress(OSError, ValueError):
                target.write(line)

    def reopen(self) -> None:
        """Open the file anew by its name: it was moved away (USR1)."""
        old, self._file = self._file, self._open()
        if old is not None:
            old.close()


@implementer(ILogObserver)
class ErrorLogObserver:
    """Writes events to every file whose level they reach."""

    def __init__(self, specs: Iterable[ErrorLog]) -> None:
        self._files = [LogFile(spec) for spec in specs]
        self._lowest = min((file.threshold for file in self._files), default=len(ORDER))

    def __call__(self, event: LogEvent) -> None:
        """One event."""
        level = level_of(event)
        rank = ORDER.index(level)
        if rank < self._lowest:
            return
        line = format_line(event, level)
        for file in self._files:
            if rank >= file.threshold:
                file.write(line)

    def reopen(self) -> None:
        """Open all files anew."""
        for file in self._files:
            file.reopen()
