"""OpenSSL's contexts from settings."""

from __future__ import annotations

import contextlib

from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.tls import ProxyTls, ServerTls
from dyups.errors import ConfigError
from dyups.tls.contexts import (
    NoCommonProtocol,
    Pair,
    choose_http2,
    choose_protocol,
    client_context,
    client_phrases,
    read_pair,
    server_context,
)
from tests.tls.authority import authority, issued
from tests.tls.test_material import files as material

PARAMETERS = b"""-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
CA = authority().certificate
FILES = {
    "/ca": authority().pem,
    "/twice": authority().pem * 2,
    "/dh": PARAMETERS,
    "/b.key": issued("b").key_pem(),
}


def files(path: str) -> bytes:
    """The files of this test, and those of ``test_material``."""
    return FILES[path] if path in FILES else material(path)


def spoken(server: SSL.Context, client: SSL.Context) -> SSL.Connection:
    """The client's side of a handshake between the two; raises SSL.Error where there is none."""
    ends = [SSL.Connection(server, None), SSL.Connection(client, None)]
    ends[0].set_accept_state()
    ends[1].set_connect_state()
    for _ in range(4):
        for end, other in (ends[::-1], ends):
            with contextlib.suppress(SSL.WantReadError):
                end.do_handshake()
            with contextlib.suppress(SSL.WantReadError):
                other.bio_write(end.bio_read(65536))
    ends[0].do_handshake()
    return ends[1]


