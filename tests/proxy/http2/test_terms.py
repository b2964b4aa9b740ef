"""What connections to one address share."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.http2.terms import Http2Terms
from tests.proxy.conversation import World


class Terms(SynchronousTestCase):
    """Which server's settings hold."""

    def test_the_default_servers(self) -> None:
        """Limits of connections are those of the address's default server, whatever others say."""
        world = World(
            "server { listen 80; large_client_header_buffers 1 1k; }"
            "server { listen 80 default_server; large_client_header_buffers 2 2k; keepalive_requests 7; }"
        )
        listener = world.listeners[0]
        terms = Http2Terms(listener.routes, listener.listen.default_server.server.http2)
        self.assertEqual((terms.head_limit, terms.root.keepalive_limit), (4096, 7))
