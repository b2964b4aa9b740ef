"""The directives of http, server and location."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.helpers import location_of, message_of, server_of


class Http(SynchronousTestCase):
    """What they read."""

    def test_location_settings(self) -> None:
        """Each setting of a location arrives in its field."""
        found = location_of(
            "client_body_timeout 1; client_max_body_size 2g; default_type text/html; keepalive_requests 3;\n"
            "lingering_close always; lingering_time 4; lingering_timeout 5; send_timeout 6; server_tokens off;\n"
            "tcp_nodelay off; keepalive_timeout 7 8;"
        ).settings
        self.assertEqual(
            (
                found.client_body_timeout,
                found.client_max_body_size,
                found.default_type,
                found.keepalive_requests,
                found.lingering_close,
                found.lingering_time,
                found.lingering_timeout,
                found.send_timeout,
                found.server_tokens,
                found.tcp_nodelay,
                found.keepalive_timeout,
                found.keepalive_timeout_header,
            ),
            (1.0, 2 << 30, "text/html", 3, "always", 4.0, 5.0, 6.0, False, False, 7.0, 8.0),
        )

    def test_server_settings(self) -> None:
        """Each setting of a server arrives in its field."""
        found = server_of(
            "client_header_buffer_size 2k; client_header_timeout 1; large_client_header_buffers 2 16k;\n"
            "ignore_invalid_headers off; underscores_in_headers on; merge_slashes off;"
        ).server
        self.assertEqual(
            (
                found.client_header_buffer_size,
                found.client_header_timeout,
                found.large_client_header_buffers,
                found.ignore_invalid_headers,
                found.underscores_in_headers,
                found.merge_slashes,
            ),
            (2048, 1.0, (2, 16384), False, True, False),
        )

    def test_mistakes(self) -> None:
        """Wrong values are refused."""
        for text, error in {
            "keepalive_timeout x;": '"keepalive_timeout" directive invalid value in conf/nginx.conf:5',
            "keepalive_timeout 1 x;": '"keepalive_timeout" directive invalid value in conf/nginx.conf:5',
            "client_body_buffer_size 0k;": "client body buffer size cannot be zero in conf/nginx.conf:5",
            "client_body_buffer_size x;": '"client_body_buffer_size" directive invalid value in conf/nginx.conf:5',
            "lingering_close maybe;": 'invalid value "maybe" in conf/nginx.conf:5',
            "client_header_timeout 1;": '"client_header_timeout" directive is not allowed here in conf/nginx.conf:5',
        }.items():
            self.assertEqual(message_of(self, location_of, text), error)
