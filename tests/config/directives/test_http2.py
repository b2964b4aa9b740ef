"""The directives of HTTP/2."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.directives import Context, Effect, find
from dyups.config.directives.http2 import OBSOLETE
from tests.config.helpers import http_of, message_of, server_of


class Directives(SynchronousTestCase):
    """What they read."""

    def test_mistakes(self) -> None:
        """Wrong values are refused in nginx's words."""
        for text, error in {
            "http2 yes;": 'invalid value "yes" in "http2" directive, it must be "on" or "off"',
            "http2_max_concurrent_streams x;": '"http2_max_concurrent_streams" directive invalid number',
            "http2_body_preread_size 3g;": '"http2_body_preread_size" directive invalid value',
            "http2_body_preread_size 2048m;": "the maximum body preread buffer size is 2147483647",
            "http2_chunk_size 0;": "the http2 chunk size cannot be zero",
        }.items():
            self.assertEqual(message_of(self, server_of, text), f"{error} in conf/nginx.conf:4", text)
        self.assertEqual(
            message_of(self, http_of, "http2_recv_buffer_size 16;"),
            '"http2_recv_buffer_size" directive value is too small in conf/nginx.conf:3',
        )

    def test_taken(self) -> None:
        """Sizes of nginx's memory, and what is obsolete, change nothing."""
        http_of("http2_recv_buffer_size 64k; server { http2_pool_size 4k; http2_streams_index_size 32; }")
        for name in OBSOLETE:
            self.assertEqual(find(name, Context.SERVER).effect, Effect.NO_EFFECT, name)
        server_of("http2_push_preload on; http2_max_requests 5; http2_push /a; http2_push /b;")
