"""What all connections share: our name, the date, the way to the error log."""

from __future__ import annotations

from typing import Any

from twisted.internet.error import ConnectError
from twisted.internet.task import Clock
from twisted.logger import LogLevel, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from dyups._version import VERSION
from dyups.config.model import ErrorLog
from dyups.metrics.errorlog import placed
from dyups.proxy.deadlines import Deadlines
from dyups.proxy.plane import LEVELS, DataPlane, complain, complain_lines, system_words
from dyups.upstream.map import UpstreamMap


class HeadTests(SynchronousTestCase):
    """The beginning of every answer."""

    def setUp(self) -> None:
        self.wall = 1_000_000_000.0
        dial: Any = None
        self.plane = DataPlane(UpstreamMap(), Deadlines(Clock()), dial, wall=lambda: self.wall)

    def test_start(self) -> None:
        """Status line, ``Server``, ``Date``."""
        start = b"HTTP/1.1 200 OK\r\nServer: %b\r\nDate: Sun, 09 Sep 2001 01:46:40 GMT\r\n"
        for tokens, name in ((True, f"dyups/{VERSION}".encode()), (False, b"dyups")):
            self.assertEqual(self.plane.head_start(b"HTTP/1.1 200 OK", tokens), start % name)
            self.assertEqual(self.plane.server_name(tokens), name)

    def test_tick(self) -> None:
        """The date moves on at the tick after a new second."""
        before = self.plane.head_start(b"HTTP/1.1 200 OK", True)
        self.wall += 0.9
        self.plane.tick()
        self.assertIs(self.plane.head_start(b"HTTP/1.1 200 OK", True), before)
        self.wall += 0.1
        self.plane.tick()
        self.assertIn(b"01:46:41 GMT", self.plane.head_start(b"HTTP/1.1 200 OK", True))

    def test_bounded(self) -> None:
        """Servers that answer with ever new reasons do not fill our memory."""
        for number in range(5000):
            line = b"HTTP/1.1 200 %d" % number
            self.assertTrue(self.plane.head_start(line, True).startswith(line + b"\r\n"))
        self.assertLessEqual(len(self.plane._heads), 1024)


class ComplainTests(SynchronousTestCase):
    """The error log."""

    def test_system_words(self) -> None:
        """An error of the system has its number before its text; any other speaks for itself."""
        wrapped = ConnectError(111)
        for error in (ConnectionRefusedError(111, "whatever"), wrapped):
            self.assertEqual(system_words(error), "111: Connection refused")
        self.assertEqual(system_words(ValueError("no such thing")), "no such thing")

    def test_levels(self) -> None:
        """The event keeps nginx's level and has Twisted's nearest; braces in a text mean nothing."""
        events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        for level in LEVELS:
            complain(level, "{text} {x}")
        found = [(event["nginx_level"], event["text"]) for event in events]
        self.assertEqual(found, [(level, "{text} {x}") for level in LEVELS])
        self.assertEqual(LEVELS["error"], LogLevel.error)

    def test_lines(self) -> None:
        """Several lines are one event: what follows goes with the first, the others come below."""
        events: list[dict[str, Any]] = []
        globalLogPublisher.addObserver(events.append)
        self.addCleanup(globalLogPublisher.removeObserver, events.append)
        complain_lines("error", "it broke: ", "why\n\there", ", client: x")
        self.assertEqual(
            (events[0]["text"], events[0]["further"]), ("it broke: why, client: x", ["    here"])
        )
        logs = (ErrorLog("/e"),)
        complain_lines("error", "it broke: ", placed("why\n\there", logs))
        self.assertEqual(events[1]["text"].logs, logs)
