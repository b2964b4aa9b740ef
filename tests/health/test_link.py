"""Tests of dyups.health.link."""

from __future__ import annotations

import errno
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.checks import CheckSpec
from dyups.health.link import OURS, Link
from tests.health.lines import ASK, GOOD, ONE, MemoryLine


class Hearing:
    """Who made the link."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.kept = True

    def good(self) -> None:
        self.heard.append("good")

    def bad(self, reason: str) -> None:
        self.heard.append(f"bad: {reason}")

    def unknown(self, reason: str) -> None:
        self.heard.append(f"unknown: {reason}")

    def stale(self) -> None:
        self.heard.append("stale")

    def closed(self) -> None:
        self.heard.append("closed")

    def may_keep(self) -> bool:
        return self.kept


class LinkCase(SynchronousTestCase):
    """A link that is dialled."""

    def dial(self, kind: str = "http", **settings: Any) -> Link:
        """Dial with these settings."""
        self.hearing = Hearing()
        lines: list[MemoryLine] = []

        def line(end: Any) -> MemoryLine:
            lines.append(MemoryLine(end))
            return lines[-1]

        link = Link(CheckSpec(type=kind, **settings), self.hearing, line)
        (self.line,) = lines
        link.dial(ONE)
        self.assertEqual((self.line.address, repr(link)), (ONE, "<Link dialling requests=0>"))
        return link

    @property
    def heard(self) -> list[str]:
        """What was told since the last look."""
        heard, self.hearing.heard = self.hearing.heard, []
        return heard


class CheckTests(LinkCase):
    """One check on a connection of its own."""

    def test_tcp(self) -> None:
        """A connection that stands is all there is to a TCP check."""
        self.dial("tcp")
        self.line.accept()
        self.assertEqual((self.heard, self.line.closed, self.line.written), (["closed", "good"], True, b""))

    def test_http(self) -> None:
        """The request goes out, the status line settles it, and the connection is closed with no look at the rest."""
        self.dial()
        self.line.accept()
        self.assertEqual(self.line.written, b"GET / HTTP/1.0\r\n\r\n")
        self.line.say(b"HTTP/1.1 20")
        self.assertEqual(self.heard, [])
        self.line.say(b"0 OK\r\nContent-Length: 1000000")
        self.assertEqual((self.heard, self.line.closed), (["closed", "good"], True))

    def test_bad_answers(self) -> None:
        """A status that is not good, and no HTTP at all: the log can tell which."""
        for answer, reason in (
            (b"HTTP/1.1 503 Oh\r\n", "check protocol http error (status 503)"),
            (b"nonsense", "check protocol http error"),
        ):
            self.dial()
            self.line.accept().say(answer)
            self.assertEqual((self.heard, self.line.closed), (["closed", f"bad: {reason}"], True))

    def test_closed_early(self) -> None:
        """A server that closes before it has answered has failed."""
        for said in (b"", b"HTTP/1.1 2"):
            self.dial()
            self.line.accept().say(said)
            self.line.hang_up()
            self.assertEqual(self.heard, ["closed", "bad: connection was closed before an answer came"])

    def test_refused(self) -> None:
        """No connection is a failure of the server, unless it is we who lack something."""
        self.dial()
        self.line.end.refused(errno.ECONNREFUSED)
        self.assertEqual(self.heard, ["closed", "bad: connect() failed (111: Connection refused)"])
        for number in OURS:
            self.dial()
            self.line.end.refused(number)
            self.assertEqual([text.partition(":")[0] for text in self.heard], ["closed", "unknown"])

    def test_dropped(self) -> None:
        """Who drops a link hears no more of it, whatever it is at."""
        link = self.dial()
        link.drop()
        link.drop()
        self.assertEqual((self.heard, self.line.closed), (["closed"], True))
        link = self.dial()
        self.line.accept()
        link.drop()
        self.assertEqual((self.heard, repr(link)), (["closed"], "<Link gone requests=1>"))

    def test_greeting(self) -> None:
        """A server that speaks first is asked nothing."""
        self.dial("mysql")
        self.line.accept().say(b"\x4a\x00\x00\x00\x0a8.0")
        self.assertEqual((self.heard, self.line.written), (["closed", "good"], b""))


class KeptTests(LinkCase):
    """``check_keepalive_requests``: several checks on one connection."""

    def open(self, requests: int = 3) -> Link:
        """A link whose first check was good."""
        link = self.dial(send=ASK, keepalive_requests=requests)
        self.line.accept().say(GOOD)
        self.assertEqual(self.heard, ["good"])
        self.line.written = b""
        return link

    def test_again(self) -> None:
        """As many checks as the directive says, then the connection is closed."""
        link = self.open()
        self.assertEqual(repr(link), "<Link idle requests=1>")
        link.ask()
        self.line.say(GOOD)
        self.assertEqual((self.heard, self.line.written), (["good"], ASK))
        link.ask()
        self.line.say(GOOD)
        self.assertEqual((self.heard, self.line.closed), (["closed", "good"], True))

    def test_rest_comes_later(self) -> None:
        """The status line settles the check; the connection is free when the whole answer has come."""
        link = self.dial(send=ASK, keepalive_requests=3)
        self.line.accept().say(GOOD[:20])
        self.assertEqual((self.heard, repr(link)), (["good"], "<Link ending requests=1>"))
        self.line.say(GOOD[20:])
        self.assertEqual(repr(link), "<Link idle requests=1>")

    def test_head(self) -> None:
        """The answer to HEAD ends with its head."""
        link = self.dial(send=b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", keepalive_requests=3)
        self.line.accept().say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        self.assertEqual(repr(link), "<Link idle requests=1>")

    def test_no_more(self) -> None:
        """Not kept: after a failure, where the answer ends with the connection, and where too many are kept."""
        self.dial(send=ASK, keepalive_requests=3)
        self.line.accept().say(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")
        self.assertTrue(self.line.closed)
        self.dial(send=ASK, keepalive_requests=3)
        self.line.accept().say(b"HTTP/1.0 200 OK\r\n\r\nall")
        self.assertTrue(self.line.closed)
        link = self.dial(send=ASK, keepalive_requests=3)
        self.hearing.kept = False
        self.line.accept().say(GOOD)
        self.assertEqual((self.line.closed, link.stage.value), (True, "gone"))

    def test_closed_while_idle(self) -> None:
        """A server may close what is not used: that says nothing of its health."""
        self.open()
        self.line.hang_up()
        self.assertEqual(self.heard, ["closed"])

    def test_closed_as_it_is_used(self) -> None:
        """A server that closed it at the moment of the next check is to be asked on a new connection."""
        self.open().ask()
        self.line.hang_up()
        self.assertEqual(self.heard, ["closed", "stale"])

    def test_half_an_answer(self) -> None:
        """One that has begun to answer, and closes then, has failed."""
        self.open().ask()
        self.line.say(b"HTTP")
        self.line.hang_up()
        self.assertEqual(self.heard[-1], "bad: connection was closed before an answer came")

    def test_unasked(self) -> None:
        """Bytes that nobody asked for end the connection, and say nothing else."""
        self.open()
        self.line.say(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        self.assertEqual((self.heard, self.line.closed), (["closed"], True))
