"""What is said of HTTP/2."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.http2 import Http2Settings
from tests.config.helpers import http_of


class Http2(SynchronousTestCase):
    """The settings of servers."""

    def test_defaults(self) -> None:
        """nginx's."""
        server = http_of("server { }").listens[0].default_server
        self.assertEqual(server.server.http2, Http2Settings(False, 65536, 128))
        self.assertEqual(server.settings.http2_chunk_size, 8192)

    def test_inheritance(self) -> None:
        """Servers have what ``http`` says, or say it themselves."""
        http = http_of(
            "http2 on; http2_max_concurrent_streams 9; server { listen 1; }"
            "server { listen 2; http2 off; http2_body_preread_size 0; http2_chunk_size 1k; }"
        )
        one, two = (listen.default_server for listen in http.listens)
        self.assertEqual(one.server.http2, Http2Settings(True, 65536, 9))
        self.assertEqual(two.server.http2, Http2Settings(False, 0, 9))
        self.assertEqual((one.settings.http2_chunk_size, two.settings.http2_chunk_size), (8192, 1024))
