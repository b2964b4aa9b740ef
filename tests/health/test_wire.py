"""Tests of dyups.health.wire: socket and loop are the test's."""

from __future__ import annotations

import errno
import socket
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.health import wire as module
from dyups.health.polls import Call
from dyups.health.wire import Wire
from dyups.interfaces import Address, TcpAddress, UnixAddress

ADDRESS = TcpAddress("192.0.2.1", 80)


class FakePolls:
    """What is read and written, as a loop keeps it."""

    def __init__(self) -> None:
        self.reading: dict[int, Call] = {}
        self.writing: dict[int, Call] = {}

    def add_reader(self, fd: int, call: Call) -> None:
        assert fd >= 0
        self.reading[fd] = call

    def add_writer(self, fd: int, call: Call) -> None:
        assert fd >= 0
        self.writing[fd] = call

    def remove_reader(self, fd: int) -> None:
        del self.reading[fd]

    def remove_writer(self, fd: int) -> None:
        del self.writing[fd]


class End:
    """Who talks on the wire."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.close_at_once: Wire | None = None
        self.say_at_once: tuple[Wire, bytes] | None = None

    def connected(self) -> None:
        self.heard.append("connected")
        if self.close_at_once is not None:
            self.close_at_once.close()
        if self.say_at_once is not None:
            wire, data = self.say_at_once
            wire.write(data)

    def refused(self, number: int) -> None:
        self.heard.append(number)

    def received(self, data: bytes) -> None:
        self.heard.append(data)

    def lost(self) -> None:
        self.heard.append("lost")


class FakeSocket:
    """A socket that does what the test says."""

    def __init__(self) -> None:
        self.dialled: list[Any] = []
        self.result = errno.EINPROGRESS
        self.error = 0
        self.sent: list[bytes] = []
        self.room = 1 << 20
        self.coming: list[bytes | int] = []
        self.closed = False

    def connect_ex(self, address: Any) -> int:
        self.dialled.append(address)
        return self.result

    def getsockopt(self, level: int, option: int) -> int:
        return self.error

    def send(self, data: bytes) -> int:
        if not self.room:
            raise OSError(errno.EAGAIN, "no room")
        if self.room < 0:
            raise OSError(errno.EPIPE, "broken")
        taken = data[: self.room]
        self.room -= len(taken)
        self.sent.append(taken)
        return len(taken)

    def recv(self, size: int) -> bytes:
        item = self.coming.pop(0)
        if isinstance(item, int):
            raise OSError(item, "recv")
        return item

    def fileno(self) -> int:
        return -1 if self.closed else 7

    def close(self) -> None:
        self.closed = True


class WireCase(SynchronousTestCase):
    """A wire on a socket of the test's."""

    def setUp(self) -> None:
        self.made: list[tuple[Any, ...]] = []
        self.socket = FakeSocket()
        self.polls = FakePolls()
        self.end = End()
        self.wire = Wire(self.polls, self.end)

        def make(*kind: Any) -> FakeSocket:
            self.made.append(kind)
            return self.socket

        self.patch(module.socket, "socket", make)

    def dial(self, address: Address = ADDRESS) -> None:
        self.wire.dial(address)

    def writable(self) -> None:
        """The socket can be written to."""
        (call,) = self.polls.writing.values()
        call()

    def readable(self) -> None:
        """There is something to read."""
        (call,) = self.polls.reading.values()
        call()

    def connect(self) -> None:
        """The connection stands."""
        self.dial()
        self.writable()

    def waits(self) -> str:
        """For what it waits: r, w, both or nothing."""
        return "r" * len(self.polls.reading) + "w" * len(self.polls.writing)

    def over(self) -> bool:
        """Is nothing left with the loop, and the socket closed?"""
        return not self.waits() and self.socket.closed


