"""What stands in the access log, for each way in which a request can end."""

from __future__ import annotations

import os
import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dyups.metrics.accesslog import AccessLogs
from tests.proxy.conversation import World, get, head

FORMAT = "log_format t '$status $body_bytes_sent \"$request\" [$upstream_addr] [$upstream_status]';"
CONFIG = """
client_header_timeout 5; client_body_timeout 5; send_timeout 5; proxy_read_timeout 7; keepalive_timeout 60;
client_max_body_size 100;
upstream one { server 127.0.0.1:9001 max_fails=0; server 127.0.0.1:9002 max_fails=0; }
server { listen 8080;
    location / { proxy_pass http://one; proxy_http_version 1.1;
        proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; }
    location /echo { echo hello; }
    location /gone { return 410; }
    location /silent { return 444; }
    location /off { access_log off; echo hello; }
    location /asking { auth_request /quiet; echo hello; }
    location /asking_too { auth_request /told; echo hello; }
    location /quiet { return 204; }
    location /told { log_subrequest on; return 204; }
    location /some { access_log %s t if=$arg_log; echo hello; }
    location /combined { access_log %s; echo hello; }
}
"""


class AccessLogTestCase(SynchronousTestCase):
    """A world whose requests are logged."""

    def setUp(self) -> None:
        folder = os.path.abspath(self.mktemp())
        os.mkdir(folder)
        self.path = Path(folder, "a.log")
        self.world = World(f"{FORMAT} access_log {self.path} t; {CONFIG}" % (self.path, self.path))
        self.told: list[str] = []
        logs = AccessLogs(self.world.http, self.told.append)
        self.addCleanup(logs.close)
        self.world.plane.log = logs.write

    def lines(self) -> list[str]:
        """What was logged so far."""
        return self.path.read_text().splitlines()


