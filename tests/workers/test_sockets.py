"""Tests of dyups.workers.sockets."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import Listen, LocationSettings, Server, ServerSettings
from dyups.interfaces import Address, TcpAddress, UnixAddress
from dyups.workers import sockets as module
from dyups.workers.sockets import Sockets, open_listen, reason_of

SERVER = Server((), ServerSettings(), LocationSettings())


def listen(address: Address, reuseport: bool = False) -> Listen:
    return Listen(address, (SERVER,), SERVER, reuseport=reuseport)


ONE, TWO, THREE = (listen(TcpAddress("127.0.0.1", port)) for port in (1, 2, 3))
SHARED = listen(TcpAddress("127.0.0.1", 4), reuseport=True)


class FakeSocket:
    """A listening socket on paper."""

    family = socket.AF_INET

    def __init__(self, listen: Listen, number: int) -> None:
        self.name = f"{listen.address}#{number}"
        self.closed = False
        self.options: list[Any] = []

    def __repr__(self) -> str:
        return self.name

    def listen(self, backlog: int) -> None:
        self.options.append(("listen", backlog))

    def setsockopt(self, *option: int) -> None:
        self.options.append(option)

    def close(self) -> None:
        self.closed = True


class SocketsTests(SynchronousTestCase):
    """Which sockets are open."""

    def setUp(self) -> None:
        self.made: list[FakeSocket] = []
        self.refused: dict[Address, list[int]] = {}
        self.slept: list[float] = []
        self.sockets = Sockets(self.open_one)

    def open_one(self, wanted: Listen) -> Any:
        errors = self.refused.get(wanted.address)
        if errors:
            raise OSError(errors.pop(0), "no")
        self.made.append(FakeSocket(wanted, len(self.made)))
        return self.made[-1]

    def names(self, *listens: Listen, place: int = 0) -> list[str]:
        return [repr(sock) for sock in self.sockets.of(listens, place)]

    def open(self) -> list[str]:
        return [sock.name for sock in self.made if not sock.closed]

    def test_shared(self) -> None:
        """All workers share one socket for each address."""
        self.sockets.open([ONE, TWO], 3)
        self.assertEqual(self.names(TWO, ONE), self.names(TWO, ONE, place=2))
        self.assertEqual(self.names(TWO, ONE), ["127.0.0.1:2#1", "127.0.0.1:1#0"])

    def test_reuseport(self) -> None:
        """With reuseport each place has its own, which stays the same for whoever comes into that place."""
        self.sockets.open([SHARED], 2)
        self.assertEqual(
            [self.names(SHARED, place=place) for place in (0, 1, 0)],
            [["127.0.0.1:4#0"], ["127.0.0.1:4#1"], ["127.0.0.1:4#0"]],
        )

    def test_reload(self) -> None:
        """An address that stays keeps its socket, with the backlog of now; what nobody needs is closed."""
        self.sockets.open([ONE, TWO, SHARED], 2)
        self.sockets.open([TWO, THREE, SHARED], 1)
        self.assertEqual(self.made[1].options, [("listen", 511)])
        self.assertEqual(len(self.open()), 5)
        self.sockets.close_others([TWO, THREE, SHARED], 1)
        self.assertEqual(self.open(), ["127.0.0.1:2#1", "127.0.0.1:4#2", "127.0.0.1:3#4"])
        self.sockets.close()
        self.assertEqual(self.open(), [])

    def test_becomes_reuseport(self) -> None:
        """The socket that an address has allows the new ones beside it."""
        self.sockets.open([listen(SHARED.address)], 2)
        self.sockets.open([SHARED], 2)
        self.assertIn((socket.SOL_SOCKET, socket.SO_REUSEPORT, 1), self.made[0].options)
        self.assertEqual(self.names(SHARED, place=1), ["127.0.0.1:4#1"])

    def test_all_or_none(self) -> None:
        """Where one address cannot be had, those that were opened for it are closed, and the old ones stay."""
        self.sockets.open([ONE], 1)
        self.refused[THREE.address] = [errno.EACCES]
        self.assertRaises(OSError, self.sockets.open, [ONE, TWO, THREE], 1)
        self.assertEqual(self.open(), ["127.0.0.1:1#0"])
        self.sockets.open([TWO], 1)

    def test_tried_again(self) -> None:
        """A start tries an address in use for two seconds: a master that just ended may have left its workers."""
        self.refused[ONE.address] = [errno.EADDRINUSE] * 4
        self.sockets.open([ONE], 1, self.slept.append)
        self.assertEqual(self.slept, [0.5] * 4)
        self.refused[TWO.address] = [errno.EADDRINUSE] * 5
        self.assertRaises(OSError, self.sockets.open, [TWO], 1, self.slept.append)

    def test_not_tried_again(self) -> None:
        """A running master does not sleep."""
        self.refused[ONE.address] = [errno.EADDRINUSE]
        self.assertRaises(OSError, self.sockets.open, [ONE], 1)


class OpenTests(SynchronousTestCase):
    """A real socket."""

    def test_opened(self) -> None:
        """It listens; closing removes the file."""
        path = os.path.abspath(self.mktemp())[-60:].replace("/", "_")
        self.addCleanup(lambda: os.path.exists(path) and os.unlink(path))
        sockets = Sockets()
        sockets.open([listen(UnixAddress(path))], 1)
        (made,) = sockets.of([listen(UnixAddress(path))], 0)
        self.assertTrue(made.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        sockets.close()
        self.assertFalse(os.path.exists(path))

    def test_refused(self) -> None:
        """nginx's words for it."""
        error = self.assertRaises(OSError, open_listen, listen(UnixAddress("/nowhere/at/all")))
        self.assertEqual(
            reason_of(error), "bind() to unix:/nowhere/at/all failed (2: No such file or directory)"
        )
        self.assertEqual(module.TRIES, 5)
