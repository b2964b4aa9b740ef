"""Tests of dyups.workers.serving."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import succeed
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from dyups.config.build import build
from dyups.config.model import Http
from dyups.config.parser import Tree, parse_text
from dyups.proxy.variables import ProxyVariables
from dyups.upstream.map import UpstreamMap
from dyups.workers.serving import RememberingQuery, ServingSide, may_change, query_of
from tests.proxy.conversation import CLIENT, Wire
from tests.workers.test_process import Reactor

TEXT = """
access_log off;
server {
    listen 127.0.0.1:81;
    access_log off;
    location / { return 200 "yes"; }
    location /named/ { proxy_pass http://app.example:82; }
    location /checks/ { check_status csv; }
    location /admin/ { dyups_interface; allow all; }
}
"""


def http_of(text: str) -> Http:
    settings = build(
        Tree(parse_text(f"events {{ }} http {{ {text} }}")), prefix="/srv", variables=ProxyVariables()
    )
    assert settings.http is not None
    return settings.http


SERVER = {
    "index": 1,
    "upstream": "app",
    "name": "127.0.0.1:1",
    "status": "up",
    "rise": 7,
    "fall": 0,
    "type": "tcp",
    "port": 0,
}


class Page(Resource):
    """In the place of the interface."""

    isLeaf = True

    def render_GET(self, request: Any) -> bytes:
        return b"admin"


class ServingCase(SynchronousTestCase):
    """A data plane on a reactor in memory."""

    def setUp(self) -> None:
        self.reactor = Reactor()
        self.asked: list[str] = []
        self.side = ServingSide(
            http_of(TEXT),
            UpstreamMap(),
            Page(),
            self.reactor,
            self.query,
            attempts_wanted=False,
            checks=lambda: succeed({"generation": 1, "servers": [SERVER]}),
        )
        self.side.start()
        self.addCleanup(self.side.stop)
        sock: Any = socket.socket()
        self.addCleanup(sock.close)
        self.side.accept([sock])

    def query(self, name: str) -> tuple[str, ...]:
        self.asked.append(name)
        return ("127.0.0.9",)

    def connect(self) -> Wire:
        """A client."""
        ((_, _, listener),) = self.reactor.adopted
        connection = listener.buildProtocol(None)
        wire = Wire(connection, CLIENT, IPv4Address("TCP", "127.0.0.1", 81))
        connection.makeConnection(wire)
        return wire

    def ask(self, wire: Wire, path: str = "/") -> bytes:
        """What comes back."""
        wire.say(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return wire.read()


class ServingTests(ServingCase):
    """Serving."""

    def test_served(self) -> None:
        """Locations of every kind are served; names outside of upstreams are those that were handed in."""
        wire = self.connect()
        self.assertTrue(self.ask(wire).endswith(b"yes"))
        self.assertTrue(self.ask(wire, "/admin/x").endswith(b"admin"))
        self.assertTrue(self.ask(wire, "/checks/").endswith(b"\r\n\r\n1,app,127.0.0.1:1,up,7,0,tcp,0\n"))
        self.assertEqual((self.asked, self.side.connections), (["app.example"], 1))

    def test_idle(self) -> None:
        """When the process ends, an idle connection closes after the grace; who asks before is answered once."""
        idle, other = self.connect(), self.connect()
        self.ask(idle)
        self.side.stop_accepting()
        self.assertEqual(len(self.reactor.log), 1)
        for _ in range(38):
            self.side.end_idle(2.0)
            self.reactor.advance(0.05)
        self.assertEqual((idle.closed, other.closed), (False, False))
        self.assertIn(b"Connection: close", self.ask(other))
        self.reactor.advance(0.2)
        self.side.end_idle(2.0)
        self.assertEqual((idle.closed, other.closed, self.side.connections), (True, True, 0))

    def test_in_the_middle_of_a_head(self) -> None:
        """A connection on which a request has begun is not idle."""
        wire = self.connect()
        wire.say(b"GET / HTTP/1.1\r\n")
        self.side.stop_accepting()
        self.side.end_idle(0.0)
        self.reactor.advance(1.0)
        self.side.end_idle(0.0)
        self.assertFalse(wire.closed)
        wire.say(b"Host: x\r\n\r\n")
        self.assertTrue(wire.read().endswith(b"yes"))


class MayChangeTests(SynchronousTestCase):
    """Can upstreams come at run time?"""

    def test_may_change(self) -> None:
        """With a dump file, an interface anywhere, or scripts that may; otherwise not."""
        listen = "server { listen 127.0.0.1:81; access_log off; %s }"
        for text, may in {
            "access_log off; " + listen % "": False,
            "access_log off; dyups_upstream_conf x; " + listen % "": True,
            "access_log off; dyups_api on; " + listen % "": True,
            "access_log off; " + listen % "location / { location /a/ { dyups_interface; } }": True,
            "access_log off; " + listen % "location / { return 200; }": False,
        }.items():
            self.assertIs(may_change(http_of(text)), may, text)


class QueryTests(SynchronousTestCase):
    """Names, asked once for all workers."""

    def test_remembered(self) -> None:
        """What the master was told, its workers are told too; of other names nothing is known."""
        remembering = RememberingQuery(lambda name: (f"{name}!",))
        self.assertEqual(remembering("a"), ("a!",))
        query = query_of(remembering.found)
        self.assertEqual((query("a"), query("b")), (("a!",), ()))
