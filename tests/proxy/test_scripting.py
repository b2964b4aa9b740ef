"""Tests of dyups.proxy.scripting."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.scripting import NO_SCRIPTS
from tests.proxy.conversation import World


class NoScriptsTests(SynchronousTestCase):
    """A configuration without scripts."""

    def test_nothing(self) -> None:
        """Locations stay plain: nothing stands between them and their content."""
        world = World("server { location / { echo a; } }")
        (location,) = world.http.listens[0].servers[0].locations
        self.assertEqual(NO_SCRIPTS.before_access(location) + NO_SCRIPTS.after_access(location), ())
        self.assertEqual((dict(NO_SCRIPTS.contents()), NO_SCRIPTS.edits(location)), ({}, None))
        exchange = world.client().protocol.exchange
        self.assertTrue(exchange.server.level.find(exchange).plain)
        self.assertIsNone(world.plane.edits(location))
