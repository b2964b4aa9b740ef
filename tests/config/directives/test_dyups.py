"""The module's own directives."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.directives import Context
from dyups.config.directives.dyups import ENTRIES
from tests.config.helpers import http_of, message_of


class Dyups(SynchronousTestCase):
    """Where they stand and what they read."""

    def test_contexts(self) -> None:
        """All but the interface stand in http and outside it."""
        both = {entry.name for entry in ENTRIES if entry.contexts == Context.MAIN | Context.HTTP}
        self.assertEqual({entry.name for entry in ENTRIES} - both, {"dyups_interface"})

    def test_values(self) -> None:
        """Times and sizes are nginx's."""
        found = http_of("dyups_read_msg_timeout 500ms; dyups_shm_zone_size 10M;").dyups
        self.assertEqual((found.dyups_read_msg_timeout, found.dyups_shm_zone_size), (0.5, 10 << 20))

    def test_interface(self) -> None:
        """The interface belongs to a location and has no arguments."""
        self.assertIn("is not allowed here", message_of(self, http_of, "dyups_interface;"))
