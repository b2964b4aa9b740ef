"""``pid FILE``: the number of the process that serves, as nginx keeps it.

Tried when the sockets listen and before the process becomes a daemon, so that a folder that is missing is said on the
terminal.  Written as the service starts, when the process has its final number; taken away at the end.  A file that an
earlier process left behind is overwritten, whatever number it holds: two proxies on one configuration are told apart by
their ports.  ``tap`` makes it.
"""

from __future__ import annotations

import os
from contextlib import suppress

from twisted.application.service import Service


class PidFile(Service):
    """Holds the number at ``path`` for as long as it runs.  Made, it raises OSError where the file cannot be."""

    name = "pid"

    def __init__(self, path: str) -> None:
        self._path = path
        with suppress(OSError):  # opening says why, with the name of the file
            os.mkdir(os.path.dirname(path))
        with open(path, "a", encoding="ascii"):
            pass

    def privilegedStartService(self) -> None:
        """Write the number of this process, before its privileges are shed."""
        with open(self._path, "w", encoding="ascii") as file:
            file.write(f"{os.getpid()}\n")

    def stopService(self) -> None:
        """Take the file away, unless another process has written its own number there since."""
        super().stopService()  # type: ignore[no-untyped-call]
        with suppress(OSError, ValueError):
            with open(self._path, encoding="ascii") as file:
                number = int(file.read())
            if number == os.getpid():
                os.unlink(self._path)
