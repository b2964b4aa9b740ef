"""``pid FILE``: the number of the process that serves, as nginx keeps it.

Tried when the sockets listen and before the process becomes a daemon, so that a folder that is missing, or a disk that
is full, is said on the terminal.  Written as the service starts, when the process has its final number; taken away at
the end.  A file that an earlier process left behind is overwritten, whatever number it holds: two proxies on one
configuration are told apart by their ports.  ``tap`` makes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from twisted.application.service import Service


def _raised(error: OSError) -> NoReturn:
    raise error


class PidFile(Service):
    """Holds the number at ``path`` for as long as it runs.

    Made, it raises OSError with the path in ``filename`` where the file cannot be, or cannot hold a number.  Where that
    turns out later, ``refuse`` is called with such an error, and ends the process.
    """

    name = "pid"

    def __init__(self, path: str, refuse: Callable[[OSError], NoReturn] = _raised) -> None:
        self._path = path
        self._refuse = refuse
        with suppress(OSError):  # opening says why, with the name of the file
            os.mkdir(os.path.dirname(path))
        self._try()

    def _try(self) -> None:
        """Is there room for a number?  Who waits for the file, as the tests of nginx do, finds one in it: it stays only
        where it was before."""
        there = os.path.lexists(self._path)
        if not self._write(b""):
            self._write(b"\n")
            self._write(b"", 0)
        if not there:
            os.unlink(self._path)

    def _write(self, data: bytes, size: int | None = None) -> int:
        """Write at the beginning, cut to ``size`` if it is given; how large the file is.  Raises OSError."""
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                # No new room is needed where there was a number before: it is not cut before it is written.
                os.write(handle, data)
                if size is not None:
                    os.ftruncate(handle, size)
                return os.fstat(handle).st_size
            finally:
                os.close(handle)
        except OSError as error:
            raise OSError(error.errno, os.strerror(error.errno or 0), self._path) from error

    def privilegedStartService(self) -> None:
        """Write the number of this process, before its privileges are shed."""
        number = b"%d\n" % os.getpid()
        try:
            self._write(number, len(number))
        except OSError as error:
            with suppress(OSError):
                os.unlink(self._path)
            self._refuse(error)

    def stopService(self) -> None:
        """Take the file away, unless another process has written its own number there since."""
        super().stopService()  # type: ignore[no-untyped-call]
        with suppress(OSError, ValueError):
            with open(self._path, encoding="ascii") as file:
                number = int(file.read())
            if number == os.getpid():
                os.unlink(self._path)
