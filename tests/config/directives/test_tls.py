"""The directives of TLS, one by one."""

from __future__ import annotations

from types import SimpleNamespace

from twisted.trial.unittest import SynchronousTestCase

from tests.config.helpers import http_of, location_of, message_of, server_of


class ServerDirectives(SynchronousTestCase):
    """``ssl_…``."""

    def test_material(self) -> None:
        """Certificates are files beside the configuration file, texts of their own, or have variables."""
        for text, expected in {
            "a.crt": b"/srv/dyups/conf/a.crt",
            "/x/a.crt": b"/x/a.crt",
            '"data:-----BEGIN"': b"data:-----BEGIN",
        }.items():
            tls = server_of(f"ssl_certificate {text}; ssl_certificate_key {text};").tls
            self.assertEqual(tls.ssl_certificate[0].constant, expected)
            self.assertEqual(tls.ssl_certificate_key[0].constant, expected)
        for text, rendered in {
            "$host.crt": b"/srv/dyups/conf/<host>.crt",
            "certs/$host.crt": b"/srv/dyups/conf/certs/<host>.crt",
            "/x/$host.crt": b"/x/<host>.crt",
            "data:$host": b"data:<host>",
        }.items():
            template = server_of(f"ssl_certificate {text};").tls.ssl_certificate[0]
            self.assertIsNone(template.constant)
            self.assertEqual(template.render(None), rendered)

    def test_material_of_values(self) -> None:
        """Where a variable comes first its value tells whether it is a path beside the configuration file."""
        template = server_of("set $f a; ssl_certificate $f.crt;").tls.ssl_certificate[0]
        for value, expected in {
            b"x": b"/srv/dyups/conf/x.crt",
            b"/x/a": b"/x/a.crt",
            b"data:": b"data:.crt",
        }.items():
            self.assertEqual(template.render(SimpleNamespace(user={"f": value})), expected)
        bare = location_of("set $f a; proxy_ssl_certificate $f; proxy_ssl_certificate_key $f;")
        found = bare.proxy_tls.proxy_ssl_certificate
        assert found is not None
        self.assertEqual(found.render(SimpleNamespace(user={})), b"")

    def test_values(self) -> None:
        """Each goes into the field of its name."""
        tls = server_of(
            "ssl_protocols TLSv1 TLSv1.3; ssl_session_timeout 1h; ssl_verify_client optional_no_ca;"
            "ssl_verify_depth 3; ssl_client_certificate ca.crt; ssl_crl ''; ssl_session_tickets off;"
            "ssl_conf_command Ciphersuites X; ssl_conf_command Groups Y;"
        ).tls
        self.assertEqual(tls.ssl_protocols, {"TLSv1", "TLSv1.3"})
        self.assertEqual((tls.ssl_session_timeout, tls.ssl_verify_depth), (3600.0, 3))
        self.assertEqual((tls.ssl_client_certificate, tls.ssl_crl), ("/srv/dyups/conf/ca.crt", ""))
        self.assertEqual(tls.ssl_verify_client, "optional_no_ca")
        self.assertFalse(tls.ssl_session_tickets)
        self.assertEqual(tls.ssl_conf_command, (("ciphersuites", "X"), ("groups", "Y")))

    def test_session_caches(self) -> None:
        """Whatever cache is named, sessions are remembered; ``off`` and ``none`` remember none."""
        for text, kept in {
            "off": False,
            "none": False,
            "builtin": True,
            "builtin:100": True,
            "shared:SSL:10m": True,
            "builtin shared:SSL:10m": True,
        }.items():
            self.assertEqual(server_of(f"ssl_session_cache {text};").tls.ssl_session_cache, kept, text)

    def test_mistakes(self) -> None:
        """nginx's words, where it has them."""
        for text, error in {
            "ssl_protocols TLSv2;": 'invalid value "TLSv2"',
            "ssl_verify_client maybe;": 'invalid value "maybe"',
            "ssl_verify_depth x;": '"ssl_verify_depth" directive invalid number',
            "ssl_session_cache some;": 'invalid session cache "some"',
            "ssl_session_cache shared:x;": 'invalid session cache "shared:x"',
            "ssl_session_cache shared:x:y;": 'invalid session cache "shared:x:y"',
            "ssl_session_cache builtin:y;": 'invalid session cache "builtin:y"',
            "ssl_session_cache shared:x:1k;": 'session cache "shared:x:1k" is too small',
            "ssl_certificate_key engine:x:y;": '"engine:" keys are not supported in "engine:x:y"',
            "ssl_certificate $nosuch;": 'unknown "nosuch" variable',
            "ssl_conf_command Options x;": 'the "Options" command of "ssl_conf_command" is not supported',
            "ssl_early_data on;": '"ssl_early_data" directive is not supported',
            "ssl_ocsp on;": '"ssl_ocsp" directive is not supported',
        }.items():
            self.assertEqual(message_of(self, server_of, text), f"{error} in conf/nginx.conf:4")

    def test_accepted(self) -> None:
        """What has no effect here is taken as nginx takes it."""
        self.assertIsNotNone(
            http_of(
                "ssl_buffer_size 4k; ssl_session_ticket_key a;"
                "ssl_session_ticket_key b; ssl_early_data off; ssl_certificate_cache max=10 valid=1m;"
            )
        )


class ProxyDirectives(SynchronousTestCase):
    """``proxy_ssl_…``."""

    def test_values(self) -> None:
        """Each goes into the field of its name."""
        tls = location_of(
            "proxy_ssl_certificate a.crt; proxy_ssl_certificate_key ''; proxy_ssl_name $host;"
            "proxy_ssl_protocols TLSv1.2; proxy_ssl_server_name on; proxy_ssl_session_reuse off;"
            "proxy_ssl_trusted_certificate ca.crt; proxy_ssl_verify on; proxy_ssl_verify_depth 2;"
        ).proxy_tls
        assert tls.proxy_ssl_certificate is not None and tls.proxy_ssl_name is not None
        self.assertEqual(tls.proxy_ssl_certificate.constant, b"/srv/dyups/conf/a.crt")
        self.assertIsNone(tls.proxy_ssl_certificate_key)
        self.assertEqual(tls.proxy_ssl_name.render(None), b"<host>")
        self.assertEqual((tls.proxy_ssl_protocols, tls.proxy_ssl_verify_depth), ({"TLSv1.2"}, 2))
        flags = (tls.proxy_ssl_server_name, tls.proxy_ssl_session_reuse, tls.proxy_ssl_verify)
        self.assertEqual(flags, (True, False, True))
        self.assertEqual(tls.proxy_ssl_trusted_certificate, "/srv/dyups/conf/ca.crt")
