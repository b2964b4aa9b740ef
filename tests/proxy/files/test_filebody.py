"""Files on their way."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.files import filebody
from dyups.proxy.files.filebody import MOST_AT_ONCE, PIECE, read_now
from tests.proxy.conversation import Wire, World, get, head


class FileBodyTests(SynchronousTestCase):
    """Pieces, back-pressure, threads."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.content = os.urandom(PIECE * (MOST_AT_ONCE + 2) + 5)
        (self.folder / "big").write_bytes(self.content)
        self.world = World(f"server {{ listen 8080; root {self.folder}; }}")
        self.aside: list[tuple[int, int, int, Callable[[bytes], None], Callable[[Failure], None]]] = []
        self.patch(filebody, "read_aside", lambda *call: self.aside.append(call))
        gc.collect()  # what other tests have left
        self.open = len(os.listdir("/proc/self/fd"))

    def begin(self, high: int = 65536) -> Wire:
        """A client that has asked for the big file."""
        client = self.world.client(high=high)
        client.say(get("/big"))
        return client

    def serve_aside(self) -> None:
        """Do what a thread would."""
        fd, size, at, then, _ = self.aside.pop()
        then(os.pread(fd, size, at))

    def nothing_now(self) -> None:
        """Nothing is in memory."""
        self.patch(filebody, "read_now", lambda *call: None)

    def assertClosed(self) -> None:
        """No descriptor is left open."""
        self.assertEqual(len(os.listdir("/proc/self/fd")), self.open)

    def test_pace(self) -> None:
        """Only one piece is read ahead of a client that takes no more; then the connection serves the next request."""
        client = self.begin()
        got = client.got
        self.assertLess(len(got), PIECE + 1000)
        got = b""
        while client.got or self.aside:
            if self.aside:
                self.serve_aside()
            got += client.read()
        self.assertEqual(head(got)[2], self.content)
        self.assertClosed()
        client.say(get("/none"))
        self.assertEqual(head(client.read())[0], 404)

    def test_turns(self) -> None:
        """However fast the client is, others have their turn after some pieces."""
        client = self.begin(high=1 << 30)
        self.assertEqual(len(client.writes), MOST_AT_ONCE)
        self.assertEqual(len(self.aside), 1)
        while self.aside:
            self.serve_aside()
        self.assertEqual(head(client.read())[2], self.content)

    def test_from_disk(self) -> None:
        """What is not in memory is read on a thread, one piece at a time."""
        self.nothing_now()
        client = self.begin(high=1 << 30)
        self.assertEqual(client.got, b"")
        while self.aside:
            self.assertEqual(len(self.aside), 1)
            self.serve_aside()
        self.assertEqual(head(client.read())[2], self.content)
        self.assertClosed()

    def test_client_leaves(self) -> None:
        """A client that goes takes its file with it, even while a thread reads."""
        client = self.begin()
        client.hang_up()
        self.assertClosed()
        self.nothing_now()
        client = self.begin()
        client.hang_up()
        self.assertEqual(len(os.listdir("/proc/self/fd")), self.open + 1)
        self.serve_aside()
        self.assertClosed()
        client = self.begin()
        client.hang_up()
        self.aside.pop()[4](Failure(OSError(5, "Input/output error")))
        self.assertClosed()

    def test_truncated(self) -> None:
        """A file that becomes shorter, or cannot be read, ends the connection: the client sees that it is not whole."""
        client = self.begin()
        (self.folder / "big").write_bytes(b"")
        client.read()
        self.assertTrue(client.closed)
        self.assertClosed()
        (self.folder / "big").write_bytes(self.content)
        self.nothing_now()
        client = self.begin()
        self.aside.pop()[4](Failure(OSError(5, "Input/output error")))
        self.assertTrue(client.closed)
        self.assertClosed()

    def test_read_now(self) -> None:
        """A descriptor that cannot be read is nothing that can be told at once."""
        self.assertIsNone(read_now(-1, 10, 0))

    def test_thread(self) -> None:
        """The real thing asks a thread of the reactor's pool."""
        calls: list[Any] = []

        class Later:
            def addCallbacks(self, *functions: Any) -> None:
                calls.append(functions)

        def defer(*call: Any) -> Later:
            calls.append(call)
            return Later()

        self.patch(filebody, "deferToThread", defer)
        original = filebody.__dict__["read_aside"]
        self.assertIsNot(original, None)
        _READ_ASIDE(3, 10, 0, print, repr)  # type: ignore[arg-type]
        self.assertEqual(calls, [(os.pread, 3, 10, 0), (print, repr)])


_READ_ASIDE = filebody.read_aside