class ServerContextTests(SynchronousTestCase):
    """Towards clients."""

    def context(self, **settings: object) -> SSL.Context:
        """A context with the certificate ``a``."""
        pair = read_pair("/a.crt", "/a.key", (), files)
        tls = ServerTls(**settings)  # type: ignore[arg-type]
        return server_context(tls, [pair], files, identity=b"x", resumes=True)

    def test_versions(self) -> None:
        """Only ``ssl_protocols`` are spoken."""
        for version, other in (("TLSv1.2", SSL.TLS1_3_VERSION), ("TLSv1.3", SSL.TLS1_2_VERSION)):
            context = self.context(ssl_protocols=frozenset({version}))
            any_version = SSL.Context(SSL.TLS_CLIENT_METHOD)
            self.assertEqual(spoken(context, any_version).get_protocol_version_name(), version)
            limited = SSL.Context(SSL.TLS_CLIENT_METHOD)
            limited.set_min_proto_version(other)
            limited.set_max_proto_version(other)
            self.assertRaises(SSL.Error, spoken, context, limited)

    def test_ciphers_and_whose_order_counts(self) -> None:
        """``ssl_ciphers``; with ``ssl_prefer_server_ciphers`` in our order; TLSv1.3's by ``ssl_conf_command``."""
        two = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"
        for prefers, name in ((True, two.split(":")[0]), (False, two.split(":")[1])):
            context = self.context(ssl_ciphers=two, ssl_prefer_server_ciphers=prefers)
            client = SSL.Context(SSL.TLS_CLIENT_METHOD)
            client.set_max_proto_version(SSL.TLS1_2_VERSION)
            client.set_cipher_list(b":".join(word.encode() for word in reversed(two.split(":"))))
            self.assertEqual(spoken(context, client).get_cipher_name(), name)
        context = self.context(ssl_conf_command=(("ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"),))
        found = spoken(context, SSL.Context(SSL.TLS_CLIENT_METHOD)).get_cipher_name()
        self.assertEqual(found, "TLS_CHACHA20_POLY1305_SHA256")

    def test_curves(self) -> None:
        """``ssl_ecdh_curve``, or the command of the same meaning."""
        for settings in ({"ssl_ecdh_curve": "secp384r1"}, {"ssl_conf_command": (("groups", "secp384r1"),)}):
            found = spoken(self.context(**settings), SSL.Context(SSL.TLS_CLIENT_METHOD)).get_group_name()
            self.assertEqual(found, "secp384r1")

    def test_parameters(self) -> None:
        """DHE is there with ``ssl_dhparam`` alone."""
        client = SSL.Context(SSL.TLS_CLIENT_METHOD)
        client.set_max_proto_version(SSL.TLS1_2_VERSION)
        client.set_cipher_list(b"DHE:@SECLEVEL=0")
        rsa = authority().issue("r", kind="rsa")
        pair = Pair("r", rsa.pem, "r", rsa.key)
        context = server_context(ServerTls(ssl_dhparam="/dh"), [pair], files, identity=b"x", resumes=True)
        self.assertTrue(spoken(context, client).get_cipher_name().startswith("DHE-"))

    def test_mistakes(self) -> None:
        """Each is told in nginx's words."""
        cases: dict[str, dict[str, object]] = {
            'SSL_CTX_set_cipher_list("none") failed (SSL: error:SSL routines::no cipher match)': {
                "ssl_ciphers": "none"
            },
            'SSL_CTX_set1_curves_list("none") failed (SSL: ': {"ssl_ecdh_curve": "none"},
            'SSL_CONF_cmd("ciphersuites", "none") failed (SSL: ': {
                "ssl_conf_command": (("ciphersuites", "none"),)
            },
            'PEM_read_bio_DHparams("/a.crt") failed (SSL: ': {"ssl_dhparam": "/a.crt"},
            'BIO_new_file("/none") failed (SSL: ': {"ssl_dhparam": "/none"},
            'SSL_CTX_load_verify_locations("/empty") failed (SSL: ': {"ssl_trusted_certificate": "/empty"},
        }
        for text, settings in cases.items():
            with self.assertRaises(ConfigError) as caught:
                self.context(**settings)
            self.assertTrue(caught.exception.message.startswith(text), caught.exception.message)

    def test_a_key_of_another_certificate(self) -> None:
        """Is told with the key's path."""
        pair = read_pair("/a.crt", "/b.key", (), files)
        with self.assertRaises(ConfigError) as caught:
            server_context(ServerTls(), [pair], files, identity=b"x", resumes=True)
        message = caught.exception.message
        self.assertTrue(message.startswith('SSL_CTX_use_PrivateKey("/b.key") failed (SSL: error:'), message)
        self.assertIn("key values mismatch", message)

    def test_the_chain_is_shown(self) -> None:
        """Clients get the intermediate certificates, too."""
        found = spoken(self.context(), SSL.Context(SSL.TLS_CLIENT_METHOD)).get_peer_cert_chain(
            as_cryptography=True
        )
        self.assertEqual(found, [issued("a").certificate, authority().certificate])

    def test_authorities(self) -> None:
        """Clients are told each authority once that certificates may be from, however often it stands in the file."""
        context = self.context(ssl_verify_client="optional", ssl_client_certificate="/twice")
        found = SSL.Connection(context, None).get_client_ca_list()
        self.assertEqual(
            [name.CN for name in found], [CA.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value]
        )

    def test_protocols(self) -> None:
        """HTTP/1.1 before the older ones; without any the exception becomes an alert."""
        connection = SSL.Connection(SSL.Context(SSL.TLS_SERVER_METHOD), None)
        self.assertEqual(choose_protocol(connection, [b"h2", b"http/1.0", b"http/1.1"]), b"http/1.1")
        self.assertRaises(NoCommonProtocol, choose_protocol, connection, [b"h2"])
        self.assertEqual(choose_http2(connection, [b"http/1.1", b"h2"]), b"h2")
        self.assertEqual(choose_http2(connection, [b"http/1.1", b"h3"]), b"http/1.1")


class ClientContextTests(SynchronousTestCase):
    """Towards servers."""

    def test_settings(self) -> None:
        """Versions and ciphers are ``proxy_ssl_…``'s."""
        server = server_context(
            ServerTls(), [read_pair("/a.crt", "/a.key", (), files)], files, identity=b"x", resumes=True
        )
        tls = ProxyTls(
            proxy_ssl_protocols=frozenset({"TLSv1.2"}), proxy_ssl_ciphers="ECDHE-ECDSA-AES128-GCM-SHA256"
        )
        found = spoken(server, client_context(tls, None, files, lambda *_: True))
        self.assertEqual(found.get_protocol_version_name(), "TLSv1.2")
        self.assertEqual(found.get_cipher_name(), "ECDHE-ECDSA-AES128-GCM-SHA256")

    def test_verification_needs_an_authority(self) -> None:
        """Else it is an error of the configuration."""
        with self.assertRaises(ConfigError) as caught:
            client_context(ProxyTls(proxy_ssl_verify=True), None, files, lambda *_: True)
        self.assertEqual(caught.exception.message, "no proxy_ssl_trusted_certificate for proxy_ssl_verify")

    def test_phrases(self) -> None:
        """``proxy_ssl_password_file``."""
        self.assertEqual(
            client_phrases(ProxyTls(proxy_ssl_password_file="/phrases"), files), [b"first", b"second"]
        )
