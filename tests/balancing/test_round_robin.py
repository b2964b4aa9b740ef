"""Tests of dyups.balancing.round_robin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.base import Tally
from dyups.balancing.round_robin import RoundRobin
from tests.balancing.servers import Reference, Server

NONE: frozenset[Server] = frozenset()


class Group:
    """Servers a, b, c … under round robin."""

    def __init__(self, servers: Sequence[Server], *, alone: bool = True) -> None:
        self.tally = Tally()
        self.servers = servers
        for server in servers:
            server.tally = self.tally
        self.balancer = RoundRobin(servers, self.tally, alone=alone)

    def pick(self, now: float = 0.0, tried: Container[Any] = NONE) -> Server | None:
        """The next choice."""
        return self.balancer.pick(None, tried, now)

    def sequence(self, count: int, now: float = 0.0) -> str:
        """The names of the next choices; - for nobody."""
        return "".join(server.name if (server := self.pick(now)) else "-" for _ in range(count))

    @property
    def rotates(self) -> bool:
        """Is the next choice made the short way."""
        return self.balancer._order is not None and self.balancer._seen == self.tally.failures


def group(*weights: int, alone: bool = True, **parameters: Any) -> Group:
    """A group of servers with these weights."""
    servers = [Server(name, weight, **parameters) for name, weight in zip("abcdefgh", weights, strict=False)]
    return Group(servers, alone=alone)


class SequenceTests(SynchronousTestCase):
    """Who is chosen when all is well."""

    def test_weights(self) -> None:
        """Smooth sequences as nginx's, from the first server on, and again from the start."""
        for weights, sequence in (
            ((5, 1, 1), "aabacaa"),
            ((1, 1), "ab"),
            ((1, 1, 1), "abc"),
            ((2, 2), "ab"),
            ((3, 1), "aaba"),
            ((1, 2), "bab"),
            ((4, 3, 2, 1), "abcabdacba"),
            ((1,), "a"),
            ((7,), "a"),
        ):
            self.assertEqual(group(*weights).sequence(len(sequence) * 3), sequence * 3, weights)

    def test_nobody(self) -> None:
        """Without servers nobody is chosen."""
        self.assertEqual(group().sequence(2), "--")
        self.assertEqual(group(alone=False).sequence(2), "--")

    def test_short_way(self) -> None:
        """Equal weights, and one server alone, are chosen the short way; other groups are not."""
        for weights, parameters, rotates in (
            ((1, 1, 1), {}, True),
            ((3, 3), {}, True),
            ((1,), {}, True),
            ((1, 2), {}, False),
            ((1, 1), {"max_conns": 5}, False),
            ((1, 1), {"fails": 1}, False),
            ((4, 4), {"effective_weight": 2}, False),
        ):
            self.assertEqual(group(*weights, **parameters).rotates, rotates, (weights, parameters))

    @given(st.lists(st.integers(1, 20), min_size=1, max_size=8))
    @settings(deadline=None)
    def test_shares(self, weights: list[int]) -> None:
        """In each round of as many choices as the weights sum to, each server is chosen as often as its weight."""
        servers = group(*weights)
        for _ in range(2):
            shares = Counter(servers.sequence(sum(weights)))
            self.assertEqual([shares[server.name] for server in servers.servers], weights)

    @given(st.lists(st.integers(1, 9), min_size=2, max_size=8))
    @settings(deadline=None)
    def test_smooth(self, weights: list[int]) -> None:
        """At every moment each server has had its share, give or take less than one request per other server."""
        servers = group(*weights)
        total = sum(weights)
        had: Counter[str] = Counter()
        for number in range(1, total + 1):
            had.update(servers.sequence(1))
            for server in servers.servers:
                self.assertLess(
                    abs(had[server.name] - number * server.weight / total), len(weights) - 1 + 1e-9
                )


class DownTests(SynchronousTestCase):
    """Servers that may not be asked."""

    def test_down(self) -> None:
        """A server marked down is never chosen, and the others rotate without it."""
        servers = Group([Server("a"), Server("b", down=True), Server("c")])
        self.assertEqual(servers.sequence(5), "acaca")
        self.assertTrue(servers.rotates)
        self.assertEqual(group(1, 1, down=True).sequence(2), "--")
        self.assertEqual(group(1, down=True).sequence(2), "--")

    def test_max_conns(self) -> None:
        """A server with max_conns requests under way is passed over until one of them ends."""
        servers = Group([Server("a", max_conns=1), Server("b")])
        servers.servers[0].active = 1
        self.assertEqual(servers.sequence(3), "bbb")
        servers.servers[0].active = 0
        self.assertEqual(servers.sequence(2), "ab")
        alone = group(1, max_conns=2, active=2)
        self.assertEqual(alone.sequence(1), "-")
        alone.servers[0].active = 1
        self.assertEqual(alone.sequence(1), "a")

    def test_tried(self) -> None:
        """A server that this request has tried is not chosen again for it; when all were, nobody is."""
        servers = group(1, 1, 1)
        a, b, c = servers.servers
        self.assertIs(servers.pick(), a)
        self.assertIs(servers.pick(tried=frozenset({a})), b)
        self.assertIs(servers.pick(tried=frozenset({a, b})), c)
        self.assertIsNone(servers.pick(tried=frozenset({a, b, c})))
        alone = group(1)
        self.assertIsNone(alone.pick(tried=frozenset(alone.servers)))
        self.assertEqual(alone.sequence(1), "a")


