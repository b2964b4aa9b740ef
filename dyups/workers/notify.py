"""systemd (or another service manager) hears how we are: ``Type=notify`` of ``systemd.service(5)``.

``NOTIFY_SOCKET`` names a datagram socket; what is said there is in ``sd_notify(3)``.  It is said by the process that
was started, the master, and never waited for.  ``tap`` makes the one that the environment asks for, and takes the
variables away, so that workers do not speak too.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, MutableMapping
from contextlib import suppress

#: ``0`` where another process is meant: systemd says whose watchdog it is.
_SOCKET, _WATCHDOG, _WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"

Send = Callable[[bytes], object]


class Manager:
    """Whoever started us.  ``send`` takes a datagram; ``watching`` is whether signs of life are wanted."""

    def __init__(
        self, send: Send | None = None, watching: bool = False, now: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._send = send
        self._watching = watching
        self._now = now

    def ready(self, status: str) -> None:
        """We serve: after a start, and after a reload, whatever came of it."""
        self._say("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """A reload has begun; :meth:`ready` ends it.  The time is ``CLOCK_MONOTONIC``'s, in microseconds."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={self._now() // 1000}", "STATUS=reloading")

    def stopping(self) -> None:
        """The end has begun."""
        self._say("STOPPING=1", "STATUS=shutting down")

    def status(self, status: str) -> None:
        """What people see in ``systemctl status``."""
        self._say(f"STATUS={status}")

    def alive(self) -> None:
        """To be called several times a second: the watchdog wants to know."""
        if self._watching:
            self._say("WATCHDOG=1")

    def _say(self, *lines: str) -> None:
        if self._send is not None:
            text = "\n".join(line.replace("\n", " ") for line in lines)
            with suppress(OSError):  # a manager that does not listen is no reason to stop
                self._send(text.encode(errors="backslashreplace"))


#: Nobody hears this one.
NOBODY = Manager()


def manager_of(environment: MutableMapping[str, str]) -> Manager:
    """The one that ``environment`` names, which does not name it any more then; one that nobody hears otherwise."""
    path = environment.pop(_SOCKET, "")
    wanted = environment.pop(_WATCHDOG, "")
    whose = environment.pop(_WATCHDOG_PID, "")
    if path[:1] not in ("/", "@"):
        return NOBODY
    return Manager(_sender(path), wanted.isdigit() and whose in ("", str(os.getpid())))


def _sender(path: str) -> Send:
    """Each datagram has a socket of its own: a daemon closes what it does not know."""
    address = "\0" + path[1:] if path.startswith("@") else path

    def send(data: bytes) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.setblocking(False)
            out.sendto(data, address)

    return send
