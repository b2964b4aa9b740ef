"""The directives of the proxy."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.config.helpers import Exchange, location_of, message_of


class Proxy(SynchronousTestCase):
    """What they read."""

    def test_settings(self) -> None:
        """Each setting arrives in its field."""
        found = location_of(
            "proxy_connect_timeout 1; proxy_http_version 1.0; proxy_next_upstream_tries 2; proxy_read_timeout 3;\n"
            "proxy_next_upstream_timeout 4; proxy_send_timeout 5; proxy_next_upstream http_502 non_idempotent;"
        ).settings
        self.assertEqual(
            (
                found.proxy_connect_timeout,
                found.proxy_http_version,
                found.proxy_next_upstream_tries,
                found.proxy_read_timeout,
                found.proxy_next_upstream_timeout,
                found.proxy_send_timeout,
                found.proxy_next_upstream,
            ),
            (1.0, "1.0", 2, 3.0, 4.0, 5.0, frozenset({"http_502", "non_idempotent"})),
        )

    def test_set_header(self) -> None:
        """Fields keep their order and spelling, values may have variables or be empty."""
        found = location_of(
            "proxy_set_header X-Host $host; proxy_set_header Accept '';"
        ).settings.proxy_set_header
        self.assertEqual(
            [(name, value.render(Exchange())) for name, value in found],
            [("X-Host", b"<host>"), ("Accept", b"")],
        )

    def test_off(self) -> None:
        """No failure at all may lead to the next server."""
        self.assertEqual(location_of("proxy_next_upstream off;").settings.proxy_next_upstream, frozenset())

    def test_mistakes(self) -> None:
        """Wrong values are refused."""
        for text, error in {
            "proxy_http_version 3;": 'invalid value "3" in conf/nginx.conf:5',
            "proxy_next_upstream http_418;": 'invalid value "http_418" in conf/nginx.conf:5',
            "proxy_set_header A;": 'invalid number of arguments in "proxy_set_header" directive in conf/nginx.conf:5',
        }.items():
            self.assertEqual(message_of(self, location_of, text), error)