class DialTests(WireCase):
    """From the dial to the connection, or not."""

    def test_connected(self) -> None:
        """The system tells that the socket can be written to; then it is read."""
        self.dial()
        self.assertEqual((self.end.heard, self.waits()), ([], "w"))
        self.writable()
        self.assertEqual((self.end.heard, self.waits()), (["connected"], "r"))

    def test_addresses(self) -> None:
        """Sockets of the address's kind."""
        for address, family, name in (
            (ADDRESS, socket.AF_INET, ("192.0.2.1", 80)),
            (TcpAddress("::1", 80), socket.AF_INET6, ("::1", 80)),
            (UnixAddress("/run/a"), socket.AF_UNIX, "/run/a"),
        ):
            self.dial(address)
            self.assertEqual((self.made[-1][0], self.socket.dialled[-1]), (family, name))

    def test_refused(self) -> None:
        """Refused in the course of time, or at once."""
        self.dial()
        self.socket.error = errno.ECONNREFUSED
        self.writable()
        self.assertEqual((self.end.heard, self.over()), ([errno.ECONNREFUSED], True))

    def test_refused_at_once(self) -> None:
        """A route that is not there is told before ``dial`` returns."""
        self.socket.result = errno.ENETUNREACH
        self.dial()
        self.assertEqual((self.end.heard, self.over()), ([errno.ENETUNREACH], True))

    def test_no_socket(self) -> None:
        """No descriptor is left: that is told as well."""

        def fail(*kind: Any) -> Any:
            raise OSError(errno.EMFILE, "too many")

        self.patch(module.socket, "socket", fail)
        self.dial()
        self.assertEqual(self.end.heard, [errno.EMFILE])

    def test_closed_before(self) -> None:
        """Who closes before the connection stands hears nothing any more."""
        self.dial()
        (late,) = self.polls.writing.values()
        self.wire.close()
        self.wire.close()
        late()
        self.assertEqual((self.end.heard, self.over()), ([], True))

    def test_closed_as_it_stands(self) -> None:
        """A connection that is all the check wanted to see is never read."""
        self.end.close_at_once = self.wire
        self.connect()
        self.assertEqual((self.end.heard, self.over()), (["connected"], True))


class TalkTests(WireCase):
    """On a connection that stands."""

    def setUp(self) -> None:
        super().setUp()
        self.connect()
        self.end.heard.clear()

    def test_both_ways(self) -> None:
        """What is written goes out, what comes is handed on."""
        self.wire.write(b"ask")
        self.wire.write(b"")
        self.socket.coming = [b"answer"]
        self.readable()
        self.assertEqual((self.socket.sent, self.end.heard), ([b"ask"], [b"answer"]))

    def test_no_room(self) -> None:
        """What the system does not take goes out when it does, in order."""
        self.socket.room = 2
        self.wire.write(b"abcd")
        self.assertEqual((self.socket.sent, self.waits()), ([b"ab"], "rw"))
        self.socket.room = 0
        self.writable()
        self.socket.room = 9
        self.writable()
        self.assertEqual((self.socket.sent, self.waits()), ([b"ab", b"cd"], "r"))

    def test_lost(self) -> None:
        """The end, or an error, is told once."""
        for last in (b"", errno.ECONNRESET):
            self.setUp()
            self.socket.coming = [last]
            (late,) = self.polls.reading.values()
            late()
            late()
            self.assertEqual((self.end.heard, self.over()), (["lost"], True))

    def test_nothing_yet(self) -> None:
        """A socket that has nothing after all is no end."""
        self.socket.coming = [errno.EAGAIN]
        self.readable()
        self.assertEqual((self.end.heard, self.over()), ([], False))

    def test_broken(self) -> None:
        """What cannot be sent is found out by reading; after the end nothing is sent."""
        self.socket.room = -1
        self.wire.write(b"x")
        self.assertEqual((self.end.heard, self.waits()), ([], "r"))
        self.wire.close()
        self.wire.write(b"x")
        self.assertEqual((self.socket.sent, self.over()), ([], True))

    def test_closed_with_unsent(self) -> None:
        """What was not sent is forgotten with the connection."""
        self.socket.room = 0
        self.wire.write(b"x")
        self.wire.close()
        self.assertTrue(self.over())

    def test_asked_before_it_stands(self) -> None:
        """What does not go out at once as the connection stands goes out later."""
        super().setUp()
        self.socket.room = 0
        self.end.say_at_once = self.wire, b"ask"
        self.connect()
        self.assertEqual(self.waits(), "rw")
        self.socket.room = 9
        self.writable()
        self.assertEqual((self.socket.sent, self.waits()), ([b"ask"], "r"))
