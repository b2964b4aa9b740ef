"""``access_log``: a line for each request, to the logs of its location.

Owns which lines go to which log.  ``logformat`` makes the lines, ``logfile`` writes them.  The wiring floor makes one
:class:`AccessLogs` per process, gives :meth:`AccessLogs.write` to the data plane, which calls it once for each request
whose location has a log, and starts, stops and reopens it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from twisted.internet.interfaces import IReactorTime

from dyups.config.model import AccessLog, Http, Location, LocationSettings, Syslog, inner_locations
from dyups.errors import ConfigError
from dyups.metrics.errorfile import make_folder
from dyups.metrics.logfile import MOST_WAITING, PAUSE, BatchFile, NamedFiles, Tell, failed, open_log
from dyups.metrics.logformat import compile_line
from dyups.metrics.syslog import SyslogSender

#: What is done when a request is complete; the argument is the data plane's ``Exchange``.
Record = Callable[[Any], None]
#: What a file's ``buffer`` says, by path.
Buffers = dict[str, tuple[int, float | None, int]]


class AccessLogs:
    """All access logs of a configuration; ``tell`` hears, in nginx's words, of files that cannot be written.

    Before :meth:`start` and after :meth:`stop` each line is written at once.
    """

    __slots__ = ("_files", "_named", "_records", "_senders", "_tell")

    def __init__(self, http: Http, tell: Tell) -> None:
        """Kept, for its tuples are known by their identity."""
        self._tell = tell
        self._files: dict[str, BatchFile] = {}
        self._named = NamedFiles(tell)
        self._senders: dict[Syslog, SyslogSender] = {}
        self._records: dict[int, Record] = {}
        chosen = {id(found.access_log): used(found.access_log) for found in each_settings(http)}
        buffers = _buffers(log for logs in chosen.values() for log in logs)
        for key, logs in chosen.items():
            self._records[key] = _in_turn([self._record(log, buffers) for log in logs])

    def _record(self, log: AccessLog, buffers: Buffers) -> Record:
        line = compile_line(log.format)
        if log.path.constant is None:
            path, add_named = log.path.render, self._named.add
            return _conditional(log, lambda exchange: add_named(line(exchange), path(exchange)))
        if log.syslog is not None:
            add = self._sender(log.syslog).add
        else:
            add = self._file(log.path.source, buffers).add
        return _conditional(log, lambda exchange: add(line(exchange)))

    def _file(self, path: str, buffers: Buffers) -> BatchFile:
        """The file at ``path``, one for all logs that name it."""
        found = self._files.get(path)
        if found is None:
            found = self._files[path] = BatchFile(
                path, self._tell, *buffers.get(path, (MOST_WAITING, PAUSE, 0))
            )
        return found

    def _sender(self, target: Syslog) -> SyslogSender:
        """The sender to ``target``, one for all logs that go there."""
        found = self._senders.get(target)
        if found is None:
            found = self._senders[target] = SyslogSender(target, self._tell)
        return found

    def write(self, exchange: Any) -> None:
        """A request is complete: its line to each log of its location."""
        self._records.get(id(exchange.route.settings.access_log), _nothing)(exchange)

    # -- life --------------------------------------------------------------------------------------------------

    def _all(self) -> Iterator[BatchFile | NamedFiles]:
        yield from self._files.values()
        yield self._named

    def start(self, clock: IReactorTime) -> None:
        """From now on lines are written in batches."""
        for file in self._all():
            file.start(clock)

    def stop(self) -> None:
        """Write what waits; lines that still come are written at once."""
        for file in self._all():
            file.stop()

    def reopen(self) -> list[str]:
        """Open all files anew; why some could not be, in nginx's words (their old files go on)."""
        problems: list[str] = []
        for file in self._all():
            try:
                file.reopen()
            except OSError as error:
                problems.append(failed("open", error.filename, error))
        for sender in self._senders.values():
            sender.reopen()
        return problems

    def close(self) -> None:
        """Write what waits, and no more."""
        for each in (*self._all(), *self._senders.values()):
            each.close()


def check_access_logs(http: Http) -> None:
    """Make the files of ``http``, each in a folder that may be missing; what a start does before it is one.

    Raises ConfigError, in nginx's words, for a file that cannot be opened.
    """
    logs = [log for settings in each_settings(http) for log in used(settings.access_log)]
    files = (log for log in logs if log.path.constant is not None and log.syslog is None)
    for path in dict.fromkeys(log.path.source for log in files):
        make_folder(path)
        try:
            os.close(open_log(path))
        except OSError as error:
            raise ConfigError(failed("open", path, error)) from None


def each_settings(http: Http) -> Iterator[LocationSettings]:
    """The settings of all servers and locations."""
    for listen in http.listens:
        for server in listen.servers:
            yield server.settings
            yield from _inside(inner_locations(server))


def _inside(locations: Iterable[Location]) -> Iterator[LocationSettings]:
    for location in locations:
        yield location.settings
        yield from _inside(inner_locations(location))


def used(logs: tuple[AccessLog | None, ...]) -> tuple[AccessLog, ...]:
    """The logs that count: none where one of them is ``off``."""
    found = tuple(log for log in logs if log is not None)
    return found if len(found) == len(logs) else ()


def _buffers(logs: Iterable[AccessLog]) -> Buffers:
    """Of the files that have a ``buffer``, by path: it holds for all logs that name the file."""
    return {log.path.source: (log.buffer, log.flush or None, log.gzip) for log in logs if log.buffer}


def _nothing(exchange: Any) -> None:
    """The record of a location without logs."""


def _in_turn(records: list[Record]) -> Record:
    """One record that does all; nearly always there is one."""
    if not records:
        return _nothing
    if len(records) == 1:
        return records[0]

    def record(exchange: Any) -> None:
        for each in records:
            each(exchange)

    return record


def _conditional(log: AccessLog, record: Record) -> Record:
    """``if=``."""
    if log.condition is None:
        return record
    wanted = log.condition.render

    def conditional(exchange: Any) -> None:
        if wanted(exchange) not in (b"", b"0"):
            record(exchange)

    return conditional
