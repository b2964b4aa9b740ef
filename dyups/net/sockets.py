"""Listening sockets, opened before there is a reactor: an address in use is said on the terminal."""

from __future__ import annotations

import errno
import os
import socket
import stat

from dyups.interfaces import Address, UnixAddress


def open_listener(
    address: Address, *, backlog: int = 511, reuseport: bool = False, ipv6only: bool = True
) -> socket.socket:
    """A listening, non-blocking socket at ``address``.

    ``backlog``, ``reuseport`` and ``ipv6only`` are the parameters of nginx's ``listen``.  A unix socket that nobody
    listens on any more is replaced.  Raises OSError.
    """
    if isinstance(address, UnixAddress):
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    else:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        _bind(sock, address, reuseport, ipv6only)
        sock.listen(backlog)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    return sock


def _bind(sock: socket.socket, address: Address, reuseport: bool, ipv6only: bool) -> None:
    if isinstance(address, UnixAddress):
        _remove_dead(address.path)
        sock.bind(address.path)
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuseport:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(ipv6only))
    sock.bind((address.host, address.port))


def _remove_dead(path: str) -> None:
    """Remove a socket file that a killed process left behind; one that answers is in use."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except OSError:
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
