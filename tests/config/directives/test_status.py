"""Status pages."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import ResourceContent
from tests.config.helpers import location_of, message_of


class Status(SynchronousTestCase):
    """Contents of a location."""

    def test_contents(self) -> None:
        """Each is what the location does."""
        for name in ("stub_status", "dyups_status"):
            self.assertEqual(location_of(f"{name};").content, ResourceContent(name))
        self.assertEqual(location_of("stub_status on;").content, ResourceContent("stub_status"))

    def test_one(self) -> None:
        """A location does one thing."""
        self.assertIn("conflicts with", message_of(self, location_of, "stub_status; proxy_pass http://a;"))
