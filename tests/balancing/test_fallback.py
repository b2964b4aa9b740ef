"""Tests of dyups.balancing.fallback."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.base import Tally
from dyups.balancing.fallback import WithFallback
from tests.balancing.servers import Server


class FallbackTests(SynchronousTestCase):
    """Requests whose rule gives them no server."""

    def test_turns(self) -> None:
        """They take turns among themselves, beginning with the first server."""
        servers = [Server("a"), Server("b"), Server("c")]
        balancer = WithFallback(servers, Tally())
        nobody: frozenset[Server] = frozenset()
        found = [balancer.in_turn(None, nobody, 0.0) for _ in range(4)]
        self.assertEqual("".join(server.name for server in found if server), "abca")
        self.assertIs(balancer.in_turn(None, frozenset(servers[1:]), 0.0), servers[0])
        self.assertIsNone(balancer.in_turn(None, frozenset(servers), 0.0))
