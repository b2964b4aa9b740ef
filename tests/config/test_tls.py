"""What is said of TLS, as the other floors read it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.tls import PROXY_DEFAULTS, SERVER_DEFAULTS, ProxyTls, ServerTls
from tests.config.helpers import http_of, location_of, server_of


class TlsSettingsTests(SynchronousTestCase):
    """Defaults, inheritance, equality."""

    def test_defaults(self) -> None:
        """A server and a location that say nothing have nginx's defaults."""
        self.assertEqual(server_of("").tls, SERVER_DEFAULTS)
        self.assertEqual(location_of("").proxy_tls, PROXY_DEFAULTS)
        self.assertEqual((ServerTls(), ProxyTls()), (SERVER_DEFAULTS, PROXY_DEFAULTS))
        self.assertEqual(SERVER_DEFAULTS.ssl_protocols, {"TLSv1.2", "TLSv1.3"})

    def test_inheritance(self) -> None:
        """What ``http`` says holds in each server that says nothing itself; lists are replaced whole."""
        http = http_of(
            "ssl_certificate a.crt; ssl_certificate b.crt; ssl_ciphers X; proxy_ssl_verify on;\n"
            "server { listen 1; location / { } }\n"
            "server { listen 2; ssl_certificate c.crt; location / { proxy_ssl_verify off; } }"
        )
        one, two = (listen.default_server for listen in http.listens)
        names = [[item.constant for item in server.tls.ssl_certificate] for server in (one, two)]
        prefix = b"/srv/dyups/conf/"
        self.assertEqual(names, [[prefix + b"a.crt", prefix + b"b.crt"], [prefix + b"c.crt"]])
        self.assertEqual((one.tls.ssl_ciphers, two.tls.ssl_ciphers), ("X", "X"))
        verified = [server.locations[0].proxy_tls.proxy_ssl_verify for server in (one, two)]
        self.assertEqual(verified, [True, False])

    def test_equal_settings_are_equal(self) -> None:
        """Locations with the same settings have equal ones, and can share connections by them."""
        server = server_of(
            "proxy_ssl_name $host; location /a { } location /b { } location /c { proxy_ssl_verify on; }"
        )
        a, b, c = (location.proxy_tls for location in server.locations)
        self.assertEqual((a, hash(a)), (b, hash(b)))
        self.assertNotEqual(a, c)
