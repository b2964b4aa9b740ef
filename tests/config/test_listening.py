"""Listens and the servers behind them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.listening import ListenTable, parse_listen
from dyups.config.model import Listen, LocationSettings, Server, ServerSettings
from dyups.config.names import NO_NAME, parse_server_name
from dyups.config.parser import parse_text
from dyups.interfaces import TcpAddress, UnixAddress
from tests.config.helpers import message_of


def server(name: str) -> Server:
    return Server(parse_server_name(name), ServerSettings(), LocationSettings())


A, B = server("a"), server("b")


def listens(*behind: tuple[str, Server]) -> tuple[Listen, ...]:
    table = ListenTable()
    for text, item in behind:
        for spec in parse_listen(parse_text(f"listen {text};", "f")[0]):
            table.add(spec, item)
    return table.listens()


class Listens(SynchronousTestCase):
    """What listens make."""

    def test_servers_of_an_address(self) -> None:
        """Addresses and servers keep their order; the first server is the default."""
        found = listens(("80", A), ("81", A), ("*:80", B))
        self.assertEqual(
            found,
            (Listen(TcpAddress("0.0.0.0", 80), (A, B), A), Listen(TcpAddress("0.0.0.0", 81), (A,), A)),
        )

    def test_default_server(self) -> None:
        """The server that says so is the default."""
        self.assertIs(listens(("80", A), ("80 default_server", B))[0].default_server, B)

    def test_ranges(self) -> None:
        """A range of ports is one address each, on a host as on all of them; the parameters hold for each."""
        for text, host in {"8082-8084": "0.0.0.0", "[::1]:8082-8084 ssl": "::1"}.items():
            found = listens((text, A))
            self.assertEqual(
                [listen.address for listen in found], [TcpAddress(host, 8082 + i) for i in range(3)]
            )
            self.assertEqual([listen.ssl for listen in found], [text.endswith("ssl")] * 3)
        self.assertEqual(listens(("unix:/run/a:80-81", A))[0].address, UnixAddress("/run/a:80-81"))
        for text, reason in {
            "127.0.0.1:9-8": 'invalid port range in "127.0.0.1:9-8" of the "listen" directive in f:1',
            "9-70000": 'invalid port in "9-70000" of the "listen" directive in f:1',
            "0-2": 'invalid port in "0" of the "listen" directive in f:1',
        }.items():
            self.assertEqual(message_of(self, listens, (text, A)), reason)

    def test_options(self) -> None:
        """Options of the socket may be said once, by any of its servers."""
        found = listens(("[::]:80", A), ("[::]:80 backlog=99 reuseport ipv6only=off", B))[0]
        self.assertEqual((found.backlog, found.reuseport, found.ipv6only), (99, True, False))
        plain = listens(("unix:/run/x", A))[0]
        self.assertEqual((plain.backlog, plain.reuseport, plain.ipv6only), (511, False, True))
        self.assertEqual(plain.address, UnixAddress("/run/x"))

    def test_harmless_options(self) -> None:
        """Options that change nothing visible are accepted."""
        text = "80 deferred bind fastopen=3 so_keepalive=on rcvbuf=1k sndbuf=1k"
        self.assertEqual(listens((text, A)), (Listen(TcpAddress("0.0.0.0", 80), (A,), A),))

    def test_tls(self) -> None:
        """One ``ssl`` makes the whole address speak TLS, one ``http2`` HTTP/2 as well."""
        listen = listens(("443 http2", A), ("443 ssl", B))[0]
        self.assertEqual((listen.ssl, listen.http2), (True, True))
        self.assertEqual(
            listens(("443 http2", A)), (Listen(TcpAddress("0.0.0.0", 443), (A,), A, http2=True),)
        )

    def test_mistakes(self) -> None:
        """Mistakes are nginx's, with the place."""
        for texts, error in {
            ("99999",): 'invalid port in "99999" of the "listen" directive in f:1',
            ("80 foo",): 'invalid parameter "foo" in f:1',
            ("80 quic",): 'the "quic" parameter of the "listen" directive is not supported in f:1',
            ("80 multipath",): 'the "multipath" parameter of the "listen" directive is not supported in f:1',
            ("80 backlog=0",): 'invalid backlog "0" in f:1',
            ("80 backlog=x",): 'invalid backlog "x" in f:1',
            ("80 ipv6only=on",): 'ipv6only is not supported on addr "0.0.0.0:80" in f:1',
            ("[::]:80 ipv6only=x",): 'invalid ipv6only flags "x" in f:1',
            ("80 default_server", "80 default_server"): "a duplicate default server for 0.0.0.0:80 in f:1",
            ("80 backlog=1", "80 reuseport"): "duplicate listen options for 0.0.0.0:80 in f:1",
        }.items():
            self.assertEqual(message_of(self, listens, *zip(texts, (A, B), strict=False)), error)

    def test_same_server_twice(self) -> None:
        """A server listens on an address once."""
        self.assertEqual(
            message_of(self, listens, ("80", A), ("*:80", A)), "a duplicate listen 0.0.0.0:80 in f:1"
        )

    def test_equal_servers_are_two(self) -> None:
        """Two blocks that say the same are two servers."""
        self.assertEqual(len(listens(("80", server("x")), ("80", server("x")))[0].servers), 2)
        self.assertEqual(NO_NAME.key, "")
