"""What ``$name`` reads: one row for each variable."""

from __future__ import annotations

import re
import socket
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from dyups._version import VERSION
from dyups.config.model import Http
from dyups.proxy import variables
from dyups.proxy.exchange import AttemptRecord
from dyups.proxy.variables import ProxyVariables, variables_of_run_time
from tests.proxy.conversation import World, get, head

REQUEST = (
    b"POST /p%61th//x?b=1&A=%20z&c&c=2&d HTTP/1.1\r\nHost: Name.Example:8080\r\nContent-Length: 4\r\n"
    b"Content-Type: text/odd\r\nCookie: a=1; B=2;c = 3;novalue\r\nCookie: d=4\r\nX-Two: one\r\nX-Two: two\r\n"
    b"X-Forwarded-For: 1.1.1.1\r\nAuthorization: Basic bWU6cHc=\r\n\r\nbody"
)
LINE = r"POST /p%61th//x\?b=1&A=%20z&c&c=2&d HTTP/1\.1"

#: (text with the variable, what it reads, as a regular expression)
ROWS = [
    ("$binary_remote_addr", "\xc0\x00\x02\x07"),
    ("$limit_req_status$limit_conn_status", ""),
    ("$realip_remote_addr $realip_remote_port", "192.0.2.7 54321"),
    ("$proxy_protocol_addr$proxy_protocol_port", ""),
    ("$proxy_protocol_server_addr$proxy_protocol_server_port", ""),
    ("$host", r"name\.example"),
    ("$http_host", r"Name\.Example:8080"),
    ("$http_x_two", "one, two"),
    ("$http_x_none", ""),
    ("$http_cookie", "a=1; B=2;c = 3;novalue; d=4"),
    ("$http_content_type", "text/odd"),
    ("$arg_b", "1"),
    ("$arg_a", "%20z"),
    ("$arg_B", "1"),
    ("$arg_c", "2"),
    ("$arg_d", ""),
    ("$arg_none", ""),
    ("$args", "b=1&A=%20z&c&c=2&d"),
    ("$is_args", r"\?"),
    ("$query_string", "b=1&A=%20z&c&c=2&d"),
    ("$uri", "/path/x"),
    ("$document_uri", "/path/x"),
    ("$request_uri", r"/p%61th//x\?b=1&A=%20z&c&c=2&d"),
    ("$request", LINE),
    ("$request_method", "POST"),
    ("$scheme", "http"),
    ("$server_name", r"name\.example"),
    ("$server_addr", r"127\.0\.0\.1"),
    ("$server_port", "8080"),
    ("$server_protocol", r"HTTP/1\.1"),
    ("$remote_addr", r"192\.0\.2\.7"),
    ("$remote_port", "54321"),
    ("$remote_user", "me"),
    ("$content_length", "4"),
    ("$content_type", "text/odd"),
    ("$cookie_a", "1"),
    ("$cookie_b", "2"),
    ("$cookie_c", "3"),
    ("$cookie_d", "4"),
    ("$cookie_novalue", ""),
    ("$cookie_none", ""),
    ("$http2", ""),
    ("$hostname", re.escape(socket.gethostname().lower())),
    ("$dyups_version", re.escape(VERSION)),
    ("$nginx_version", r"[0-9.]+.*"),
    ("$pid", "[0-9]+"),
    ("$time_iso8601", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d"),
    ("$time_local", r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"),
    ("$msec", r"\d{10}\.\d{3}"),
    ("$request_time", r"\d\.\d{3}"),
    ("$request_length", str(len(REQUEST))),
    ("$request_id", "[0-9a-f]{32}"),
    ("$status", "000"),
    ("$body_bytes_sent", "0"),
    ("$bytes_sent", "0"),
    ("$connection", "1"),
    ("$connections_active", "1"),
    ("$connections_reading", "0"),
    ("$connections_writing", "1"),
    ("$connections_waiting", "0"),
    ("$request_body", ""),
    ("$connection_requests", "1"),
    ("$connection_time", r"\d+\.\d\d\d"),
    ("$proxy_host", ""),
    ("$pipe", "."),
    ("$proxy_port", ""),
    ("$proxy_add_x_forwarded_for", r"1\.1\.1\.1, 192\.0\.2\.7"),
    ("$upstream_addr", ""),
    ("$upstream_status", ""),
    ("$upstream_response_time", ""),
    ("$upstream_connect_time", ""),
    ("$upstream_header_time", ""),
    ("$upstream_bytes_sent", ""),
    ("$upstream_bytes_received", ""),
    ("$upstream_response_length", ""),
    ("$1-$tail", "path-x"),
    ("$own", "set"),
]

CONFIG = r"""
server { listen 8080; server_name name.example; set $own set;
    location ~ ^/(path)/(?<tail>.*)$ { return 200 "%s"; } }
"""


class RequestTests(SynchronousTestCase):
    """What is known while a request is answered."""

    def test_rows(self) -> None:
        """Each variable on one request that has something for all of them."""
        for text, expected in ROWS:
            with self.subTest(text):
                body = head(World(CONFIG % text).ask(REQUEST))[2].decode("latin-1")
                self.assertRegex(body, rf"\A(?:{expected})\Z", text)

    def test_bare_request(self) -> None:
        """What a request without all that leaves empty."""
        text = "[$http_host][$args][$is_args][$content_length][$content_type][$server_protocol][$cookie_a]"
        world = World(f'server {{ listen 8080; server_name fallback *.x; return 200 "{text}[$host]"; }}')
        body = head(world.ask(b"GET / HTTP/1.0\r\n\r\n"))[2]
        self.assertEqual(body, b"[][][][][][HTTP/1.0][][fallback]")

    def test_counted_per_connection(self) -> None:
        """``$connection`` numbers connections, ``$connection_requests`` their requests."""
        world = World('server { listen 8080; return 200 "$connection/$connection_requests;"; }')
        for _ in range(2):
            world.client().say(get() + get())
        found = [re.findall(rb"\d+/\d+;", client.got) for client in world.clients]
        self.assertEqual(found, [[b"1/1;", b"1/2;"], [b"2/1;", b"2/2;"]])

    def test_request_id(self) -> None:
        """``$request_id`` is the same throughout a request and another for the next."""
        world = World('server { listen 8080; return 200 "$request_id $request_id"; }')
        first = head(world.ask(get()))[2].split()
        self.assertEqual(first[0], first[1])
        self.assertNotEqual(head(world.ask(get()))[2].split()[0], first[0])

    def test_no_user(self) -> None:
        """``$remote_user`` is empty for another scheme, for what does not decode, and without a colon."""
        world = World('server { listen 8080; return 200 "[$remote_user]"; }')
        for value, user in {
            b"Bearer bWU6cHc=": b"",
            b"Basic bWU": b"",
            b"Basic bW#=": b"",
            b"Basic bWU=": b"",
            b"Basic": b"",
            b"basic  bWU6": b"me",
            b"BASIC OnB3": b"",
        }.items():
            request = b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: %b\r\n\r\n" % value
            self.assertEqual(head(world.ask(request))[2], b"[%b]" % user, value)

    def test_unix_client(self) -> None:
        """A client on a unix socket has neither address nor port."""
        world = World('server { listen 8080; return 200 "[$remote_addr][$remote_port]"; }')
        client = world.client()
        client._peer = UNIXAddress("")
        client.say(get())
        self.assertEqual(head(client.read())[2], b"[unix:][]")


class ProxiedTests(SynchronousTestCase):
    """What is known once a server was asked."""

    def exchange(self, target: str = "one") -> tuple[World, Any]:
        world = World(
            "upstream one { server 127.0.0.1:9001; server 127.0.0.1:9002; }"
            f"server {{ listen 8080; set $used $upstream_addr; location / {{ proxy_pass http://{target}; }} }}"
        )
        client = world.client()
        client.say(get())
        return world, client.protocol.exchange

    def read(self, name: str, exchange: Any) -> str:
        getter = ProxyVariables().lookup(name)
        assert getter is not None
        return getter(exchange).decode()

    def test_target(self) -> None:
        """``$proxy_host`` and ``$proxy_port`` are those of ``proxy_pass``, 80 where it says none."""
        for target, host, port in (
            ("one", "one", "80"),
            ("127.0.0.1:8088", "127.0.0.1:8088", "8088"),
            ("127.0.0.1:80", "127.0.0.1", "80"),
            ("[::1]", "[::1]", "80"),
            ("[::1]:81", "[::1]:81", "81"),
        ):
            _, exchange = self.exchange(target)
            found = (self.read("proxy_host", exchange), self.read("proxy_port", exchange))
            self.assertEqual(found, (host, port))

    def test_answered(self) -> None:
        """Status, sizes and the server's times after the answer."""
        world, exchange = self.exchange()
        world.servers[0].say(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nhi")
        got = world.clients[0].read()
        self.assertEqual(self.read("status", exchange), "201")
        self.assertEqual(self.read("body_bytes_sent", exchange), "2")
        self.assertEqual(self.read("bytes_sent", exchange), str(len(got)))
        self.assertEqual(self.read("upstream_addr", exchange), "127.0.0.1:9001")
        self.assertEqual(self.read("upstream_status", exchange), "201")
        for name in ("upstream_response_time", "upstream_connect_time", "upstream_header_time"):
            self.assertRegex(self.read(name, exchange), r"\A\d\.\d{3}\Z")

    def test_counted(self) -> None:
        """Bytes for and from the server: all of them, and those of its body alone."""
        world, exchange = self.exchange()
        server = world.servers[0]
        asked = server.read()
        parts = (b"HTTP/1.1 200 OK\r\nTransfer-", b"Encoding: chunked\r\n\r\n2\r\nhi\r\n", b"0\r\n\r\n")
        server.say(parts[0])
        self.assertEqual(self.read("upstream_bytes_received", exchange), "0")
        server.say(parts[1])
        self.assertEqual(self.read("upstream_response_time", exchange), "-")
        server.say(parts[2])
        sizes = (len(asked), sum(map(len, parts)), len(b"2\r\nhi\r\n0\r\n\r\n"))
        names = ("upstream_bytes_sent", "upstream_bytes_received", "upstream_response_length")
        self.assertEqual([self.read(name, exchange) for name in names], [str(size) for size in sizes])

    def test_counted_anew(self) -> None:
        """A connection that is used again counts each answer by itself, and a body belongs to what was sent."""
        world = World(
            "server { listen 8080; location / { proxy_pass http://127.0.0.1:9001;"
            ' add_header X-Sizes "$upstream_bytes_sent $upstream_bytes_received"; } }'
        )
        client = world.client()
        for body in (b"12345", b""):
            client.say(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            asked = world.servers[0].read()
            self.assertTrue(asked.endswith(b"\r\n\r\n" + body))
            answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
            world.servers[0].say(answer)
            found = head(client.read())[1]["x-sizes"]
            self.assertEqual(found, f"{len(asked)} {len(answer)}")
        self.assertEqual(len(world.servers), 1)

    def test_redirected(self) -> None:
        """What was asked before a redirect within the server, and after it, has a colon between."""
        world = World(
            "server { listen 8080; proxy_intercept_errors on; error_page 404 = /second;"
            " location / { proxy_pass http://127.0.0.1:9001; }"
            " location /second { error_page 404 /none; proxy_pass http://127.0.0.1:9002;"
            '  add_header X-Asked "$upstream_status $upstream_addr"; } }'
        )
        client = world.client()
        client.say(get("/"))
        world.servers[0].say(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        world.servers[1].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        found = head(client.read())[1]["x-asked"]
        self.assertEqual(found, "404 : 200 127.0.0.1:9001 : 127.0.0.1:9002")

    def test_two_servers(self) -> None:
        """One value for each server that was asked, a comma between; a dash where it never came to that."""
        _, exchange = self.exchange()
        first, second = AttemptRecord(b"127.0.0.1:9001"), AttemptRecord(b"unix:/x")
        first.status, second.status, second.connect_time = 502, 200, 0.25
        first.response_time = second.response_time = 1.5
        exchange.attempts = [first, second]
        self.assertEqual(self.read("upstream_addr", exchange), "127.0.0.1:9001, unix:/x")
        self.assertEqual(self.read("upstream_status", exchange), "502, 200")
        self.assertEqual(self.read("upstream_connect_time", exchange), "-, 0.250")
        self.assertEqual(self.read("upstream_response_time", exchange), "1.500, 1.500")
        self.assertEqual(self.read("upstream_header_time", exchange), "-, -")


class TableTests(SynchronousTestCase):
    """The table as the configuration asks it."""

    def test_unknown(self) -> None:
        """A name that is no variable, or a family without a member, is unknown."""
        table = ProxyVariables()
        for name in ("", "none", "http_", "arg_", "cookie_", "uris"):
            self.assertIsNone(table.lookup(name))

    def test_attempts_wanted(self) -> None:
        """Only ``$upstream_*`` make us keep a record of each attempt."""
        table = ProxyVariables()
        table.lookup("uri")
        table.lookup("http_x")
        self.assertFalse(table.attempts_wanted)
        table.lookup("upstream_status")
        self.assertTrue(table.attempts_wanted)

    def test_bodies_wanted(self) -> None:
        """Only ``$request_body`` makes us keep the text of bodies."""
        table = ProxyVariables()
        table.lookup("request")
        self.assertFalse(table.bodies_wanted)
        table.lookup("request_body")
        table.lookup("request")
        self.assertTrue(table.bodies_wanted)

    def test_of_run_time(self) -> None:
        """The commands of a POST may read what the configuration defines, and whatever is built in."""
        table = variables_of_run_time(Http(user_variables=frozenset({"mine"})))
        self.assertIsNotNone(table.lookup("mine"))
        self.assertIsNotNone(table.lookup("remote_addr"))
        self.assertIsNone(table.lookup("nosuchvar"))

    def test_every_one_has_a_row(self) -> None:
        """No variable without a row above."""
        rows = {match for text, _ in ROWS for match in re.findall(r"\$(\w+)", text)}
        self.assertEqual({*variables._PLAIN, *variables._PER_ATTEMPT} - rows, set())
