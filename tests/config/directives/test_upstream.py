"""The directives of an upstream."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.directives import Context, find
from dyups.config.directives.upstream import BALANCING
from dyups.config.upstreams import parse_commands
from tests.config.helpers import message_of


class Upstream(SynchronousTestCase):
    """What they read."""

    def test_keepalive(self) -> None:
        """Connections may be kept, or none at all."""
        self.assertEqual(parse_commands("a", "server b; keepalive 0;").keepalive, 0)
        self.assertEqual(parse_commands("a", "server b; keepalive 7 local;").keepalive, 7)
        self.assertEqual(parse_commands("a", "server b; keepalive_requests 7;").keepalive_requests, 7)
        self.assertEqual(parse_commands("a", "server b; keepalive_timeout 7;").keepalive_timeout, 7.0)

    def test_methods(self) -> None:
        """A balancing method that is not served is refused by its name."""
        for name in BALANCING:
            self.assertEqual(
                message_of(self, find, name, Context.UPSTREAM), f'"{name}" directive is not supported'
            )
