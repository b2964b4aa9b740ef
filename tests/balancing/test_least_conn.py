"""Tests of dyups.balancing.least_conn."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.least_conn import LeastConn
from tests.balancing.reference import LeastConnRequest, all_tries, servers_of, states, twins_of
from tests.balancing.servers import Reference, Server

NONE: frozenset[Server] = frozenset()


class LeastConnTests(SynchronousTestCase):
    """The server with the fewest requests under way for its weight."""

    def test_least(self) -> None:
        """Requests under way count by weight; one more than it can bear moves the choice on."""
        a, b = Server("a", 2, active=3), Server("b", active=2)
        balancer = LeastConn([a, b])
        self.assertIs(balancer.pick(None, NONE, 0.0), a)
        a.active = 5
        self.assertIs(balancer.pick(None, NONE, 0.0), b)

    def test_equals(self) -> None:
        """Equals take turns by weight, smoothly, whoever else is busier."""
        busy = Server("z", active=9)
        balancer = LeastConn([busy, Server("a", 3), Server("b")])
        found = [balancer.pick(None, NONE, 0.0) for _ in range(8)]
        self.assertEqual("".join(server.name for server in found if server), "aabaaaba")

    def test_slow_server(self) -> None:
        """A server that keeps its requests gets no more of them than the others have."""
        slow, quick = Server("slow"), Server("quick")
        balancer = LeastConn([slow, quick])
        for _ in range(100):
            found = balancer.pick(None, NONE, 0.0)
            assert found is not None
            found.active += found is slow
        self.assertEqual(slow.active, 1)

    @settings(deadline=None)
    @given(states, st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=20))
    def test_as_nginx(self, state: Any, changes: list[tuple[int, int]]) -> None:
        """Whatever the servers' state and load, each request is tried on the servers of nginx in its order."""
        servers = servers_of(state)
        twins = twins_of(servers)
        balancer = LeastConn(servers)
        turns = Reference(twins)
        for place, active in [(0, servers[0].active), *changes]:
            for server in (servers[place % len(servers)], twins[place % len(servers)]):
                server.active = active
            ours = all_tries(lambda tried, now: balancer.pick(None, tried, now), servers)
            self.assertEqual(ours, all_tries(LeastConnRequest(twins, turns).get, twins))
            self.assertEqual([s.effective_weight for s in servers], [s.effective_weight for s in twins])
