"""Tests of dyups.health.target: one server, from check to check."""

from __future__ import annotations

import errno
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.checks import CheckSpec
from dyups.health.checker import Limits
from dyups.interfaces import TcpAddress, UnixAddress
from tests.health.lines import ASK, GOOD, ONE, TWO, MemoryLine, World


class TargetCase(SynchronousTestCase):
    """A checker with one server."""

    def begin(self, address: Any = ONE, limits: Limits = Limits(), **settings: Any) -> None:  # noqa: B008
        """Check the server every 5 seconds, with a time limit of 1."""
        self.world = World(limits)
        given = {"type": "http", "interval": 5.0, "rise": 2, "fall": 2, "timeout": 1.0} | settings
        self.world.want(address, check=CheckSpec(**given))
        self.world.pass_time(0.05)

    @property
    def line(self) -> MemoryLine:
        """The last connection."""
        return self.world.lines[-1]

    def next_check(self) -> MemoryLine:
        """Let time pass up to the next connection."""
        count = len(self.world.lines)
        for _ in range(110):
            if len(self.world.lines) > count:
                break
            self.world.pass_time(0.05)
        self.assertEqual(len(self.world.lines), count + 1)
        return self.line

    def good(self) -> None:
        """The present check is good."""
        self.line.accept().say(GOOD)

    def refuse(self) -> None:
        """The present check fails."""
        self.line.end.refused(errno.ECONNREFUSED)


class RoundTests(TargetCase):
    """When the next check comes."""

    def test_interval(self) -> None:
        """From one beginning to the next, however long the check took."""
        self.begin()
        self.world.pass_time(0.5)
        self.good()
        self.world.pass_time(4.35)
        self.assertEqual(len(self.world.lines), 1)
        self.world.pass_time(0.2)
        self.assertEqual(len(self.world.lines), 2)

    def test_one_at_a_time(self) -> None:
        """A check that takes longer than the interval is waited for; the next begins at once."""
        self.begin(interval=0.5, timeout=3.0)
        self.world.pass_time(2.0)
        self.assertEqual(len(self.world.lines), 1)
        self.good()
        self.world.pass_time(0.1)
        self.assertEqual(len(self.world.lines), 2)

    def test_time_out(self) -> None:
        """What has not settled within the time limit has failed, whether it connects, or answers, or not."""
        self.begin()
        self.world.pass_time(1.05)
        self.assertEqual(
            (self.line.closed, self.world.texts), (True, ["check time out with peer: 10.0.0.1:80"])
        )
        self.next_check().accept().say(b"HTTP/1.1 ")
        self.world.pass_time(1.05)
        self.assertTrue(self.line.closed)
        self.assertEqual(self.world.checker.facts()[0]["fall"], 2)

    def test_where(self) -> None:
        """``port=`` names another port; a socket has none."""
        self.begin(port=99)
        self.assertEqual(self.line.address, TcpAddress("10.0.0.1", 99))
        self.begin(UnixAddress("/run/a"), port=99)
        self.assertEqual(self.line.address, UnixAddress("/run/a"))


class StateTests(TargetCase):
    """What is made of the outcomes."""

    def test_up_and_down(self) -> None:
        """Up after ``rise`` good checks, down after ``fall`` failed ones; the log has Tengine's words."""
        self.begin()
        self.good()
        self.next_check()
        self.assertEqual(self.world.states(), {"10.0.0.1:80": "down"})
        self.good()
        self.assertEqual(self.world.states(), {"10.0.0.1:80": "up"})
        for _ in range(3):
            self.next_check()
            self.refuse()
        self.assertEqual(self.world.states(), {"10.0.0.1:80": "down"})
        self.assertEqual(
            self.world.said,
            [
                ("error", "enable check peer: 10.0.0.1:80"),
                ("error", "connect() failed (111: Connection refused) with peer: 10.0.0.1:80"),
                ("error", "disable check peer: 10.0.0.1:80"),
            ],
        )

    def test_repr(self) -> None:
        """A failing test shows where a server stands."""
        self.begin()
        (target,) = self.world.checker._by_upstream[b"app"].values()
        self.assertEqual(repr(target), "<Target 10.0.0.1:80 <Verdict down rises=0 falls=0> busy>")
        self.good()
        self.assertEqual(repr(target), "<Target 10.0.0.1:80 <Verdict down rises=1 falls=0>>")

    def test_told(self) -> None:
        """Each turn is told at the reactor's next turn."""
        self.begin(rise=1)
        self.world.told.clear()
        self.good()
        self.world.clock.advance(0)
        self.assertEqual(self.world.told, [[(b"app", "10.0.0.1:80", False)]])

    def test_ours(self) -> None:
        """A check that we could not make says nothing of the server, but the log has it; it is tried again."""
        self.begin(default_down=False, fall=1)
        self.line.end.refused(errno.EMFILE)
        self.assertEqual(self.world.states(), {"10.0.0.1:80": "up"})
        self.assertEqual(self.world.said[0][0], "crit")
        self.next_check()


class KeptTests(TargetCase):
    """Checks over one connection."""

    def test_kept(self) -> None:
        """The next check uses the connection of the one before; after ``check_keepalive_requests`` there is another."""
        self.begin(send=ASK, keepalive_requests=2)
        self.good()
        self.world.pass_time(5.0)
        self.assertEqual((len(self.world.lines), self.line.written), (1, ASK * 2))
        self.line.say(GOOD)
        self.assertTrue(self.line.closed)
        self.next_check()

    def test_answer_not_over(self) -> None:
        """A connection whose answer is not over when the next check is due makes room for another."""
        self.begin(send=ASK, keepalive_requests=9)
        self.line.accept().say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        first = self.line
        self.next_check()
        self.assertTrue(first.closed)

    def test_closed_at_the_moment_of_use(self) -> None:
        """The same check goes to a new connection, and counts once."""
        self.begin(send=ASK, keepalive_requests=9)
        self.good()
        self.world.pass_time(5.0)
        self.line.hang_up()
        self.assertEqual(len(self.world.lines), 2)
        self.good()
        self.assertEqual(
            (self.world.texts[-1:], self.world.checker.facts()[0]["rise"]),
            (["enable check peer: 10.0.0.1:80"], 2),
        )

    def test_limit(self) -> None:
        """No more connections are kept than may be."""
        self.begin(send=ASK, keepalive_requests=9, limits=Limits(9, 1))
        self.world.want(TWO, name="other", check=CheckSpec(type="http", send=ASK, keepalive_requests=9))
        self.world.pass_time(0.05)
        first, second = self.world.lines
        first.accept().say(GOOD)
        second.accept().say(GOOD)
        self.assertEqual([first.closed, second.closed], [True, False])


class RemovedTests(TargetCase):
    """When nobody wants to know any more."""

    def test_under_way(self) -> None:
        """A check under way ends at once, and nothing comes after it."""
        for connected in (False, True):
            self.begin()
            if connected:
                self.line.accept()
            self.world.checker.want(b"app", "app", None, ())
            self.assertTrue(self.line.closed)
            self.world.pass_time(12.0)
            self.assertEqual((len(self.world.lines), self.world.said), (1, []))

    def test_between_checks(self) -> None:
        """One that rests is not checked again, and its connection is closed."""
        self.begin(send=ASK, keepalive_requests=9)
        self.good()
        self.world.checker.want(b"app", "app", None, ())
        self.assertTrue(self.line.closed)
        self.world.pass_time(12.0)
        self.assertEqual((len(self.world.lines), self.world.states()), (1, {}))
