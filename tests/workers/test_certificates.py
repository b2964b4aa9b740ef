"""Certificates are read, and tried, when the configuration is."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.parser import parse_text
from dyups.errors import ConfigError
from dyups.workers.certificates import read_certificates, warnings
from tests.config.helpers import http_of
from tests.tls.authority import authority, issued


class ReadingTests(SynchronousTestCase):
    """What a configuration needs of files."""

    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        for name in ("a", "b"):
            issued(name).write(self.folder, name)
        (self.folder / "ca").write_bytes(authority().pem)

    def pair(self, name: str, key: str = "", prefix: str = "") -> str:
        """The directives of a certificate."""
        return (
            f"{prefix}ssl_certificate {self.folder}/{name}.crt; "
            f"{prefix}ssl_certificate_key {self.folder}/{key or name}.key;"
        )

    def read(self, http: str) -> set[str]:
        """The names of the files that were read."""
        return {Path(path).name for path in read_certificates(http_of(http))}

    def message(self, http: str) -> str:
        """What is wrong."""
        with self.assertRaises(ConfigError) as caught:
            self.read(http)
        return str(caught.exception)

    def test_every_file(self) -> None:
        """Those of all servers and of all locations that speak https, nested ones and conditions too; no others."""
        verify = f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {self.folder}/ca;"
        self.assertEqual(
            self.read(
                f"server {{ listen 443 ssl; {self.pair('a')} location / {{ location /x {{ {verify}"
                " proxy_pass https://127.0.0.1; } } }"
            ),
            {"a.crt", "a.key", "ca"},
        )
        inner = f"location / {{ {verify} if ($host) {{ proxy_pass https://127.0.0.1; }} }}"
        self.assertEqual(self.read(f"server {{ listen 80; {inner} }}"), {"ca"})
        self.assertEqual(self.read(f"server {{ listen 80; {self.pair('b')} }}"), {"b.crt", "b.key"})
        unused = self.pair("none", prefix="proxy_")
        self.assertEqual(
            self.read(f"server {{ listen 80; location / {{ proxy_pass http://127.0.0.1; {unused} }} }}"),
            set(),
        )

    def test_content(self) -> None:
        """What stood in the files is what the workers get."""
        http = http_of(f"server {{ listen 443 ssl; {self.pair('a')} }}")
        found = read_certificates(http)
        self.assertEqual(found[f"{self.folder}/a.crt"], issued("a").pem)

    def test_what_is_wrong(self) -> None:
        """Is an error of the configuration, wherever it is."""
        self.assertIn(
            "cannot load certificate", self.message(f"server {{ listen 443 ssl; {self.pair('none')} }}")
        )
        self.assertIn(
            "key values mismatch", self.message(f"server {{ listen 443 ssl; {self.pair('a', 'b')} }}")
        )
        self.assertIn('no "ssl_certificate" is defined', self.message("server { listen 443 ssl; }"))
        self.assertEqual(
            self.message("server { location / { proxy_pass https://127.0.0.1; proxy_ssl_verify on; } }"),
            "no proxy_ssl_trusted_certificate for proxy_ssl_verify",
        )
        variable = "server { location / { proxy_pass $host; proxy_ssl_verify on; } }"
        self.assertIn("no proxy_ssl_trusted_certificate", self.message(variable))

    def test_nothing_to_staple(self) -> None:
        """A certificate that names no responder is told, once, and is no error."""
        told: list[str] = []
        (self.folder / "a.crt").write_bytes(issued("a").pem + authority().pem)
        read_certificates(
            http_of(f"ssl_stapling on; server {{ listen 443 ssl; {self.pair('a')} }}"), told.append
        )
        path = f"{self.folder}/a.crt"
        self.assertEqual(told, [f'"ssl_stapling" ignored, no OCSP responder URL in the certificate "{path}"'])

    def test_warnings(self) -> None:
        """What is asked for and not done is told with its place."""
        text = "http {\n\nhttp2_max_requests 5;\nserver {\n"
        text += "listen 443 ssl http2;\n\nhttp2_push on;\n"
        text += "location / { proxy_cache STATIC; }\nlocation /live { proxy_cache off; }\n}\n}"
        self.assertEqual(
            [*warnings(parse_text(text, "f"))],
            [
                'the "http2_max_requests" directive is obsolete, use the "keepalive_requests" directive instead in f:3',
                'the "listen ... http2" directive is deprecated, use the "http2" directive instead in f:5',
                'the "http2_push" directive is obsolete, ignored in f:7',
                '"proxy_cache" ignored, nothing is cached in f:8',
            ],
        )
