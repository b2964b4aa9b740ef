"""The proxy inside a ``twisted.web`` site: one request in memory on each side of it."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

from dyups.config.model import LocationSettings
from dyups.proxy.resource import Chooser, ReverseProxyResource
from tests.proxy.conversation import World, head

HTTP = """
upstream one { server 127.0.0.1:9001; server 127.0.0.1:9002; }
upstream two { server unix:/run/two.sock; }
server { listen 8080; }
"""


HOST = IPv4Address("TCP", "198.51.100.1", 8000)
PEER = IPv4Address("TCP", "192.0.2.7", 54321)


class Transport(StringTransport):
    """A browser's connection to the site."""

    disconnected = False
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        self.loseConnection()


class Visitor:
    """A browser of a site that has the proxy at its root, or at ``/api``."""

    def __init__(self, resource: Any) -> None:
        if not isinstance(resource, ReverseProxyResource):
            root = resource
        else:
            root = Resource()
            root.putChild(b"api", resource)
            root.putChild(b"", resource)
        self.site = Site(root)
        self.channel = self.site.buildProtocol(None)
        self.transport = Transport(HOST, PEER)
        self.channel.callLater = lambda *args, **kw: None  # the site's own time limits are not our matter
        self.channel.makeConnection(self.transport)

    def say(self, data: bytes) -> None:
        self.channel.dataReceived(data)

    def read(self) -> bytes:
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    def leave(self) -> None:
        self.channel.connectionLost(Failure(ConnectionLost()))


class ResourceCase(SynchronousTestCase):
    """A visitor of a site, and the server behind it."""

    def setUp(self) -> None:
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def visit(
        self,
        upstream: str | bytes | Chooser = "one",
        *,
        below: bool = False,
        accept: bool = True,
        high: int = 65536,
        **settings: Any,
    ) -> tuple[World, Visitor]:
        """A visitor of a site that forwards to ``upstream``."""
        world = World(HTTP, accept=accept, high=high)
        resource = ReverseProxyResource(world.plane, upstream, LocationSettings(**settings), below=below)
        return world, Visitor(resource)

    def assert_idle(self, world: World) -> None:
        """Nothing is under way any more."""
        for group in world.upstreams.groups():
            self.assertEqual([peer.active for peer in group.all_peers()], [0] * len([*group.all_peers()]))