class FailureTests(SynchronousTestCase):
    """max_fails and fail_timeout."""

    def test_out(self) -> None:
        """After max_fails failures a server is out for fail_timeout, then gets one request as a trial."""
        servers = group(1, 1)
        servers.servers[0].fail(100.0)
        self.assertEqual(servers.sequence(3, 105.0), "bbb")
        self.assertEqual(servers.sequence(3, 110.0), "bbb")
        trial = servers.sequence(4, 110.5)
        self.assertEqual(sorted(trial), ["a", "b", "b", "b"])
        servers.servers[0].succeed()
        self.assertEqual(sorted(servers.sequence(4, 111.0)), ["a", "a", "b", "b"])

    def test_trial_fails(self) -> None:
        """A trial that fails puts the server out for another fail_timeout."""
        servers = group(1, 1)
        servers.servers[0].fail(100.0)
        self.assertIn("a", servers.sequence(4, 111.0))
        servers.servers[0].fail(112.0)
        self.assertEqual(servers.sequence(3, 122.0), "bbb")
        self.assertIn("a", servers.sequence(4, 122.5))

    def test_max_fails(self) -> None:
        """Fewer failures than max_fails do not put a server out; with 0 none ever do."""
        for max_fails, failures, out in ((3, 2, False), (3, 3, True), (0, 50, False)):
            servers = group(1, 1, max_fails=max_fails)
            for _ in range(failures):
                servers.servers[0].fail(100.0)
            self.assertEqual("a" not in servers.sequence(4, 100.0), out, (max_fails, failures))

    def test_heavy_server_comes_back_slowly(self) -> None:
        """A failure lowers a server's weight by its part; it grows back by one with each choice."""
        servers = group(10, 10, max_fails=2)
        servers.servers[0].fail(0.0)
        self.assertEqual(servers.servers[0].effective_weight, 5)
        servers.sequence(3)
        self.assertEqual(servers.servers[0].effective_weight, 8)
        servers.sequence(9)
        self.assertEqual(servers.servers[0].effective_weight, 10)

    def test_single(self) -> None:
        """A single server is never out; one with backups behind it is."""
        for alone, sequence in ((True, "aaa"), (False, "---")):
            servers = group(1, alone=alone)
            servers.servers[0].fail(100.0)
            servers.servers[0].fail(100.0)
            self.assertEqual(servers.sequence(3, 101.0), sequence)

    def test_single_recovers(self) -> None:
        """The failures of a single server are forgotten after a good answer later than fail_timeout."""
        servers = group(1)
        servers.servers[0].fail(100.0)
        self.assertFalse(servers.rotates)
        servers.sequence(1, 105.0)
        servers.servers[0].succeed()
        self.assertEqual(servers.servers[0].fails, 1)
        servers.sequence(1, 111.0)
        servers.servers[0].succeed()
        self.assertEqual(servers.servers[0].fails, 0)
        servers.sequence(1, 112.0)
        self.assertTrue(servers.rotates)

    def test_all_out(self) -> None:
        """When all are out nobody is chosen: what then is for the group to say."""
        servers = group(1, 1)
        for server in servers.servers:
            server.fail(100.0)
        self.assertEqual(servers.sequence(2, 101.0), "--")

    def test_way_back(self) -> None:
        """After a failure is over, the group soon takes the short way again, with the same choices as the long one."""
        for failing in range(3):
            for at in range(4):
                servers = group(1, 1, 1)
                servers.sequence(at)
                servers.servers[failing].fail(100.0)
                servers.sequence(7, 101.0)
                self.assertFalse(servers.rotates)
                servers.sequence(5, 111.0)
                servers.servers[failing].succeed()
                servers.sequence(5, 112.0)
                self.assertTrue(servers.rotates, (failing, at))
                shares = Counter(servers.sequence(30, 113.0))
                self.assertEqual(set(shares.values()), {10})


