"""Which server's TLS a client gets, and what a configuration must have."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import Listen
from dyups.errors import ConfigError
from dyups.tls import terms as module
from dyups.tls.openssl import CHAIN_TOO_LONG
from dyups.tls.terms import (
    ListenTerms,
    Terms,
    TermsTable,
    check_listen,
    check_server,
    speaks_http2,
    verified,
)
from tests.config.helpers import http_of
from tests.tls.test_contexts import files

PAIR = "ssl_certificate /a.crt; ssl_certificate_key /a.key;"


def listen_of(*servers: str) -> Listen:
    """An address with those servers."""
    return http_of("\n".join(f"server {{ listen 443 ssl; {text} }}" for text in servers)).listens[0]


class CheckTests(SynchronousTestCase):
    """nginx's errors about servers and addresses."""

    def message(self, check: Callable[[Any], object], subject: object) -> str:
        """What is wrong; empty where nothing is."""
        try:
            check(subject)
        except ConfigError as error:
            return str(error)
        return ""

    def test_servers(self) -> None:
        """A certificate needs a key, verification an authority."""
        cases = {
            PAIR: "",
            "ssl_certificate /a.crt;": 'no "ssl_certificate_key" is defined for certificate "/a.crt"',
            f"{PAIR} ssl_verify_client on;": "no ssl_client_certificate or ssl_trusted_certificate for "
            "ssl_verify_client",
            f"{PAIR} ssl_verify_client optional_no_ca;": "",
            f"{PAIR} ssl_verify_client on; ssl_trusted_certificate /ca;": "",
            "ssl_verify_client on;": "",
        }
        for text, error in cases.items():
            self.assertEqual(self.message(check_server, listen_of(text).default_server), error, text)

    def test_addresses(self) -> None:
        """Whoever comes must get a certificate, or a refusal."""
        missing = 'no "ssl_certificate" is defined for the "listen ... ssl" directive in conf/nginx.conf:'
        cases = {
            (PAIR, ""): "",
            ("", PAIR): f"{missing}3",
            ("ssl_reject_handshake on;", PAIR): "",
            ("ssl_reject_handshake on;", ""): f"{missing}4",
        }
        for servers, error in cases.items():
            self.assertEqual(self.message(check_listen, listen_of(*servers)), error, servers)


class ChoiceTests(SynchronousTestCase):
    """The callbacks of the handshake."""

    def handshake(self, **more: object) -> Any:
        """What OpenSSL's callbacks find."""
        return SimpleNamespace(
            server_name=b"", refused=False, problem="", verify_error=0, exchange=None, **more
        )

    def test_a_server_without_a_certificate(self) -> None:
        """Has the default server's: nginx does not look further."""
        listen = listen_of(PAIR, "")
        terms = ListenTerms(listen, TermsTable(files))
        terms.chosen = lambda handshake: listen.servers[1].tls
        handshake = self.handshake(terms=terms.default)
        terms.choose(SSL.Connection(terms.default.context, None), handshake)
        self.assertIs(handshake.terms, terms.default)

    def test_a_server_on_several_addresses(self) -> None:
        """Has its contexts once, unless an address asks for certificates, where no session may be resumed."""
        both = "listen 444 ssl;" + PAIR
        http = http_of(
            f"server {{ listen 443 ssl; {both} }} server {{ listen 445 ssl; {PAIR} }}"
            f"server {{ listen 445 ssl; {PAIR} ssl_verify_client optional_no_ca; }}"
        )
        table = TermsTable(files)
        one, two, _ = (ListenTerms(listen, table).default for listen in http.listens)
        self.assertIs(one, two)
        self.assertEqual([resumes for _, resumes, _, _ in table._made], [True, False, False])

    def test_http2(self) -> None:
        """A server that speaks HTTP/2 on one of its addresses alone has contexts of both kinds."""
        http = http_of(f"server {{ listen 443 ssl; listen 444 ssl http2; {PAIR} }}")
        table = TermsTable(files)
        one, two = (ListenTerms(listen, table).default for listen in http.listens)
        self.assertIsNot(one, two)
        self.assertEqual([http2 for *_, http2 in table._made], [False, True])
        for text, spoken in (("", False), ("http2 on;", True), ("http2 off;", False)):
            listen = http_of(f"server {{ listen 443 ssl; {text} }}").listens[0]
            self.assertEqual(speaks_http2(listen, listen.default_server), spoken)

    def test_contexts_by_variable_are_kept(self) -> None:
        """A certificate that a variable names is loaded again only once its file has changed; few are kept."""
        listen = listen_of("ssl_certificate /$host.crt; ssl_certificate_key /$host.key;")
        terms = Terms(listen.default_server.tls, files, b"x")
        self.assertTrue(terms.varies)
        states = iter([1, 1, 1, 1, 2, 1])
        self.patch(module, "_state", lambda source: next(states))
        self.patch(module, "read_pair", lambda *arguments: None)
        made: list[object] = []

        def remake(pairs: object) -> SSL.Context:
            made.append(pairs)
            return SSL.Context(SSL.TLS_SERVER_METHOD)

        terms._remake = remake  # type: ignore[assignment]
        found = [terms.context_for(None) for _ in range(3)]
        self.assertIs(found[0], found[1])
        self.assertIsNot(found[0], found[2])
        self.assertEqual(len(made), 2)
        self.patch(module, "MOST_KEPT", 2)
        self.patch(module, "_state", lambda source: object())
        terms.context_for(None)
        self.assertEqual(len(terms._kept), 2)

    def test_errors_of_certificates(self) -> None:
        """What ``optional_no_ca`` forgives does not hide what it does not; too long a chain is an error."""

        def told(*calls: tuple[int, int], depth: int = 5) -> int:
            handshake = self.handshake(terms=SimpleNamespace(depth=depth))
            connection = SSL.Connection(SSL.Context(SSL.TLS_SERVER_METHOD), None)
            connection.set_app_data(handshake)
            for error, level in calls:
                self.assertTrue(verified(connection, None, error, level, int(not error)))  # type: ignore[arg-type]
            found: int = handshake.verify_error
            return found

        self.assertEqual(told((0, 1), (0, 0)), 0)
        self.assertEqual(told((20, 0), (21, 0)), 21)
        self.assertEqual(told((10, 0), (21, 0)), 10)
        self.assertEqual(told((20, 0), (10, 0)), 10)
        self.assertEqual(told((0, 2), (0, 1), (0, 0), depth=1), 0)
        self.assertEqual(told((0, 3), (0, 2), (0, 1), (0, 0), depth=1), CHAIN_TOO_LONG)
