"""Tests of dyups.health.checker."""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.checks import CheckSpec
from dyups.health.checker import Limits
from dyups.interfaces import TcpAddress
from tests.health.lines import ONE, TWO, World

CHECK = CheckSpec(interval=5.0, rise=1, fall=1)


class WantTests(SynchronousTestCase):
    """Which servers are checked."""

    def setUp(self) -> None:
        self.world = World()

    def dialled(self) -> list[Any]:
        """Who was dialled since the last look; all are refused."""
        self.world.pass_time(0.05)
        lines, self.world.lines[:] = [*self.world.lines], []
        for line in lines:
            line.end.refused(errno.ECONNREFUSED)
        return [line.address for line in lines]

    def test_at_once(self) -> None:
        """New servers are checked at once, those that stay go on as they were."""
        self.world.want(ONE, check=CHECK)
        self.assertEqual(self.dialled(), [ONE])
        self.world.pass_time(2)
        self.world.want(ONE, TWO, check=CHECK)
        self.assertEqual(self.dialled(), [TWO])
        self.world.pass_time(2.9)
        self.assertEqual(self.dialled(), [ONE])

    def test_state_stays(self) -> None:
        """A server that stays keeps its state; with other settings of the check its counts begin anew."""
        self.world.want(ONE, check=CHECK)
        self.world.pass_time(0.05)
        self.world.lines[-1].accept()
        self.world.want(TWO, ONE, check=CHECK)
        self.assertEqual(self.world.states(), {"10.0.0.1:80": "up", "10.0.0.2:80": "down"})
        self.world.want(ONE, check=replace(CHECK, fall=9))
        self.assertEqual(self.world.states(), {"10.0.0.1:80": "up"})
        self.assertEqual(self.world.checker.facts()[0]["rise"], 0)

    def test_gone(self) -> None:
        """Servers that are gone, or whose upstream is, are not checked any more."""
        self.world.want(ONE, TWO, check=CHECK)
        self.world.want(ONE, name="other", check=CHECK)
        self.dialled()
        self.world.want(TWO, check=CHECK)
        self.world.checker.want(b"other", "other", None, ())
        self.world.pass_time(5)
        self.assertEqual(self.dialled(), [TWO])
        self.world.checker.keep_only([])
        self.world.pass_time(12)
        self.assertEqual((self.dialled(), self.world.checker.facts()), ([], []))

    def test_spread(self) -> None:
        """Many at once are spread over the interval, by chance; over a second at least."""
        for interval, first in ((5.0, 2.5), (0.2, 0.5)):
            self.world = World(draw=0.5)
            self.world.want(ONE, check=replace(CHECK, interval=interval), spread=True)
            self.world.pass_time(first - 0.1)
            self.assertEqual(self.world.lines, [])
            self.world.pass_time(0.2)
            self.assertEqual(len(self.world.lines), 1)

    def test_stop(self) -> None:
        """After the end nothing happens, and nobody hears of anything."""
        self.world.want(ONE, TWO, check=CHECK)
        self.world.checker.stop()
        self.world.checker.stop()
        self.assertEqual((self.world.clock.getDelayedCalls(), self.world.told), ([], []))


class UniqueTests(SynchronousTestCase):
    """``unique=true``: one check for the same server of several upstreams."""

    def setUp(self) -> None:
        self.world = World()
        self.check = replace(CHECK, unique=True)
        self.world.want(ONE, name="a", check=self.check)
        self.world.want(ONE, name="b", check=self.check)
        self.world.pass_time(0.05)

    def test_shared(self) -> None:
        """One connection, one line on the page, and every upstream hears of a turn."""
        self.assertEqual(len(self.world.lines), 1)
        self.world.told.clear()
        self.world.lines[0].accept()
        self.world.clock.advance(0)
        self.assertEqual(self.world.told, [[(b"a", "10.0.0.1:80", False), (b"b", "10.0.0.1:80", False)]])
        self.assertEqual([facts["upstream"] for facts in self.world.checker.facts()], ["a"])

    def test_joins_with_the_state(self) -> None:
        """An upstream that comes later is told the state that is known."""
        self.world.lines[0].accept()
        self.world.clock.advance(0)
        self.world.want(ONE, name="c", check=self.check)
        self.world.clock.advance(0)
        self.assertEqual(self.world.told[-1], [(b"c", "10.0.0.1:80", False)])

    def test_last_one_leaves(self) -> None:
        """It is checked as long as anybody wants it; the page shows who is left."""
        self.world.checker.want(b"a", "a", None, ())
        self.assertEqual([facts["upstream"] for facts in self.world.checker.facts()], ["b"])
        self.world.checker.want(b"b", "b", None, ())
        self.assertTrue(self.world.lines[0].closed)
        self.world.want(ONE, name="a", check=self.check)
        self.world.pass_time(0.05)
        self.assertEqual(len(self.world.lines), 2)

    def test_others_are_their_own(self) -> None:
        """Without ``unique``, or with other settings, each upstream has its own."""
        self.world.want(ONE, name="c", check=CHECK)
        self.world.want(ONE, name="d", check=CHECK)
        self.world.want(ONE, name="e", check=replace(self.check, fall=7))
        self.world.pass_time(0.05)
        self.assertEqual(len(self.world.lines), 4)


