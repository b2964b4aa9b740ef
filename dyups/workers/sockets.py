"""The master's listening sockets: opened once, kept across respawns and reloads, inherited by workers.

An address has one socket that all workers share, or, with ``reuseport``, one for each worker's place, which a new
worker in that place takes over with whatever waits in its queue.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterable

from dyups.config.model import Listen
from dyups.interfaces import Address
from dyups.net.sockets import close_listener
from dyups.workers.listening import open_all

#: How often a start tries an address in use, and how many seconds between: what a master that just ended left is freed
#: by its workers in a moment, a busy machine's moment perhaps (``ngx_open_listening_sockets``).
TRIES = 5
BETWEEN = 0.5

Key = tuple[Address, int]
Open = Callable[[Listen], socket.socket]


def open_listen(listen: Listen) -> socket.socket:
    """The socket that the directive asks for.  Raises OSError with the address in its ``filename``."""
    return open_all([listen])[0]


class Sockets:
    """All listening sockets, by address and place.  ``open_one`` is an argument for tests."""

    def __init__(self, open_one: Open = open_listen) -> None:
        self._open_one = open_one
        self._sockets: dict[Key, socket.socket] = {}

    def open(
        self, listens: Iterable[Listen], places: int, sleep: Callable[[float], None] | None = None
    ) -> None:
        """Have a socket for each of ``listens`` in each of ``places``; those that are open already stay as they are.

        With ``sleep`` an address in use is tried again, as at a start; a running master has no time for that.
        All or none: raises OSError with the address in its ``filename``, and then nothing has changed.
        """
        opened: list[Key] = []
        try:
            for listen in listens:
                for key in _keys(listen, places):
                    if key not in self._sockets:
                        self._sockets[key] = self._opened(listen, sleep)
                        opened.append(key)
                    else:
                        self._sockets[key].listen(listen.backlog)
        except OSError:
            for key in opened:
                close_listener(self._sockets.pop(key))
            raise

    def _opened(self, listen: Listen, sleep: Callable[[float], None] | None) -> socket.socket:
        if listen.reuseport:
            self._allow_sharing(listen.address)
        for _ in range(TRIES - 1):
            try:
                return self._open_one(listen)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or sleep is None:
                    raise
                sleep(BETWEEN)
        return self._open_one(listen)

    def _allow_sharing(self, address: Address) -> None:
        """An address that has become ``reuseport``: the socket it has must allow others beside it."""
        present = self._sockets.get((address, 0))
        if present is not None:
            present.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)

    def of(self, listens: Iterable[Listen], place: int) -> list[socket.socket]:
        """The sockets of the worker in ``place``, in the order of ``listens``."""
        return [self._sockets[listen.address, place if listen.reuseport else 0] for listen in listens]

    def close_others(self, listens: Iterable[Listen], places: int) -> None:
        """Close what none of ``listens`` in none of ``places`` needs."""
        needed = {key for listen in listens for key in _keys(listen, places)}
        for key in [*self._sockets]:
            if key not in needed:
                close_listener(self._sockets.pop(key))

    def close(self) -> None:
        """Close all."""
        self.close_others((), 0)


def _keys(listen: Listen, places: int) -> Iterable[Key]:
    return ((listen.address, place) for place in range(places if listen.reuseport else 1))


def reason_of(error: OSError) -> str:
    """nginx's words for an address that cannot be listened on."""
    return f"bind() to {error.filename} failed ({error.errno}: {os.strerror(error.errno or 0)})"
