"""Tests of dyups.workers.entry."""

from __future__ import annotations

import os
import signal
import socket
import sys

from twisted.trial.unittest import SynchronousTestCase

from dyups.workers import entry
from dyups.workers.privileges import Identity


class Library:
    """The C library, on paper."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, ...]] = []

    def prctl(self, *arguments: int) -> int:
        self.calls.append(arguments)
        return 0


class Quiet:
    """Takes no signal."""

    def install(self) -> None:
        """None."""


class EntryTests(SynchronousTestCase):
    """The first moments of a worker; ``tests/integration`` has whole ones."""

    def setUp(self) -> None:
        self.library = Library()
        self.patch(entry, "EarlyEnd", Quiet)
        self.patch(entry.ctypes, "CDLL", lambda name: self.library)

    def test_dies_with_its_master(self) -> None:
        """Until it reads the channel the kernel ends it with its master; from then on it finishes what it has."""
        self.assertTrue(entry.die_with(os.getppid()))
        entry.live_on()
        self.assertEqual(self.library.calls, [(1, signal.SIGKILL, 0, 0, 0), (1, 0, 0, 0, 0)])

    def test_orphan(self) -> None:
        """A worker whose master has ended meanwhile does not begin."""
        self.assertEqual(entry.main(["0", str(os.getppid() + 1), "-1"]), 1)

    def test_gives_up_root(self) -> None:
        """It becomes the user, and has itself ended with its master again: the kernel forgets that then."""
        become: list[Identity] = []
        self.patch(entry, "become", become.append)
        identity = Identity("nobody", 65534, 65534)
        self.assertTrue(entry.serve_as(identity, os.getppid()))
        self.assertFalse(entry.serve_as(identity, os.getppid() + 1))
        self.assertEqual(become, [identity, identity])
        self.assertEqual(self.library.calls, [(1, signal.SIGKILL, 0, 0, 0)] * 2)

    def test_elsewhere(self) -> None:
        """Systems without the call do without."""
        self.patch(sys, "platform", "freebsd14")
        entry.live_on()
        self.assertEqual(self.library.calls, [])

    def test_inherited(self) -> None:
        """The listening sockets have the numbers that follow, and know what they are."""
        listening = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listening.close)
        self.patch(entry, "FIRST_SOCKET", listening.fileno())
        (found,) = entry.inherited(1)
        self.addCleanup(found.detach)
        self.assertEqual((found.family, found.getsockname()), (socket.AF_INET, listening.getsockname()))
        self.assertEqual(entry.inherited(0), [])
