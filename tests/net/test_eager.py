"""Tests of ``dyups.net.eager``."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.net.eager import Eager, done, hand_over
from tests.net.support import Diary, Origin, UvloopReactor


class EagerTests(SynchronousTestCase):
    """Coroutines that are stepped without a task."""

    def setUp(self) -> None:
        self.loop = UvloopReactor(self).loop
        self.errors: list[Exception] = []
        self.passed: list[str] = []
        self.future = self.loop.create_future()

    def start(self, then: Callable[[], object] = lambda: None) -> Eager:
        """A coroutine that waits for ``self.future`` and then calls ``then``."""

        async def way() -> None:
            self.passed.append("started")
            try:
                await self.future
                self.passed.append("went on")
                then()
            finally:
                self.passed.append("ended")

        return Eager(way(), self.loop, self.errors.append)

    def turn(self) -> None:
        """One turn of the loop."""
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    def test_first_step_is_taken_at_once(self) -> None:
        """It runs up to what it waits for, without a turn of the loop, and on when that is there."""
        self.start()
        self.assertEqual(self.passed, ["started"])
        done(self.future)
        self.turn()
        self.assertEqual(self.passed, ["started", "went on", "ended"])

    def test_cancel(self) -> None:
        """It ends here and now, closing what it has open; the future it waited for is cancelled, nobody is told."""
        eager = self.start()
        eager.cancel()
        self.assertEqual(self.passed, ["started", "ended"])
        self.assertTrue(self.future.cancelled())
        self.turn()
        self.assertEqual(self.errors, [])

    def test_cancel_of_what_has_ended(self) -> None:
        """It does nothing."""
        eager = self.start()
        done(self.future)
        self.turn()
        eager.cancel()
        self.assertEqual(self.passed, ["started", "went on", "ended"])

    def test_cancel_when_it_is_about_to_go_on(self) -> None:
        """What it waited for is there, but its turn has not come: it does not go on."""
        eager = self.start()
        self.loop.call_soon(eager.cancel)
        done(self.future)
        self.turn()
        self.turn()
        self.assertEqual(self.passed, ["started", "ended"])

    def test_error(self) -> None:
        """What the coroutine raises is handed over."""
        self.start(lambda: 1 / 0)
        done(self.future)
        self.turn()
        self.assertEqual([type(error) for error in self.errors], [ZeroDivisionError])

    def test_error_of_a_future(self) -> None:
        """So is the error of what it waited for."""
        self.start()
        self.future.set_exception(ValueError())
        self.turn()
        self.assertEqual([type(error) for error in self.errors], [ValueError])

    def test_error_in_the_first_step(self) -> None:
        """It is handed over at the next turn, when the caller knows what it belongs to."""

        async def fail() -> None:
            raise ValueError

        Eager(fail(), self.loop, self.errors.append)
        self.assertEqual(self.errors, [])
        self.turn()
        self.assertEqual([type(error) for error in self.errors], [ValueError])

    def test_done_twice(self) -> None:
        """A future that is done already, or cancelled, stays what it is."""
        done(self.future)
        done(self.future)
        self.assertTrue(self.future.done())


class HandOverTests(SynchronousTestCase):
    """Connected sockets for uvloop."""

    def test_socket_object_is_left_without_descriptor(self) -> None:
        """The descriptor is uvloop's alone, TCP or UNIX; the connection works."""
        reactor = UvloopReactor(self)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            tcp = socket.create_connection(listener.getsockname()), listener.accept()[0]
        for given, other in (socket.socketpair(), tcp):
            from dyups.net.streams import TcpBridge

            diary: Any = Diary(data=lambda *_: reactor.loop.stop())
            origin: Any = Origin(diary)
            hand_over(reactor.loop, given, lambda origin=origin: TcpBridge(origin), self.fail)
            self.assertEqual(given.fileno(), -1)
            other.sendall(b"hello")
            reactor.loop.run_forever()
            other.close()
            self.assertEqual(diary.received, b"hello")
