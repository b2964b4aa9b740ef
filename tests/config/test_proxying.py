"""What the proxy changes on the way, as it is configured."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.proxying import ProxyingSettings
from tests.config.helpers import location_of, server_of


class Family(SynchronousTestCase):
    """The settings as a family of a location's."""

    def test_defaults(self) -> None:
        """A location that says nothing has nginx's defaults."""
        self.assertEqual(location_of("").settings.proxying, ProxyingSettings())

    def test_inherited(self) -> None:
        """A block without such a rule has those around it; one with a rule has its own alone."""
        server = server_of(
            "proxy_hide_header A; proxy_hide_header B; proxy_method PUT;"
            "location /a { } location /b { proxy_hide_header C; }"
        )
        found = [location.settings.proxying for location in server.locations]
        self.assertEqual([x.proxy_hide_header for x in found], [("A", "B"), ("C",)])
        self.assertEqual([x.proxy_method.constant for x in found if x.proxy_method], [b"PUT", b"PUT"])
