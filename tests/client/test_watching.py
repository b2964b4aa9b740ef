"""Tests of dyups.client.watching."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dyups.client.watching import Change, Seen, differences, seen_in
from dyups.errors import Unreachable
from tests.client.service import Service

ONE = "server 127.0.0.1:1;"
TWO = "server 127.0.0.1:2;"


class WatchTests(SynchronousTestCase):
    """A watch on an interface."""

    def setUp(self) -> None:
        self.service = Service(self)
        self.service.interface.fill(old=ONE)
        self.watch = self.service.client.watch(2.0)
        self.asked = self.service.agent.asked

    def next(self) -> Deferred[list[Change]]:
        return Deferred.fromCoroutine(self.watch.next())

    def test_waits_for_changes(self) -> None:
        """What is there at the start is no change; the next one is told within the interval."""
        waiting = self.next()
        self.service.clock.pump([2.0, 2.0])
        self.assertNoResult(waiting)
        self.service.interface.fill(new=ONE + TWO)
        self.service.clock.advance(2.0)
        self.assertEqual(self.successResultOf(waiting), [Change(2, "created", "new", (ONE, TWO), ())])

    def test_nothing_new_is_not_sent(self) -> None:
        """Looks after the first one ask for what is newer than that."""
        self.next()
        self.service.clock.pump([2.0] * 3)
        fields = [headers.getRawHeaders("If-None-Match") for _, _, headers in self.asked]
        self.assertEqual((fields[0], len(fields)), (None, 5))
        self.assertEqual(len(set(map(str, fields[1:]))), 1)
        self.assertIsNotNone(fields[1])

    def test_iterated(self) -> None:
        """``async for`` gives what happens between two calls, too."""

        async def two() -> list[list[Change]]:
            found: list[list[Change]] = []
            async for changes in self.watch:
                found.append(changes)
                if len(found) == 2:
                    break
                self.service.interface.fill(old=TWO)
                self.service.interface.ask("DELETE", "/upstream/new")
            return found

        running = Deferred.fromCoroutine(two())
        self.service.interface.fill(new=ONE)
        self.service.clock.advance(2.0)
        first, second = self.successResultOf(running)
        self.assertEqual([change.kind for change in first], ["created"])
        self.assertEqual(
            second, [Change(4, "deleted", "new", (), (ONE,)), Change(4, "changed", "old", (TWO,), (ONE,))]
        )

    def test_interrupted(self) -> None:
        """A watch that met nobody can be asked again, and tells what was missed."""
        self.next()
        look = self.service.client.detail_unless

        async def nobody(etag: str) -> object:
            raise Unreachable("nobody")

        self.service.client.detail_unless = nobody  # type: ignore[method-assign, assignment]
        self.failureResultOf(self.next(), Unreachable)
        self.service.interface.fill(new=ONE)
        self.service.client.detail_unless = look  # type: ignore[method-assign]
        self.assertEqual([change.name for change in self.successResultOf(self.next())], ["new"])


commands = st.lists(st.sampled_from(["server a;", "server b;", "ip_hash;"]), max_size=4).map(tuple)
states = st.dictionaries(st.sampled_from("abcd"), commands, max_size=4)


class DifferencesTests(SynchronousTestCase):
    """From one look to the next."""

    def test_order(self) -> None:
        """Another order of servers is a change in which nothing came or went."""
        change = Change(7, "changed", "a", (), ())
        self.assertEqual(differences({"a": ("x;", "y;")}, {"a": ("y;", "x;")}, 7), [change])

    def test_what_is_seen(self) -> None:
        """Commands as they may be posted: other commands, then servers."""
        service = Service(self)
        service.interface.fill(a=f"{ONE}keepalive 4;")
        detail = self.successResultOf(Deferred.fromCoroutine(service.client.detail()))
        self.assertEqual(seen_in(detail), {"a": ("keepalive 4;", ONE)})

    @settings(deadline=None, max_examples=100)
    @given(states, states)
    def test_whole(self, before: Seen, now: Seen) -> None:
        """Every difference is told once, and what is told makes the one out of the other."""
        made = {name: sorted(found) for name, found in before.items()}
        changes = differences(before, now, 1)
        self.assertEqual(len({change.name for change in changes}), len(changes))
        for change in changes:
            left = made.pop(change.name, [])
            for command in change.removed:
                left.remove(command)
            if change.kind != "deleted":
                made[change.name] = sorted([*left, *change.added])
        self.assertEqual(made, {name: sorted(found) for name, found in now.items()})