class ResourceTests(ResourceCase):
    """Requests through the site."""

    def test_a_remembered_head_has_no_length_of_its_own(self) -> None:
        """Requests to one resource that are alike but for their bodies keep each its own length, or none."""
        world = World(HTTP)
        resource = ReverseProxyResource(world.plane, "one")
        alike = b"POST /api/same HTTP/1.1\r\nHost: example\r\n"
        sent = []
        for more in (b"Content-Length: 5\r\n\r\nhello", b"Content-Length: 2\r\n\r\nhi", b"\r\n"):
            Visitor(resource).say(alike + more)
            sent.append(world.servers[-1].read().partition(b"Host: one\r\n")[2])
        self.assertEqual(sent, [b"Content-Length: 5\r\n\r\nhello", b"Content-Length: 2\r\n\r\nhi", b"\r\n"])

    def test_forwarded(self) -> None:
        """Method, target, fields and body go to the server; status, fields and body come back."""
        world, visitor = self.visit("ONE")
        visitor.say(
            b"POST /api/x%2Fy?q=1 HTTP/1.1\r\nHost: example\r\nX-A: 1\r\nX-A: 2\r\nConnection: x-hop\r\n"
            b"X-Hop: h\r\nTE: trailers\r\nContent-Length: 5\r\n\r\nhello"
        )
        (server,) = world.servers
        self.assertEqual(
            server.read(),
            b"POST /api/x%2Fy?q=1 HTTP/1.1\r\nHost: one\r\nContent-Length: 5\r\nX-A: 1\r\nX-A: 2\r\n\r\nhello",
        )
        server.say(
            b"HTTP/1.1 201 Made\r\nServer: s\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Hop: h\r\n"
            b"Connection: X-Hop\r\nContent-Length: 4\r\n\r\nbody"
        )
        answer = visitor.read()
        status, fields, body = head(answer)
        self.assertTrue(answer.startswith(b"HTTP/1.1 201 Made\r\n"))
        self.assertEqual((status, body, fields["content-length"]), (201, b"body", "4"))
        self.assertEqual(answer.count(b"Set-Cookie: "), 2)
        self.assertEqual((answer.count(b"Server: "), fields["server"][:7]), (1, "Twisted"))
        for name in ("x-hop", "content-type", "transfer-encoding"):
            self.assertNotIn(name, fields)
        self.assert_idle(world)

    def test_next_request(self) -> None:
        """The visitor's connection and the server's both serve the next request."""
        world, visitor = self.visit()
        for _ in range(4):
            visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            wire = next(wire for wire in world.servers if wire.got)
            wire.read()
            wire.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            self.assertEqual(head(visitor.read())[2], b"ok")
        self.assertEqual(len(world.servers), 2)

    def test_below(self) -> None:
        """With ``below`` the server is asked for what comes below the resource's place, as it was encoded."""
        for asked, sent in (
            (b"/api/x%2Fy/?q=/1", b"/x%2Fy/?q=/1"),
            (b"/api", b"/"),
            (b"/api?a", b"/?a"),
            (b"/api/", b"/"),
        ):
            world, visitor = self.visit(below=True)
            visitor.say(b"GET %b HTTP/1.1\r\nHost: example\r\n\r\n" % asked)
            self.assertEqual(world.servers[0].read().split(b" ")[1], sent)

    def test_chosen(self) -> None:
        """The upstream may be chosen by a callable for each request."""
        world, visitor = self.visit(lambda request: request.getHeader(b"host") or b"")
        visitor.say(b"GET / HTTP/1.1\r\nHost: two\r\n\r\n")
        self.assertEqual(world.dialled[0].address.path, "/run/two.sock")

    def test_unknown_upstream(self) -> None:
        """A name that is no upstream is 502 at once, and the connection goes on."""
        world, visitor = self.visit("three")
        for _ in range(2):
            visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            status, fields, body = head(visitor.read())
            self.assertEqual(
                (status, fields["content-type"], int(fields["content-length"])), (502, "text/html", len(body))
            )
        self.assertEqual(world.dialled, [])
        self.assertIn('no host "three"', self.events[-1]["text"])

    def test_chunked_answer(self) -> None:
        """An answer of unknown length is framed by the site, once."""
        world, visitor = self.visit()
        visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        _, fields, body = head(visitor.read())
        self.assertEqual((fields["transfer-encoding"], body), ("chunked", b"3\r\none\r\n"))
        world.servers[0].say(b"3\r\ntwo\r\n0\r\n\r\n")
        self.assertEqual(visitor.read(), b"3\r\ntwo\r\n0\r\n\r\n")
        self.assert_idle(world)

    def test_answer_ended_by_closing(self) -> None:
        """An answer that ends with the server's connection ends for the visitor too."""
        world, visitor = self.visit()
        visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        world.servers[0].say(b"HTTP/1.0 200 OK\r\n\r\nold")
        world.servers[0].hang_up()
        self.assertEqual(head(visitor.read())[2], b"3\r\nold\r\n0\r\n\r\n")

    def test_old_visitor(self) -> None:
        """A visitor that speaks HTTP/1.0 gets the body as it is, ended by closing."""
        world, visitor = self.visit()
        visitor.say(b"GET / HTTP/1.0\r\n\r\n")
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n")
        self.assertEqual(head(visitor.read())[2], b"one")
        self.assertTrue(visitor.transport.disconnecting)

    def test_head(self) -> None:
        """HEAD gets the length and no body."""
        world, visitor = self.visit()
        visitor.say(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        status, fields, body = head(visitor.read())
        self.assertEqual((status, fields["content-length"], body), (200, "1000", b""))
        self.assert_idle(world)

    def test_no_content(self) -> None:
        """204 has neither body nor length."""
        world, visitor = self.visit()
        visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        world.servers[0].say(b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")
        status, fields, body = head(visitor.read())
        self.assertEqual((status, body), (204, b""))
        self.assertNotIn("content-length", fields)

    def test_chunked_request(self) -> None:
        """A chunked body, which the site has read whole, is sent with its length; ``Expect`` is not passed on."""
        world, visitor = self.visit(proxy_http_version="1.0")
        visitor.say(
            b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
            b"3\r\none\r\n0\r\n\r\n"
        )
        self.assertEqual(
            world.servers[0].read(),
            b"PUT / HTTP/1.0\r\nHost: one\r\nConnection: close\r\nContent-Length: 3\r\n\r\none",
        )
        self.assertEqual(visitor.read(), b"HTTP/1.1 100 Continue\r\n\r\n")  # the site's own
        world.servers[0].say(b"HTTP/1.0 204 No Content\r\n\r\n")
        self.assertEqual(head(visitor.read())[0], 204)

    def test_long_request(self) -> None:
        """A long body goes out piece by piece, as the server takes it."""
        world, visitor = self.visit(client_max_body_size=0, high=100_000)
        body = bytes(range(256)) * 4000
        visitor.say(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        (server,) = world.servers
        got = b""
        while server.got:
            self.assertLess(len(server.got), 300_000)
            got += server.read()
        self.assertEqual(got.partition(b"\r\n\r\n")[2], body)
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(head(visitor.read())[0], 200)

    def test_long_request_while_dialling(self) -> None:
        """Until there is a connection, no more than the beginning of a body is held."""
        world, visitor = self.visit(client_max_body_size=0, accept=False)
        body = b"x" * 500_000
        visitor.say(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n" + body)
        server = world.dialled[0].accept(high=1_000_000)
        assert server is not None
        self.assertLess(len(server.writes[0]), 200_000)
        self.assertEqual(len(server.got.partition(b"\r\n\r\n")[2]), 500_000)
        visitor.leave()


class Leaf(Resource):
    """Puts the proxy at the very root of the site."""

    isLeaf = True

    def __init__(self, proxy: ReverseProxyResource) -> None:
        super().__init__()
        self._proxy = proxy

    def render(self, request: Any) -> Any:
        return self._proxy.render(request)