steps = st.lists(
    st.one_of(
        st.tuples(st.just("pick"), st.integers(1, 9)),
        st.tuples(st.just("pick"), st.just(1)),
        st.tuples(st.just("retry"), st.integers(0, 3)),
        st.tuples(st.just("fail"), st.integers(0, 3)),
        st.tuples(st.just("succeed"), st.integers(0, 3)),
        st.tuples(st.just("wait"), st.sampled_from([1, 5, 10, 11, 30])),
        st.tuples(st.just("busy"), st.integers(0, 3)),
        st.tuples(st.just("free"), st.integers(0, 3)),
    ),
    max_size=40,
)


@st.composite
def server_lists(draw: st.DrawFn) -> list[Server]:
    """Two to four servers, mostly all alike."""
    count = draw(st.integers(2, 4))
    alike = draw(
        st.builds(Server, st.just("x"), st.integers(1, 4), st.integers(0, 3), st.sampled_from([0.0, 10.0]))
    )
    servers = [replace(alike, name=name) for name in "abcd"[:count]]
    for server in servers:
        if draw(st.integers(0, 9)) == 0:
            server.weight = server.effective_weight = draw(st.integers(1, 4))
        server.down = draw(st.integers(0, 9)) == 0
        server.max_conns = 2 if draw(st.integers(0, 14)) == 0 else 0
    return servers


class ReferenceTests(SynchronousTestCase):
    """Whatever happened before, the choice is nginx's."""

    @given(server_lists(), steps)
    @settings(deadline=None, max_examples=500)
    def test_any_history(self, servers: list[Server], history: list[tuple[str, int]]) -> None:
        """After any history of choices, failures, successes and time, both ways give the same server and weights."""
        ours = Group([replace(server) for server in servers])
        theirs = [replace(server) for server in servers]
        reference = Reference(theirs)
        now = 1000.0
        for verb, number in history:
            place = number % len(servers)
            if verb == "pick":
                for _ in range(number):
                    self.same(ours.pick(now), reference.pick(NONE, now))
            elif verb == "retry":
                tried = ours.servers[place], theirs[place]
                self.same(ours.pick(now, frozenset({tried[0]})), reference.pick(frozenset({tried[1]}), now))
            elif verb == "wait":
                now += number
            else:
                for server in (ours.servers[place], theirs[place]):
                    self.happen(verb, server, now)
            self.assertEqual(
                [(s.effective_weight, s.fails) for s in ours.servers],
                [(s.effective_weight, s.fails) for s in theirs],
            )

    def same(self, ours: Server | None, theirs: Server | None) -> None:
        """Both chose the server of the same name, or nobody."""
        self.assertEqual(ours and ours.name, theirs and theirs.name)

    def happen(self, verb: str, server: Server, now: float) -> None:
        """Something happens to ``server``."""
        if verb == "fail":
            server.fail(now)
        elif verb == "succeed":
            server.succeed()
        else:
            server.active = max(0, server.active + (1 if verb == "busy" else -1))


class VerdictTests(SynchronousTestCase):
    """Servers that health checks find up or down while the group is there."""

    def test_down_and_up(self) -> None:
        """One that goes down is not chosen any more, the others rotate; when it is up again it has its share."""
        some = group(1, 1, 1)
        self.assertEqual(some.sequence(4), "abca")
        some.servers[1].judge(down=True)
        self.assertEqual(some.sequence(4), "acac")
        self.assertTrue(some.rotates)
        some.servers[1].judge(down=False)
        self.assertEqual(some.sequence(6), "abcabc")
        self.assertTrue(some.rotates)

    def test_weights(self) -> None:
        """The weights of those that are up decide."""
        some = group(5, 1, 1)
        some.servers[0].judge(down=True)
        self.assertEqual(some.sequence(4), "bcbc")
        some.servers[0].judge(down=False)
        self.assertEqual(some.sequence(7), "aabacaa")

    def test_single(self) -> None:
        """A single server is out too: failed requests never take it out, checks do."""
        one = group(1)
        one.servers[0].judge(down=True)
        self.assertEqual(one.sequence(2), "--")
        one.servers[0].judge(down=False)
        self.assertEqual(one.sequence(2), "aa")

    def test_down_from_the_start(self) -> None:
        """A group may begin with nobody up (``default_down``)."""
        some = group(1, 1, down=True)
        self.assertEqual(some.sequence(1), "-")
        for server in some.servers:
            server.judge(down=False)
        self.assertEqual(some.sequence(4), "abab")

    @given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30))
    @settings(deadline=None)
    def test_never_down_while_another_is_up(self, turns: list[tuple[int, bool]]) -> None:
        """Whatever checks find, in whatever order: who is chosen is up, and somebody is chosen if anybody is up."""
        some = group(3, 1, 1, 2)
        for place, down in turns:
            some.servers[place].judge(down)
            for _ in range(3):
                chosen = some.pick()
                self.assertEqual(chosen is None, all(server.down for server in some.servers))
                self.assertFalse(chosen is not None and chosen.down)
