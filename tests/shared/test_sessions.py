"""Tests of dyups.shared.sessions."""

from __future__ import annotations

import os
from multiprocessing import get_context
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.shared.ledger import PAGE
from dyups.shared.memory import anonymous_file
from dyups.shared.sessions import BUCKET, SLOTS, SharedSessions, name_of


def learn(fd: int, number: int) -> None:
    """What another process does."""
    sessions = SharedSessions(fd, fd, PAGE, 8 * BUCKET)
    for session in range(20):
        sessions.note(b"%d-%d" % (number, session), b"%d" % number, 1.0, 0)


class SessionsTests(SynchronousTestCase):
    """Two processes' views of one table."""

    def setUp(self) -> None:
        self.fd = anonymous_file("x", PAGE + 8 * BUCKET)
        self.addCleanup(os.close, self.fd)
        self.one, self.two = self.view(), self.view()

    def view(self, size: int = 8 * BUCKET) -> SharedSessions:
        sessions = SharedSessions(self.fd, self.fd, PAGE, size)
        self.addCleanup(sessions.close)
        return sessions

    def test_known_to_all(self) -> None:
        """What one has learned all know, by the name that the table has for the server."""
        self.one.note(b"s", b"a" * 100, 5.0, 0)
        self.assertEqual(self.two.find(b"s", 6.0, 60.0), self.two.called(b"a" * 100))
        self.assertEqual(self.two.find(b"t", 6.0, 60.0), b"")

    def test_timeout(self) -> None:
        """One that is not used is forgotten; each use keeps it, whoever has it."""
        self.one.note(b"s", b"a", 5.0, 0)
        self.two.touch(b"s", b"a", 60.0)
        self.assertEqual(self.one.find(b"s", 120.0, 60.0), name_of(b"a"))
        self.assertEqual(self.one.find(b"s", 120.1, 60.0), b"")

    def test_moves(self) -> None:
        """A session belongs to the server that answered last; one that is not known stays so."""
        self.one.note(b"s", b"a", 5.0, 0)
        self.two.touch(b"s", b"b", 6.0)
        self.two.touch(b"made up", b"b", 6.0)
        self.assertEqual(self.one.find(b"s", 6.0, 60.0), name_of(b"b"))
        self.assertEqual(self.one.find(b"made up", 6.0, 60.0), b"")

    def test_oldest_makes_room(self) -> None:
        """Where there is no room the one that was used longest ago goes."""
        one = self.view(BUCKET)
        for number in range(SLOTS):
            one.note(b"%d" % number, b"a", 10.0 + number, 0)
        one.touch(b"0", b"a", 50.0)
        one.note(b"new", b"b", 51.0, 0)
        known = [number for number in range(SLOTS) if one.find(b"%d" % number, 52.0, 99.0)]
        self.assertEqual(known, [0, *range(2, SLOTS)])
        self.assertEqual(one.find(b"new", 52.0, 99.0), name_of(b"b"))

    def test_room(self) -> None:
        """The sessions that a zone is said to hold (one for 128 bytes) are held, but for one in fifty."""
        zone = anonymous_file("x", 1 << 20)
        self.addCleanup(os.close, zone)
        table = SharedSessions(zone, zone, 0, 1 << 20)
        self.addCleanup(table.close)
        count = (1 << 20) // 128
        for number in range(count):
            table.note(b"%d" % number, b"a", float(number), 0)
        found = sum(bool(table.find(b"%d" % number, 0.0, 1.0)) for number in range(count))
        self.assertGreater(found, count - count // 50)

    def test_processes(self) -> None:
        """Processes that learn at once lose nothing."""
        context: Any = get_context("fork")
        processes = [context.Process(target=learn, args=(self.fd, number)) for number in (0, 1)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        self.assertEqual([process.exitcode for process in processes], [0, 0])
        for number in (0, 1):
            for session in range(20):
                found = self.one.find(b"%d-%d" % (number, session), 2.0, 60.0)
                self.assertEqual(found, name_of(b"%d" % number))

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.booleans(), st.integers(0, 9), st.integers(0, 3)), max_size=40))
    def test_any_order(self, steps: list[tuple[bool, int, int]]) -> None:
        """While there is room, the table is the mapping of what was said last."""
        os.pwrite(self.fd, bytes(8 * BUCKET), PAGE)
        known: dict[bytes, bytes] = {}
        for creates, number, server in steps:
            session, name = b"%d" % number, b"%d" % server
            if creates:
                self.one.note(session, name, 1.0, 0)
            else:
                self.two.touch(session, name, 1.0)
            if creates or session in known:
                known[session] = name
            for other in range(10):
                asked = b"%d" % other
                expected = name_of(known[asked]) if asked in known else b""
                self.assertEqual(self.two.find(asked, 1.0, 60.0), expected)
