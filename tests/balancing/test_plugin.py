"""Tests of dyups.balancing.plugin."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.base import Tally
from dyups.balancing.plugin import PluginBalancer
from dyups.config.variables import NO_VARIABLES
from dyups.errors import ConfigError
from tests.balancing.servers import Server
from tests.script.plugins import BalancerMaker, installed


class PluginBalancerTests(SynchronousTestCase):
    """A plugin chooses; round robin stands behind it."""

    def setUp(self) -> None:
        self.servers = [Server("a"), Server("b"), Server("c")]
        self.offered: list[str] = []
        self.answer: Any = lambda servers: servers[-1]

    def choose(self, request: Any, servers: Any) -> Any:
        """What the plugin does."""
        self.offered.append("".join(server.name for server in servers))
        return self.answer(servers)

    def balancer(self) -> PluginBalancer[Server]:
        """The plugin's."""
        with installed(BalancerMaker(self.choose)):
            return PluginBalancer(("b",), self.servers, Tally(), NO_VARIABLES, alone=True)

    def test_chosen(self) -> None:
        """What the plugin says is asked; it is offered only servers that may be."""
        balancer = self.balancer()
        self.servers[1].down = True
        self.assertIs(balancer.pick(None, (), 0.0), self.servers[2])
        self.assertIs(balancer.pick(None, {self.servers[2]}, 0.0), self.servers[0])
        self.assertEqual(self.offered, ["ac", "a"])

    def test_nobody_may_be_asked(self) -> None:
        """Then the plugin is not asked either."""
        balancer = self.balancer()
        self.assertIsNone(balancer.pick(None, set(self.servers), 0.0))
        self.assertEqual(self.offered, [])

    def test_no_choice(self) -> None:
        """None leaves it to round robin."""
        self.answer = lambda servers: None
        balancer = self.balancer()
        self.assertEqual("".join(balancer.pick(None, (), 0.0).name for _ in range(4)), "abca")

    def test_failure(self) -> None:
        """A plugin that raises costs no request; the log has the traceback."""
        self.answer = lambda servers: 1 // 0
        self.assertIs(self.balancer().pick(None, (), 0.0), self.servers[0])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_nonsense(self) -> None:
        """What was not offered is not asked."""
        self.answer = lambda servers: "z"
        self.assertIs(self.balancer().pick(None, (), 0.0), self.servers[0])

    def test_gone(self) -> None:
        """A plugin that is not there."""
        with installed():
            self.assertRaises(
                ConfigError, PluginBalancer, ("b",), self.servers, Tally(), NO_VARIABLES, alone=True
            )