class TellTests(SynchronousTestCase):
    """Who hears what."""

    def setUp(self) -> None:
        self.world = World()

    def test_batches(self) -> None:
        """Everything of one turn goes out together; new servers are among it, whatever their state."""
        self.world.want(ONE, TWO, check=CHECK)
        self.assertEqual(self.world.told, [])
        self.world.clock.advance(0)
        self.assertEqual(self.world.told, [[(b"app", "10.0.0.1:80", True), (b"app", "10.0.0.2:80", True)]])
        self.world.pass_time(0.05)
        for line in self.world.lines:
            line.accept()
        self.world.clock.advance(0)
        self.assertEqual(len(self.world.told), 2)

    def test_findings(self) -> None:
        """Who has just begun is told all that differs from ``default_down``."""
        self.world.want(ONE, TWO, check=CHECK)
        self.world.pass_time(0.05)
        self.assertEqual(self.world.checker.findings(), [])
        self.world.lines[1].accept()
        self.assertEqual(self.world.checker.findings(), [(b"app", "10.0.0.2:80", False)])

    def test_facts(self) -> None:
        """What the page shows."""
        self.world.want(ONE, name="App", check=replace(CHECK, type="http", port=99))
        self.world.pass_time(0.05)
        self.world.lines[0].end.refused(errno.ECONNREFUSED)
        facts = {"index": 0, "upstream": "App", "name": "10.0.0.1:80", "status": "down"}
        self.assertEqual(
            self.world.checker.facts(), [facts | {"rise": 0, "fall": 1, "type": "http", "port": 99}]
        )


class LimitTests(SynchronousTestCase):
    """So many checks at once."""

    def test_wait_for_a_place(self) -> None:
        """The others wait in order, and none is forgotten."""
        world = World(Limits(2, 9))
        addresses = [TcpAddress("10.0.0.1", port) for port in range(1, 6)]
        world.want(*addresses, check=CHECK)
        world.pass_time(0.05)
        self.assertEqual(len(world.lines), 2)
        for at in range(5):
            world.lines[at].end.refused(errno.ECONNREFUSED)
            world.pass_time(0.05)
        self.assertEqual([line.address for line in world.lines], addresses)

    def test_gone_while_waiting(self) -> None:
        """Servers that are gone by the time of their place leave it to the next."""
        world = World(Limits(1, 9))
        world.want(ONE, check=CHECK)
        world.want(TWO, name="b", check=CHECK)
        world.want(TWO, name="c", check=CHECK)
        world.pass_time(0.05)
        world.checker.want(b"b", "b", None, ())
        world.lines[0].end.refused(errno.ECONNREFUSED)
        world.pass_time(0.05)
        self.assertEqual([line.address for line in world.lines], [ONE, TWO])


class Machine(RuleBasedStateMachine):
    """Upstreams come, change and go while servers answer, refuse and are silent."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Limits(3, 2))
        self.wanted: dict[str, tuple[CheckSpec, set[TcpAddress]]] = {}

    @rule(
        name=st.sampled_from("abc"),
        ports=st.sets(st.integers(1, 4)),
        unique=st.booleans(),
        fall=st.integers(1, 2),
        kept=st.sampled_from([1, 3]),
    )
    def want(self, name: str, ports: set[int], unique: bool, fall: int, kept: int) -> None:
        check = replace(CHECK, type="http", unique=unique, fall=fall, keepalive_requests=kept)
        addresses = {TcpAddress("10.0.0.1", port) for port in ports}
        self.wanted[name] = (check, addresses)
        self.world.want(*addresses, name=name, check=check)

    @rule(name=st.sampled_from("abc"))
    def delete(self, name: str) -> None:
        self.wanted.pop(name, None)
        self.world.checker.want(name.encode(), name, None, ())

    @rule(seconds=st.sampled_from([0.05, 0.5, 5.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(place=st.integers(0, 9), how=st.integers(0, 3))
    def answer(self, place: int, how: int) -> None:
        open_lines = [line for line in self.world.lines if not line.closed]
        if place >= len(open_lines):
            return
        line = open_lines[place]
        if line.address is not None and not line.written:
            if how:
                line.accept()
            else:
                line.closed = True
                line.end.refused(errno.ECONNREFUSED)
        elif how == 1:
            line.hang_up()
        elif how == 2:
            line.say(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")
        else:
            line.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    @invariant()
    def counts_are_right(self) -> None:
        checker = self.world.checker
        open_lines = [line for line in self.world.lines if not line.closed]
        assert checker._open == len(open_lines), (checker._open, len(open_lines))
        assert 0 <= checker._busy <= 3

    @invariant()
    def what_is_wanted_is_known(self) -> None:
        shown = {(facts["upstream"], facts["name"]) for facts in self.world.checker.facts()}
        for name, (check, addresses) in self.wanted.items():
            if not check.unique:
                assert {(name, str(address)) for address in addresses} <= shown
        assert {name for name, _ in shown} <= set(self.wanted)

    def teardown(self) -> None:
        """Everything is checked again and again, as long as it is there, and nothing once it is not."""
        checker = self.world.checker
        self.world.pass_time(20.0)
        before = len(self.world.lines)
        self.world.pass_time(10.0)
        assert (len(self.world.lines) > before) == bool(checker.facts())
        for name in "abc":
            self.delete(name)
        self.world.pass_time(10.0)
        assert (checker._open, checker._busy, checker.facts()) == (0, 0, [])


class MachineTests(SynchronousTestCase):
    """Any history."""

    def test_any_history(self) -> None:
        """No place is lost, no connection left open, no server forgotten, whatever happens in whatever order."""
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            Machine, settings=settings(deadline=None, max_examples=30, stateful_step_count=25)
        )
