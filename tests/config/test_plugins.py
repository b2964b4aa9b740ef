"""Tests of dyups.config.plugins."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.plugins import check_balancer, find_plugin
from dyups.config.upstreams import parse_commands
from dyups.errors import ConfigError
from dyups.interfaces import IBalancerMaker, IRequestHookMaker
from tests.script.plugins import BalancerMaker, Hook, HookMaker, installed


class PluginTests(SynchronousTestCase):
    """Plugins by their names."""

    def test_found(self) -> None:
        """By kind and name."""
        hook, balancer = HookMaker(Hook(), "x"), BalancerMaker(None, "x")
        with installed(hook, balancer):
            self.assertIs(find_plugin(IRequestHookMaker, "x"), hook)
            self.assertIs(find_plugin(IBalancerMaker, "x"), balancer)
            error = self.assertRaises(ConfigError, find_plugin, IRequestHookMaker, "y")
        self.assertEqual(error.message, 'unknown python hook "y"')

    def test_arguments(self) -> None:
        """A balancer says itself which arguments are wrong."""
        with installed(BalancerMaker(None)):
            check_balancer("b", ("good",))
            error = self.assertRaises(ConfigError, check_balancer, "b", ("bad",))
        self.assertEqual(error.message, 'invalid arguments of balancer "b": no such argument')

    def test_command(self) -> None:
        """``balancer`` is a command of upstreams, checked when it is read."""
        with installed(BalancerMaker(None)):
            spec = parse_commands("u", "balancer b x y; server 127.0.0.1:1;")
            self.assertEqual((spec.balancing.method, spec.balancing.args), ("balancer", ("b", "x", "y")))
            self.assertRaises(ConfigError, parse_commands, "u", "balancer other; server 127.0.0.1:1;")
