"""What pyOpenSSL leaves out."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from dyups.errors import ConfigError
from dyups.tls.openssl import (
    Pipe,
    ReadFailed,
    _fourth,
    drain,
    session_id,
    session_reused,
    set_curves,
    verify_error_string,
    words_of,
)
from tests.tls.authority import issued
from tests.tls.peer import client_side, server_side
from tests.tls.test_contexts import spoken


class OpenSslTests(SynchronousTestCase):
    """Texts, sessions, curves."""

    def test_words(self) -> None:
        """Errors have nginx's form, whatever they are."""
        error = SSL.Error([("SSL routines", "", "no shared cipher"), ("x509", "", "bad")])
        self.assertEqual(words_of(error), "(SSL: error:SSL routines::no shared cipher error:x509::bad)")
        self.assertEqual(words_of(SSL.SysCallError(-1, "EOF")), "(SysCallError: (-1, 'EOF'))")
        self.assertEqual(words_of(ValueError("odd")), "(ValueError: odd)")
        self.assertEqual(verify_error_string(10), "certificate has expired")

    def test_curves(self) -> None:
        """A list that OpenSSL does not know is an error, and leaves none behind."""
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        set_curves(context, "X25519:prime256v1")
        with self.assertRaises(ConfigError) as caught:
            set_curves(context, "nonsense")
        self.assertIn('SSL_CTX_set1_curves_list("nonsense") failed', caught.exception.message)
        self.assertEqual(drain(), "error:no reason")

    def test_sessions(self) -> None:
        """Both sides have the same identifier in TLSv1.2; before a handshake there is none."""
        client = client_side(highest=SSL.TLS1_2_VERSION)
        fresh = SSL.Connection(client, None)
        self.assertEqual((session_id(fresh), session_reused(fresh)), (b"", False))
        made = spoken(server_side(issued("a")), client)
        self.assertEqual(len(session_id(made)), 32)

    def test_pipes(self) -> None:
        """Bytes of any number go through at once, and an error of another connection is not theirs."""
        connection = spoken(server_side(issued("a")), client_side())
        pipe = Pipe(connection)
        with self.assertRaises(ConfigError):
            set_curves(SSL.Context(SSL.TLS_METHOD), "nonsense")
        self.assertEqual(pipe.read(), ([], False))
        pipe.write(b"x" * 1_000_000)
        self.assertGreater(len(pipe.take()), 1_000_000)
        self.assertEqual(pipe.take(), b"")
        pipe.feed(b"nonsense that is long enough")
        with self.assertRaises(ReadFailed) as caught:
            pipe.read()
        self.assertEqual(caught.exception.pieces, [])
        self.assertIsInstance(caught.exception.error, SSL.Error)
        self.assertRaises(SSL.Error, Pipe(SSL.Connection(client_side(), None)).write, b"x")

    def test_elements(self) -> None:
        """The fourth element of a sequence, with short and long lengths."""
        items = [b"\x02\x01\x01", b"\x02\x01\x02", b"\x04\x01\x03", b"\x04\x81\x02ab", b"\x04\x00"]
        self.assertEqual(_fourth(b"\x30\x82\x00\x0f" + b"".join(items)), b"ab")
