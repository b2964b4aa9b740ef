"""``error_log``: Twisted's log events as lines in nginx's form, in as many logs as are configured.

    2026/11/22 12:00:00 [error] 123#123: *7 message

One observer writes to all logs, each from its own level on.  ``tap`` installs it.  What is said of a request comes as a
:class:`Placed` text, which knows the logs of its ``server`` or ``location``; everything else goes to those outside
``http``.  So the logs of a request are found only when there is a line to write.

``errorfile`` writes.
"""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer

from dyups.config.model import ErrorLog, Settings, Syslog
from dyups.metrics.accesslog import each_settings
from dyups.metrics.errorfile import STDERR, LogFile, SyslogLines, Target

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


class Placed(str):
    """A message of a request: it goes to the logs of the place where the request is."""

    __slots__ = ("logs",)

    logs: tuple[ErrorLog, ...]


def placed(text: str, logs: tuple[ErrorLog, ...]) -> str:
    """``text``, for ``logs``."""
    found = Placed(text)
    found.logs = logs
    return found


def placed_as(other: str, text: str) -> str:
    """``text``, for the logs that ``other`` is for."""
    return placed(text, other.logs) if isinstance(other, Placed) else text


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


class _Logs(NamedTuple):
    """The logs of one place."""

    lowest: int
    targets: list[tuple[int, Target]]
    """Each with the level that it takes."""


@implementer(ILogObserver)
class ErrorLogObserver:
    """Writes events to every log whose level they reach: ``specs``, or for requests one of ``places``.

    Raises OSError where a file cannot be opened.
    """

    def __init__(self, specs: Iterable[ErrorLog], places: Iterable[tuple[ErrorLog, ...]] = ()) -> None:
        self._targets: dict[str | Syslog, Target] = {}
        """Open, by path or by what is said of a syslog server."""
        self._early: list[str] | None = []
        """What could not be told yet: the logs are not open."""
        try:
            self._main = self._open(tuple(specs))
            self._places = {logs: self._open(logs) for logs in dict.fromkeys(places)}
        except OSError:
            self.close()
            raise
        early, self._early = self._early, None
        for text in early:
            self._tell(text)

    def _open(self, specs: Sequence[ErrorLog]) -> _Logs:
        targets = [(_RANKS[spec.level], self._target(spec)) for spec in specs]
        return _Logs(min((threshold for threshold, _ in targets), default=len(ORDER)), targets)

    def _target(self, spec: ErrorLog) -> Target:
        key = spec.syslog or spec.path
        found = self._targets.get(key)
        if found is None:
            found = LogFile(spec.path) if spec.syslog is None else SyslogLines(spec.syslog, self._tell)
            self._targets[key] = found
        return found

    def _tell(self, text: str) -> None:
        """Trouble of our own."""
        if self._early is not None:
            self._early.append(text)
        else:
            self({"log_format": "{text}", "text": text, "log_time": time.time(), "nginx_level": "alert"})

    def __call__(self, event: LogEvent) -> None:
        """One event."""
        level = level_of(event)
        rank = _RANKS[level]
        text = event.get("text")
        logs = self._places.get(text.logs, self._main) if isinstance(text, Placed) else self._main
        if rank < logs.lowest:
            return
        line = format_line(event, level).encode("utf-8", "backslashreplace")
        for threshold, target in logs.targets:
            if rank >= threshold:
                target.write(line, rank)

    def reopen(self) -> list[str]:
        """Open all files anew; why some could not be, in nginx's words (their old files go on)."""
        problems: list[str] = []
        for target in self._targets.values():
            try:
                target.reopen()
            except OSError as error:
                words = os.strerror(error.errno or 0)
                problems.append(f'open() "{error.filename}" failed ({error.errno}: {words})')
        return problems

    def become(self, other: ErrorLogObserver) -> None:
        """Go on with the logs of ``other``, which is not to be used any more (a reload).

        Standard error stays the one that the process was started with.
        """
        before, kept = self._targets, self._targets.get(STDERR)
        self._targets, self._main, self._places = other._targets, other._main, other._places
        new = self._targets.get(STDERR)
        if isinstance(kept, LogFile) and isinstance(new, LogFile):
            new.take_over(kept)
        for target in before.values():
            target.close()

    @property
    def standard_error(self) -> int | None:
        """The standard error that we were started with, where it is among the logs; workers are to have it too."""
        found = self._targets.get(STDERR)
        return found.descriptor if isinstance(found, LogFile) else None

    def close(self) -> None:
        """Close all logs."""
        for target in self._targets.values():
            target.close()


def observer_of(settings: Settings) -> ErrorLogObserver:
    """All error logs of a configuration.  Raises OSError where a file cannot be opened."""
    blocks = each_settings(settings.http) if settings.http is not None else ()
    places = (found.error_log for found in blocks if found.error_log != settings.error_log)
    return ErrorLogObserver(settings.error_log, places)
