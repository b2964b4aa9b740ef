"""Tests of dyups.control.change: patches, and changes that are made only if nobody was faster."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from dyups.control.command import Update
from dyups.control.condition import Condition, etag_of
from dyups.errors import CommandRefused, ConfigError, LostRace, UnknownUpstream
from tests.control.test_change import BODY, ChangeCase


class PatchTests(ChangeCase):
    """One server at a time."""

    def setUp(self) -> None:
        super().setUp()
        self.successResultOf(self.changes.update("Host", BODY))

    def test_journaled_as_update(self) -> None:
        """What a patch makes is stored as an update of the whole upstream, in the name's own spelling."""
        self.successResultOf(self.changes.patch("HOST", "add server 127.0.0.1:9 weight=2;"))
        body = "server 127.0.0.1:8088;\nserver 127.0.0.1:9 weight=2;\n"
        self.assertEqual(self.store.commands[-1], (2, Update("Host", body)))
        self.assertEqual(self.shown(), {"Host": ["127.0.0.1:8088", "127.0.0.1:9"]})
        self.assertEqual((self.upstreams.sequence, self.store.notices, self.lock.held), (2, 2, False))

    def test_refused(self) -> None:
        """All of a patch or nothing: a bad command, an unknown name and a name that none can have change nothing."""
        refused = self.failureResultOf(
            self.changes.patch("host", "add server 127.0.0.1:9;\nremove server nobody;"), CommandRefused
        )
        self.assertEqual(
            refused.value.reason, 'patch failed: no server "nobody" in upstream "Host" in line 2'
        )
        self.failureResultOf(self.changes.patch("other", "add server 127.0.0.1:9;"), UnknownUpstream)
        self.failureResultOf(self.changes.patch("a b", "add server 127.0.0.1:9;"), CommandRefused)
        self.assertEqual((self.shown(), len(self.store.commands)), ({"Host": ["127.0.0.1:8088"]}, 1))
        self.assertFalse(self.lock.held)

    def test_name_that_is_not_found(self) -> None:
        """A host name without an address refuses the patch."""
        changed = self.changes.patch("host", "add server nowhere.example;")
        self.lookup.waiting.pop().errback(ConfigError('host not found in upstream "nowhere.example"', "", 1))
        reason = self.failureResultOf(changed, CommandRefused).value.reason
        self.assertTrue(reason.startswith("patch failed: host not found in upstream"), reason)
        self.assertEqual(self.shown(), {"Host": ["127.0.0.1:8088"]})

    def test_applied_to_what_is_there_then(self) -> None:
        """A patch that waits for its turn works on what the change before it made."""
        self.store.answer = Deferred()
        first = self.changes.update("host", "server 127.0.0.1:1;")
        second = self.changes.patch("host", "add server 127.0.0.1:2;")
        answer, self.store.answer = self.store.answer, None
        answer.callback(None)
        self.successResultOf(first)
        self.successResultOf(second)
        self.assertEqual(self.shown(), {"host": ["127.0.0.1:1", "127.0.0.1:2"]})

    def test_live_state_stays(self) -> None:
        """A server that a patch does not touch keeps its peer, with connections and failures."""
        before = self.upstreams.find("host")
        self.successResultOf(self.changes.patch("host", "add server 127.0.0.1:9;"))
        after = self.upstreams.find("host")
        assert before is not None and after is not None
        self.assertIs(after.peers[0], before.peers[0])


class ConditionsTests(ChangeCase):
    """``If-Match`` and ``If-None-Match``."""

    def tag(self) -> str:
        group = self.upstreams.find("host")
        assert group is not None
        return etag_of(group.spec)

    def test_lost_race(self) -> None:
        """Of two changes with the same tag, made at once, the first is made; the second has lost, under the lock."""
        self.successResultOf(self.changes.update("host", BODY))
        mine = Condition(self.tag())
        self.store.answer = Deferred()
        first = self.changes.update("host", "server 127.0.0.1:1;", mine)
        others = [
            self.changes.update("host", "server 127.0.0.1:2;", mine),
            self.changes.patch("host", "add server 127.0.0.1:3;", mine),
            self.changes.delete("host", mine),
        ]
        answer, self.store.answer = self.store.answer, None
        answer.callback(None)
        self.successResultOf(first)
        for other in others:
            self.failureResultOf(other, LostRace)
        self.assertEqual((self.shown(), len(self.store.commands)), ({"host": ["127.0.0.1:1"]}, 2))
        self.assertFalse(self.lock.held)

    def test_create_only(self) -> None:
        """``If-None-Match: *`` makes an upstream only where there is none."""
        create = Condition("", "*")
        self.successResultOf(self.changes.update("host", BODY, create))
        self.failureResultOf(self.changes.update("HOST", "server 127.0.0.1:1;", create), LostRace)
        self.assertEqual(self.shown(), {"host": ["127.0.0.1:8088"]})

    def test_replace_only(self) -> None:
        """``If-Match: *`` replaces, and never creates; what is not there cannot be deleted whatever the condition."""
        self.failureResultOf(self.changes.update("host", BODY, Condition("*")), LostRace)
        self.failureResultOf(self.changes.delete("host", Condition("*")), UnknownUpstream)
        self.successResultOf(self.changes.update("host", BODY))
        self.successResultOf(self.changes.delete("host", Condition("*")))

    def test_before_the_content(self) -> None:
        """The condition comes before the content (RFC 9110 section 13.2.1)."""
        self.failureResultOf(self.changes.update("host", "bogus;", Condition("*")), LostRace)
        self.failureResultOf(self.changes.update("host", "bogus;", Condition("", "*")), CommandRefused)

    @settings(deadline=None, max_examples=60)
    @given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 9)), max_size=12))
    def test_compare_and_swap(self, steps: list[tuple[int, int]]) -> None:
        """However clients with old and new tags are mixed, each change was made on what its client had seen."""
        self.setUp()
        self.successResultOf(self.changes.update("host", "server 127.0.0.1:8;"))
        seen = [self.tag()] * 3
        for client, port in steps:
            holds = seen[client] == self.tag()
            made = self.changes.update("host", f"server 127.0.0.1:{port};", Condition(seen[client]))
            if holds:
                self.successResultOf(made)
                self.assertEqual(self.shown(), {"host": [f"127.0.0.1:{port}"]})
            else:
                self.failureResultOf(made, LostRace)
            seen[client] = self.tag()
