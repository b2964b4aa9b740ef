"""What the error log says of a request, in nginx's words."""

from __future__ import annotations

import os

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from dyups.metrics.errorlog import Placed
from dyups.proxy.context import endpoint, printable
from tests.proxy.conversation import World, get

CONFIG = """
upstream one { server 127.0.0.1:9001; }
upstream sock { server unix:/run/a.sock; }
server { listen 8080; server_name localhost;
    location / { proxy_pass http://one; } location /part/ { proxy_pass http://sock/x/; } }
"""


class ContextTests(SynchronousTestCase):
    """The part of a line behind the message."""

    def test_line(self) -> None:
        """Connection, client, server, request, upstream and host, as nginx has them."""
        world = World(CONFIG)
        client = world.client()
        client.say(get("/?a=1", "localhost:8080"))
        self.assertEqual(
            client.protocol.context("connect() failed", b"127.0.0.1:9001"),
            '*1 connect() failed, client: 192.0.2.7, server: localhost, request: "GET /?a=1 HTTP/1.1", '
            'upstream: "http://127.0.0.1:9001/?a=1", host: "localhost:8080"',
        )

    def test_sent_target(self) -> None:
        """The upstream's URL has the target that was sent; a colon ends the path of a socket."""
        client = World(CONFIG).client()
        client.say(get("/part/y?z", "localhost"))
        self.assertIn(
            'upstream: "http://unix:/run/a.sock:/x/y?z"', client.protocol.context("x", b"unix:/run/a.sock")
        )

    def test_no_request(self) -> None:
        """Before a request, and without ``Host``, there is less to say."""
        client = World(CONFIG).client()
        self.assertEqual(client.protocol.context("x"), "*1 x, client: 192.0.2.7, server: localhost")
        client.say(b"GET /y HTTP/1.0\r\n\r\n")
        self.assertEqual(
            client.protocol.context("x"),
            '*1 x, client: 192.0.2.7, server: localhost, request: "GET /y HTTP/1.0"',
        )

    def test_place(self) -> None:
        """What is said of a request is for the logs of where it is; before a request, for those of the first server."""
        world = World(
            "error_log all; server { listen 8080; error_log own; location / { } location /x { error_log x crit; } }"
            "server { listen 8080; server_name two; }"
        )
        client = world.client()
        for said, paths in (
            (b"", ["own"]),
            (get("/x"), ["x"]),
            (get("/"), ["own"]),
            (get("/", "two"), ["all"]),
            (b"nonsense\r\n\r\n", ["own"]),
        ):
            client.say(said)
            found = client.protocol.context("message")
            assert isinstance(found, Placed)
            self.assertEqual([os.path.basename(log.path) for log in found.logs], paths)

    def test_printable(self) -> None:
        """Nothing of a client ends a line of the log or moves a terminal's cursor."""
        self.assertEqual(printable(b"a\r\n\x1b[2J\xff~"), "a\\x0D\\x0A\\x1B[2J\\xFF~")

    def test_endpoint(self) -> None:
        """Addresses as (host, port)."""
        self.assertEqual(endpoint(IPv4Address("TCP", "1.2.3.4", 5)), (b"1.2.3.4", 5))
        self.assertEqual(endpoint(IPv6Address("TCP", "::1", 5)), (b"::1", 5))
        self.assertEqual(endpoint(UNIXAddress("/x")), (b"unix:", 0))
