"""Trusted proxies, as they are configured."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.networks import parse_network
from tests.config.helpers import http_of, location_of


class RealIp(SynchronousTestCase):
    """The family of settings."""

    def test_trusted(self) -> None:
        """All directives of a block count together."""
        found = location_of(
            "set_real_ip_from 10.0.0.0/8; set_real_ip_from unix:; real_ip_recursive on;"
        ).settings
        self.assertEqual(found.realip.trusted, (parse_network("10.0.0.0/8"), parse_network("unix:")))
        self.assertTrue(found.realip.real_ip_recursive)

    def test_listen(self) -> None:
        """An address announces its clients if any of its ``listen`` lines says so."""
        text = (
            "server { listen 81 proxy_protocol; } server { server_name a; listen 81; } server { listen 82; }"
        )
        self.assertEqual([listen.proxy_protocol for listen in http_of(text).listens], [True, False])
