"""Tests of dyups.health.probes."""

from __future__ import annotations

import ssl

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.checks import TYPES, CheckSpec
from dyups.health.probes import DEFAULT_REQUEST, MOST_BYTES, PROBES, Outcome, client_hello, status_of

LETTERS = {Outcome.UNKNOWN: "?", Outcome.GOOD: "+", Outcome.BAD: "-"}
SERVER_HELLO = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(40)


def read(kind: str, answer: bytes, **settings: object) -> str:
    """What an answer says: + good, - bad, ? not enough."""
    reader = PROBES[kind].read
    assert reader is not None
    return LETTERS[reader(answer, CheckSpec(type=kind, **settings))]  # type: ignore[arg-type]


class HttpTests(SynchronousTestCase):
    """``type=http``: the status line decides."""

    def test_hello(self) -> None:
        """What is sent is Tengine's request, or what ``check_http_send`` says."""
        hello = PROBES["http"].hello
        self.assertEqual(hello(CheckSpec(type="http")), DEFAULT_REQUEST)
        self.assertEqual(hello(CheckSpec(type="http", send=b"HEAD / HTTP/1.0\r\n\r\n"))[:4], b"HEAD")

    def test_status(self) -> None:
        """2xx and 3xx are good unless ``check_http_expect_alive`` says otherwise."""
        for code, said in (
            (200, "+"),
            (204, "+"),
            (302, "+"),
            (100, "-"),
            (404, "-"),
            (503, "-"),
            (600, "-"),
        ):
            self.assertEqual(read("http", b"HTTP/1.1 %d X\r\n" % code), said, str(code))
        self.assertEqual(read("http", b"HTTP/1.1 404 X\r\n", alive=frozenset({4})), "+")
        self.assertEqual(read("http", b"HTTP/1.1 200 X\r\n", alive=frozenset({4})), "-")

    def test_lines(self) -> None:
        """Status lines as Tengine takes them: without a reason, with a bare line feed, IIS's 403.1."""
        for line, said in (
            (b"HTTP/1.0 200\r\n", "+"),
            (b"HTTP/1.1 200 OK\n", "+"),
            (b"HTTP/1.1  200 OK\r\n", "+"),
            (b"HTTP/1.1 200.1 OK\r\n", "+"),
            (b"HTTP/2.0 200 OK\r\n", "+"),
            (b"HTTP/1.1 20 OK\r\n", "-"),
            (b"HTTP/1.1 200OK\r\n", "-"),
            (b"HTTP/x.1 200 OK\r\n", "-"),
            (b"SSH-2.0-OpenSSH\r\n", "-"),
            (b"h", "-"),
            (b"HTTP/1.1 200 OK", "?"),
            (b"", "?"),
            (b"HTTP/1.1 200 " + b"x" * MOST_BYTES, "-"),
        ):
            self.assertEqual(read("http", line), said, str(line[:40]))

    def test_piecewise(self) -> None:
        """An answer that comes byte by byte is settled by its first line end, and not before."""
        answer = b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n"
        said = "".join(read("http", answer[:size]) for size in range(len(answer) + 1))
        self.assertEqual(said, "?" * 17 + "+" * (len(answer) - 16))

    def test_status_of(self) -> None:
        """The log tells which status it was."""
        self.assertEqual((status_of(b"HTTP/1.1 503 Oh\r\n"), status_of(b"nonsense\r\n")), (503, 0))

    @given(st.binary(max_size=60))
    @settings(deadline=None)
    def test_any_bytes(self, answer: bytes) -> None:
        """Whatever comes says something, and what was settled by fewer bytes is settled by more in the same way."""
        for kind in ("http", "ssl_hello", "mysql", "ajp"):
            said = [read(kind, answer[:size]) for size in range(len(answer) + 1)]
            settled = [outcome for outcome in said if outcome != "?"]
            self.assertLessEqual(len(set(settled)), 1, (kind, said))


class HelloTests(SynchronousTestCase):
    """``type=ssl_hello``."""

    def test_server_hello(self) -> None:
        """A handshake record with a server's hello in it is good; alerts and other protocols are not."""
        self.assertEqual(read("ssl_hello", SERVER_HELLO), "+")
        self.assertEqual(read("ssl_hello", SERVER_HELLO[:20]), "?")
        self.assertEqual(read("ssl_hello", b"\x15\x03\x01\x00\x02\x02\x28"), "-")
        self.assertEqual(read("ssl_hello", b"HTTP/1.1 400 Bad"), "-")
        self.assertEqual(read("ssl_hello", b"\x16\x03\x03\x00\x7a\x01" + bytes(60)), "-")

    def test_client_hello(self) -> None:
        """What is sent is a client's hello that today's TLS understands, the same each time."""
        hello = PROBES["ssl_hello"].hello(CheckSpec(type="ssl_hello"))
        self.assertEqual((hello[0], hello[5]), (0x16, 0x01))
        self.assertIs(client_hello(), hello)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server = context.wrap_bio(incoming, outgoing, server_side=True)
        incoming.write(hello)
        # There is no certificate here: the server understands the hello and fails at that, later than at the version.
        with self.assertRaises(ssl.SSLError) as caught:
            server.do_handshake()
        self.assertIn("NO_SHARED_CIPHER", str(caught.exception).upper().replace(" ", "_"))


class OtherTests(SynchronousTestCase):
    """The other types."""

    def test_all(self) -> None:
        """Every type of the configuration has its probe; a TCP connection needs no words."""
        self.assertEqual(set(PROBES), set(TYPES))
        self.assertIsNone(PROBES["tcp"].read)
        self.assertEqual(PROBES["tcp"].hello(CheckSpec()), b"")

    def test_mysql(self) -> None:
        """The first packet of a server has the number 0."""
        self.assertEqual(read("mysql", b"\x4a\x00\x00\x00\x0a8.0"), "+")
        self.assertEqual(read("mysql", b"\x4a\x00\x00\x01\x0a8.0"), "-")
        self.assertEqual(read("mysql", b"\x4a\x00"), "?")

    def test_ajp(self) -> None:
        """A CPing is answered by a CPong."""
        self.assertEqual(PROBES["ajp"].hello(CheckSpec(type="ajp")), b"\x12\x34\x00\x01\x0a")
        self.assertEqual(read("ajp", b"AB\x00\x01\x09"), "+")
        self.assertEqual(read("ajp", b"AB\x00\x01\x08"), "-")
        self.assertEqual(read("ajp", b"AB"), "?")
