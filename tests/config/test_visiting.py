"""What the configuration says of where clients come from, before anybody comes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.visiting import VisitingSettings
from tests.config.helpers import server_of


class VisitingTests(SynchronousTestCase):
    """The settings."""

    def test_defaults(self) -> None:
        """Nothing is said of referers or links; a location knows the names of its server."""
        server = server_of("location / { } server_name a *.b;")
        found = server.locations[0].settings.visiting
        self.assertEqual([name.text for name in found.names], ["a", "*.b"])
        self.assertEqual(found, VisitingSettings(names=server.names))

    def test_several(self) -> None:
        """Several lines add up; those of a block replace those around it."""
        server = server_of(
            "valid_referers none a; valid_referers b/x; location / { valid_referers blocked c; } location /x { }"
        )
        inner, outer = (location.settings.visiting.valid_referers for location in server.locations)
        self.assertEqual([(item.none, item.blocked) for item in inner], [(False, True)])
        self.assertEqual([[site.path for site in item.sites] for item in outer], [[b""], [b"/x"]])
