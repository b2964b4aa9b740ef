"""The files of the access logs: lines are gathered in memory and appended in batches.

Owns when a batch is written and what becomes of what cannot be: it is lost, which is said once until a write succeeds
again, and nothing stops.  ``accesslog`` owns which lines go where.

A batch is one ``write(2)`` on a descriptor opened for appending, so the lines of several processes do not mix.  A pipe
that nobody reads is not waited for.  A timer exists only while something waits to be written.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: Seconds that a line waits for others where nothing is configured.
PAUSE = 0.01
#: Bytes that wait at most where nothing is configured.
MOST_WAITING = 65536
#: Files whose lines wait at the same time, of one path with variables.
MOST_FILES = 64

#: Hears what failed, in nginx's words.
Tell = Callable[[str], object]


def failed(call: str, path: str | bytes, error: OSError) -> str:
    """nginx's words for a call that failed."""
    to = " to" if call == "write" else ""
    return f'{call}(){to} "{os.fsdecode(path)}" failed ({error.errno}: {os.strerror(error.errno or 0)})'


def incomplete(path: str | bytes, written: int, size: int) -> str:
    """nginx's words for a write that a full disk cut short."""
    return f'write() to "{os.fsdecode(path)}" was incomplete: {written} of {size}'


def open_log(path: str | bytes) -> int:
    """A descriptor that appends to the file, which exists from now on.

    Raises OSError, and ValueError for a name with a NUL.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    return os.open(path, flags, 0o644)


class Waiting:
    """When a batch is written: after ``pause`` seconds (None: only when it is full), or at once without a clock."""

    __slots__ = ("_call", "_clock", "_pause", "_write")

    def __init__(self, pause: float | None, write: Callable[[], None]) -> None:
        self._pause = pause
        self._write = write
        self._clock: IReactorTime | None = None
        self._call: IDelayedCall | None = None

    def start(self, clock: IReactorTime) -> None:
        """From now on lines wait for each other."""
        self._clock = clock

    def stop(self) -> None:
        """From now on they do not."""
        self._clock = None
        self.done()

    def begin(self) -> None:
        """The first line of a batch has come."""
        if self._clock is None:
            self._write()
        elif self._pause is not None and self._call is None:
            self._call = self._clock.callLater(self._pause, self._due)

    def done(self) -> None:
        """The batch has been written."""
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()

    def _due(self) -> None:
        self._call = None
        self._write()


class _Batches:
    """Lines that wait for each other, and the telling of trouble with them."""

    __slots__ = ("_tell", "_troubled", "_waiting")

    def __init__(self, tell: Tell, pause: float | None) -> None:
        self._tell = tell
        self._troubled = False
        """The last write failed, and that has been told."""
        self._waiting = Waiting(pause, self.flush)

    def _trouble(self, text: str) -> None:
        if not self._troubled:
            self._troubled = True
            self._tell(f"{text} while logging requests")

    def start(self, clock: IReactorTime) -> None:
        """From now on lines wait for each other; until now each was written at once."""
        self._waiting.start(clock)

    def stop(self) -> None:
        """Write what waits, and from now on each line at once."""
        self._waiting.stop()
        self.flush()

    def flush(self) -> None:
        """Write what waits."""
        raise RuntimeError("where lines go is for a kind of file to say")


class BatchFile(_Batches):
    """The file at ``path``, open all the time; where it cannot be opened that is told, and lines are lost."""

    __slots__ = (
        "_bound",
        "_descriptor",
        "_level",
        "_lines",
        "_path",
        "_size",
        "_torn",
    )

    def __init__(
        self, path: str, tell: Tell, bound: int = MOST_WAITING, pause: float | None = PAUSE, level: int = 0
    ) -> None:
        super().__init__(tell, pause)
        self._level = level
        """Of compression: each batch is a member of its own (RFC 1952 section 2.2); 0 for none."""
        self._path = path
        self._bound = bound
        self._lines: list[bytes] = []
        self._size = 0
        self._torn = False
        """The last line is incomplete: the disk was full."""
        self._descriptor = -1
        try:
            self._descriptor = open_log(path)
        except OSError as error:
            tell(failed("open", path, error))

    def add(self, line: bytes) -> None:
        """Append ``line``, soon."""
        if self._size + len(line) > self._bound:
            self.flush()
        self._lines.append(line)
        self._size += len(line)
        if len(self._lines) == 1:
            self._waiting.begin()
        if self._size >= self._bound:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        lines, self._lines = self._lines, []
        self._size = 0
        self._waiting.done()
        if lines and self._descriptor >= 0:
            self._append(b"".join(lines))

    def _append(self, batch: bytes) -> None:
        if self._level:
            batch = gzip.compress(batch, self._level)
        elif self._torn:
            batch = b"\n" + batch
        try:
            written = os.write(self._descriptor, batch)
        except OSError as error:
            self._trouble(failed("write", self._path, error))
            return
        self._torn = written < len(batch) and (written == 0 or batch[written - 1 : written] != b"\n")
        if written < len(batch):
            self._trouble(incomplete(self._path, written, len(batch)))
        else:
            self._troubled = False

    def reopen(self) -> None:
        """Open the file anew by its name: it was moved away (USR1).  Raises OSError; then the old one is kept."""
        self.flush()
        old, self._descriptor = self._descriptor, open_log(self._path)
        self._torn = self._troubled = False
        if old >= 0:
            os.close(old)

    def close(self) -> None:
        """Write what waits, and no more."""
        self.stop()
        old, self._descriptor = self._descriptor, -1
        if old >= 0:
            os.close(old)


class NamedFiles(_Batches):
    """The files of a path with variables: opened for each batch and closed again, as nginx does it for each line."""

    __slots__ = ("_size", "_waiting_lines")

    def __init__(self, tell: Tell) -> None:
        super().__init__(tell, PAUSE)
        self._size = 0
        self._waiting_lines: dict[bytes, list[bytes]] = {}

    def add(self, line: bytes, path: bytes) -> None:
        """Append ``line`` to the file at ``path``, soon."""
        lines = self._waiting_lines.setdefault(path, [])
        lines.append(line)
        self._size += len(line)
        if self._size == len(line):
            self._waiting.begin()
        if self._size >= MOST_WAITING or len(self._waiting_lines) >= MOST_FILES:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        found, self._waiting_lines = self._waiting_lines, {}
        self._size = 0
        self._waiting.done()
        for path, lines in found.items():
            self._append(path, b"".join(lines))

    def _append(self, path: bytes, batch: bytes) -> None:
        try:
            descriptor = open_log(path)
        except OSError as error:
            self._trouble(failed("open", path, error))
            return
        except ValueError:  # a NUL, decoded from the request
            self._trouble("open() of a log failed: its name has a NUL")
            return
        try:
            written = os.write(descriptor, batch)
            if written < len(batch):
                self._trouble(incomplete(path, written, len(batch)))
            else:
                self._troubled = False
        except OSError as error:
            self._trouble(failed("write", path, error))
        finally:
            os.close(descriptor)

    def reopen(self) -> None:
        """Write what waits; nothing stays open."""
        self.flush()

    def close(self) -> None:
        """Write what waits."""
        self.stop()
