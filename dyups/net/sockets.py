"""Listening sockets, opened before there are workers to accept on them.

Owns what nginx does between ``listen`` and ``accept``: options, bind, mode of a UNIX socket's file, backlog, and the
removal of that file at the end.  Knows no reactor: the descriptor goes to ``adoptStreamPort``, in this process or in a
worker that inherits it.  ``workers`` calls this.
"""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Any

from dyups.interfaces import Address, UnixAddress

#: nginx's default backlog on Linux.
BACKLOG = 511

_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV


def open_listener(
    address: Address, *, backlog: int = BACKLOG, reuseport: bool = False, ipv6only: bool = True
) -> socket.socket:
    """A bound, listening, non-blocking socket; it is not inherited unless made so.

    The options are those of nginx's ``listen``.  Raises ``OSError`` as the system words it; ``EADDRINUSE`` also for
    the file of a UNIX socket that somebody left behind, which nginx does not remove either: it may be in use.
    """
    if isinstance(address, UnixAddress):
        listener = _bound_unix(address.path)
    else:
        listener = _bound_tcp(address.host, address.port, reuseport, ipv6only)
    try:
        listener.listen(backlog)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def close_listener(listener: socket.socket) -> None:
    """Close, and remove the file of a UNIX socket, as nginx's master does when it ends."""
    path: Any = listener.getsockname() if listener.family == socket.AF_UNIX else ""
    listener.close()
    if path and path[:1] not in ("\0", b"\0"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _bound_unix(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(path)
        if not path.startswith("\0"):
            os.chmod(path, 0o666)  # anyone may connect, as with nginx
    except BaseException:
        listener.close()
        raise
    return listener


def _bound_tcp(host: str, port: int, reuseport: bool, ipv6only: bool) -> socket.socket:
    family, kind, protocol, _, name = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=_NUMERIC)[
        0
    ]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuseport:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(ipv6only))
        listener.bind(name)
    except BaseException:
        listener.close()
        raise
    return listener