class OwnAnswers(AccessLogTestCase):
    """Requests that are answered from here."""

    def test_one_line(self) -> None:
        """An answered request has one line, also once its connection is closed."""
        client = self.world.client()
        client.say(get("/echo?a"))
        client.hang_up()
        self.assertEqual(self.lines(), ['200 6 "GET /echo?a HTTP/1.1" [-] [-]'])

    def test_each_of_many(self) -> None:
        """Each request of a connection has its own line, in order, pipelined ones too."""
        self.world.client().say(get("/echo") + get("/gone") + get("/echo", method="HEAD"))
        statuses = [line.split()[:2] for line in self.lines()]
        self.assertEqual([statuses[0], statuses[2]], [["200", "6"], ["200", "0"]])
        self.assertEqual(statuses[1][0], "410")
        self.assertEqual(len(statuses), 3)

    def test_off(self) -> None:
        """``off`` logs nothing."""
        self.world.ask(get("/off"))
        self.assertEqual(self.lines(), [])

    def test_of_our_own(self) -> None:
        """Requests of our own are logged where ``log_subrequest`` is on, before the one that they are for."""
        self.world.ask(get("/asking?a"))
        self.world.ask(get("/asking_too?b"))
        lines = [line.split()[:2] + line.split()[3:4] for line in self.lines()]
        self.assertEqual(
            lines, [["200", "6", "/asking?a"], ["204", "0", "/asking_too?b"], ["200", "6", "/asking_too?b"]]
        )

    def test_condition(self) -> None:
        """``if=`` looks at the request."""
        for arguments in ("?log=1", "?log=0", "?log=", "", "?log=x"):
            self.world.ask(get(f"/some{arguments}"))
        self.assertEqual([line.split()[3] for line in self.lines()], ["/some?log=1", "/some?log=x"])

    def test_combined(self) -> None:
        """The form that needs no ``log_format``; quotes of the client are escaped."""
        more = ("Authorization: Basic bWU6cHc=", 'User-Agent: a"b', "Referer: http://x/")
        self.world.ask(get("/combined", "one", *more))
        (line,) = self.lines()
        self.assertRegex(
            line,
            r"\A192\.0\.2\.7 - me \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "
            + re.escape(r'"GET /combined HTTP/1.1" 200 6 "http://x/" "a\x22b"'),
        )

    def test_unreadable(self) -> None:
        """A request that nobody can read is logged with the line that came."""
        self.world.ask(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
        self.world.ask(b"nonsense\r\n\r\n")
        self.assertEqual(
            [line.split(" ", 2)[0] + line[line.index(' "') :] for line in self.lines()],
            ['400 "GET / HTTP/1.1" [-] [-]', '400 "nonsense" [-] [-]'],
        )

    def test_late_head(self) -> None:
        """A head that does not come in time is a 408; a connection that never asked is nothing."""
        self.world.client()
        self.world.client().say(b"GET / HTTP/1.1\r\nHo")
        self.world.pass_time(10)
        self.assertEqual([line.split(" ", 2)[0] for line in self.lines()], ["408"])

    def test_part_of_a_head(self) -> None:
        """A client that leaves within a head is 400, with the line that came; one that leaves before is nothing."""
        self.world.client().hang_up()
        idle, client = self.world.client(), self.world.client()
        idle.say(get("/echo"))
        idle.hang_up()
        client.say(b"GET /x HT")
        client.hang_up()
        self.assertEqual(self.lines()[1:], ['400 0 "GET /x HT" [-] [-]'])

    def test_late_head_then_gone(self) -> None:
        """After the 408 the end of the connection is no second line."""
        client = self.world.client()
        client.say(b"GET / HTTP/1.1\r\n")
        self.world.pass_time(10)
        client.read()
        client.hang_up()
        self.assertEqual(len(self.lines()), 1)

    def test_silent(self) -> None:
        """``return 444`` is logged although nothing is answered."""
        self.assertEqual(self.world.ask(get("/silent")), b"")
        self.assertEqual(self.lines(), ['444 0 "GET /silent HTTP/1.1" [-] [-]'])

    def test_too_large(self) -> None:
        """413."""
        self.world.ask(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\n\r\n")
        self.assertEqual([line.split()[0] for line in self.lines()], ["413"])

    def test_body_after_the_answer(self) -> None:
        """The line is written with the answer; the rest of the body makes no second one."""
        client = self.world.client()
        client.say(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
        self.assertEqual(len(self.lines()), 1)
        client.say(b"body")
        client.hang_up()
        self.assertEqual(len(self.lines()), 1)


class Forwarded(AccessLogTestCase):
    """Requests that servers answer, or do not."""

    def test_answered(self) -> None:
        """The server's status, the body's size, who was asked."""
        client = self.world.client()
        client.say(get())
        self.world.servers[0].say(b"HTTP/1.1 201 Made\r\nContent-Length: 5\r\n\r\nhel")
        self.assertEqual(self.lines(), [])
        self.world.servers[0].say(b"lo")
        self.assertEqual(self.lines(), ['201 5 "GET / HTTP/1.1" [127.0.0.1:9001] [201]'])

    def test_second_server(self) -> None:
        """All who were asked are named, with what each said."""
        self.world.client().say(get())
        self.world.servers[0].hang_up()
        self.world.servers[1].say(b"HTTP/1.1 204 None\r\n\r\n")
        self.assertEqual(self.lines(), ['204 0 "GET / HTTP/1.1" [127.0.0.1:9001, 127.0.0.1:9002] [502, 204]'])

    def test_client_leaves_before(self) -> None:
        """A client that leaves before there is an answer is 499."""
        client = self.world.client()
        client.say(get())
        client.hang_up()
        self.assertEqual(self.lines(), ['499 0 "GET / HTTP/1.1" [127.0.0.1:9001] [-]'])

    def test_client_leaves_within(self) -> None:
        """One that leaves within has the status that it saw, and the bytes that were sent."""
        client = self.world.client()
        client.say(get())
        self.world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
        client.hang_up()
        self.assertEqual(self.lines(), ['200 3 "GET / HTTP/1.1" [127.0.0.1:9001] [200]'])

    def test_server_breaks_off(self) -> None:
        """So has a request whose server breaks off, once."""
        client = self.world.client()
        client.say(get())
        self.world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
        self.world.servers[0].hang_up()
        client.read()
        self.assertTrue(client.closed)
        self.assertEqual(self.lines(), ['200 3 "GET / HTTP/1.1" [127.0.0.1:9001] [200]'])

    def test_timeout(self) -> None:
        """A server that is silent is 504."""
        client = self.world.client()
        client.say(get("/", method="POST"))
        self.world.pass_time(10)
        self.assertEqual(head(client.read())[0], 504)
        self.assertEqual([line.split()[0] for line in self.lines()], ["504"])

    def test_late_body(self) -> None:
        """A body that stops is 408, whoever waits for it."""
        self.world.client().say(b"POST / HTTP/1.1\r\nHost: one\r\nContent-Length: 4\r\n\r\nb")
        self.world.pass_time(10)
        self.assertEqual([line.split()[0] for line in self.lines()], ["408"])

    def test_tunnel(self) -> None:
        """A tunnel is logged when it ends, whichever side ends it, with the bytes that went to the client."""
        for ends in ("client", "server"):
            client = self.world.client()
            client.say(get("/", "one", "Upgrade: x", "Connection: upgrade"))
            server = self.world.servers[-1]
            server.say(b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
            server.say(b"12345")
            before = len(self.lines())
            (client if ends == "client" else server).hang_up()
            client.read()
            self.assertEqual([line.split()[:2] for line in self.lines()[before:]], [["101", "5"]], ends)
