"""The listening sockets of a process: all of them or none.

Opened before anything serves, so that an address in use is said on the terminal.  ``process`` calls this.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterable

from dyups.config.model import Listen
from dyups.interfaces import UnixAddress
from dyups.net.sockets import close_listener, open_listener


def open_all(listens: Iterable[Listen]) -> list[socket.socket]:
    """A socket for each ``listen``, in order.  Raises OSError with the address as nginx writes it in ``filename``."""
    opened: list[socket.socket] = []
    for listen in listens:
        try:
            opened.append(_open(listen))
        except OSError as error:
            close_all(opened)
            error.filename = str(listen.address)
            raise
    return opened


def close_all(sockets: Iterable[socket.socket]) -> None:
    """Close them; the files of UNIX sockets go too."""
    for sock in sockets:
        close_listener(sock)


def _open(listen: Listen) -> socket.socket:
    try:
        return _bind(listen)
    except OSError as error:
        address = listen.address
        if (
            error.errno != errno.EADDRINUSE
            or not isinstance(address, UnixAddress)
            or not _is_dead(address.path)
        ):
            raise
    # Unlike nginx, which wants a person to remove it: after ``kill -9`` a start has to come up by itself.
    os.unlink(address.path)
    return _bind(listen)


def _bind(listen: Listen) -> socket.socket:
    return open_listener(
        listen.address, backlog=listen.backlog, reuseport=listen.reuseport, ipv6only=listen.ipv6only
    )


def _is_dead(path: str) -> bool:
    """Is this the file of a UNIX socket that nobody listens on any more?"""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            return probe.connect_ex(path) == errno.ECONNREFUSED
    except OSError:
        return False
