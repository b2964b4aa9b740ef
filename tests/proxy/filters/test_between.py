"""What stands between an answer and its client."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.filters.between import Between, holds, stop
from tests.proxy.conversation import World


class Holding(Between):
    """Holds something until it is stopped."""

    held = True

    def holds(self) -> bool:
        return holds(self._client) or self.held

    def stop(self) -> None:
        self.held = False
        super().stop()


class Standing(SynchronousTestCase):
    """One in front of the other."""

    def setUp(self) -> None:
        world = World("server { }")
        self.client = world.client().protocol
        self.first: Any = Holding(self.client)
        self.second: Any = Between(self.first)

    def test_asked(self) -> None:
        """Whatever one of them has nothing to say about is the client's."""
        self.assertIs(self.second.inner, self.first)
        self.assertEqual(self.second.client_address(), self.client.client_address())
        self.assertIs(self.second.exchange, self.client.exchange)

    def test_holds(self) -> None:
        """Something is held if any of them holds it, until they are stopped; a client itself holds nothing."""
        self.assertFalse(holds(self.client))
        self.assertTrue(holds(self.second))
        stop(self.second)
        self.assertFalse(holds(self.second))
        stop(self.client)
