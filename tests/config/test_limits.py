"""Limits and their zones."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.helpers import http_of, message_of


class Zones(SynchronousTestCase):
    """Every limit needs its zone."""

    def test_together(self) -> None:
        """Zones may stand anywhere in the block, limits in every block within."""
        http = http_of(
            "server { limit_req zone=a; location / { limit_conn b 3; } }"
            "limit_req_zone $host zone=a:1m rate=5r/s; limit_conn_zone $uri zone=b:32k;"
        )
        self.assertEqual(
            [(zone.name, zone.size, zone.rate) for zone in http.limit_zones],
            [("a", 1 << 20, 5000), ("b", 32768, 0)],
        )

    def test_missing(self) -> None:
        """A limit without its zone, or with one of the other kind, is an error in nginx's words."""
        zone = "limit_req_zone $host zone=a:1m rate=5r/s;"
        for text in (
            "server { location / { limit_req zone=a; } }",
            zone + "server { location / { location /x { limit_req zone=b; } } }",
            zone + "server { limit_conn a 1; }",
        ):
            self.assertIn("zero size shared memory zone", message_of(self, http_of, text))
        self.assertIn("already bound", message_of(self, http_of, zone + zone))
