"""Variables of the client's connection and of the time."""

from __future__ import annotations

import re
import socket
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.clientvariables import GETTERS
from tests.proxy.conversation import World, get, head

WHOLE = "$request_port,$is_request_port"


class PortTests(SynchronousTestCase):
    """``$request_port``."""

    def port(self, request: bytes) -> bytes:
        return head(World(f'server {{ listen 8080; return 200 "{WHOLE}"; }}').ask(request))[2]

    def test_host(self) -> None:
        """The port that ``Host`` names, if it does."""
        self.assertEqual(self.port(get("/", "a.example:81")), b"81,:")
        self.assertEqual(self.port(get("/", "a.example")), b",")
        self.assertEqual(self.port(get("/", "[::1]")), b",")
        self.assertEqual(self.port(get("/", "[::1]:81")), b"81,:")

    def test_request_line(self) -> None:
        """The request's line goes first, whether it names a port or not."""
        self.assertEqual(self.port(b"GET http://b:82/x HTTP/1.1\r\nHost: a:81\r\n\r\n"), b"82,:")
        self.assertEqual(self.port(b"GET http://b/:83 HTTP/1.1\r\nHost: a:81\r\n\r\n"), b",")


class TcpInfoTests(SynchronousTestCase):
    """``$tcpinfo_rtt`` and its like."""

    def setUp(self) -> None:
        self.client: Any = World("server { listen 8080; }").client()
        self.exchange = self.client.protocol.exchange

    def read(self) -> dict[str, bytes]:
        return {name: GETTERS[name](self.exchange) for name in GETTERS if name.startswith("tcpinfo_")}

    def test_none(self) -> None:
        """A connection that is none of TCP has none of it."""
        self.assertEqual({*self.read().values()}, {b""})
        one, other = socket.socketpair()
        self.addCleanup(one.close)
        self.addCleanup(other.close)
        self.client.fileno = one.fileno
        self.assertEqual({*self.read().values()}, {b""})

    def test_real(self) -> None:
        """Of a TCP connection the system tells numbers, and the connection stays open."""
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname()) as one,
        ):
            self.client.fileno = one.fileno
            found = self.read()
            self.assertTrue(all(value.isdigit() for value in found.values()), found)
            self.assertGreater(int(found["tcpinfo_snd_cwnd"]), 0)
            self.assertGreaterEqual(one.fileno(), 0)


class DateTests(SynchronousTestCase):
    """Dates as server-side includes write them."""

    def test_form(self) -> None:
        """Day and date in words, with the zone."""
        exchange = World("server { listen 8080; }").client().protocol.exchange
        for name, zone in (("date_gmt", rb"GMT"), ("date_local", rb"\S+")):
            form = rb"[A-Z][a-z]+day, \d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d " + zone
            self.assertIsNotNone(re.fullmatch(form, GETTERS[name](exchange)))
        self.assertEqual(GETTERS["http3"](exchange), b"")
