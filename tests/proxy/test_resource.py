"""The proxy inside a ``twisted.web`` site: one request in memory on each side of it."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.test.requesthelper import DummyRequest

from dyups.config.model import LocationSettings, Template
from dyups.proxy.resource import Chooser, ResourceClient, ReverseProxyResource
from dyups.proxy.variables import ProxyVariables
from tests.proxy.conversation import Wire, World, head

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


class ResourceTests(SynchronousTestCase):
    """Requests through the site."""

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

    def test_too_large(self) -> None:
        """``client_max_body_size`` holds here too."""
        world, visitor = self.visit(client_max_body_size=10)
        visitor.say(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world")
        self.assertEqual((head(visitor.read())[0], world.dialled), (413, []))

    def test_refused(self) -> None:
        """What our own connections refuse is refused here."""
        for request, status in (
            (b"GET / HTTP/1.1\r\n\r\n", 400),
            (b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (b"GET /../.. HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ):
            world = World(HTTP)
            visitor = Visitor(Leaf(ReverseProxyResource(world.plane, "one")))
            visitor.say(request)
            self.assertEqual((head(visitor.read())[0], world.dialled), (status, []), request)

    def test_retried(self) -> None:
        """A server that cannot be reached is passed over."""
        world, visitor = self.visit(accept=False)
        visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        world.dialled[0].refuse()
        server = world.dialled[1].accept()
        assert server is not None
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        self.assertEqual(head(visitor.read())[2], b"ok")
        self.assertIn("connect() failed (111: Connection refused)", self.events[-1]["text"])

    def test_all_fail(self) -> None:
        """Where every server fails, the visitor gets the page of 502."""
        world, visitor = self.visit(accept=False)
        visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        world.dialled[0].refuse()
        world.dialled[1].refuse()
        status, _, body = head(visitor.read())
        self.assertEqual(status, 502)
        self.assertIn(b"502 Bad Gateway", body)
        self.assert_idle(world)

    def test_no_switching(self) -> None:
        """Other protocols are not asked for, and a server that switches all the same has failed."""
        world, visitor = self.visit()
        visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        self.assertNotIn(b"pgrade", world.servers[0].read())
        world.servers[0].say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n")
        self.assertEqual(head(visitor.read())[0], 502)

    def test_breaks_off(self) -> None:
        """An answer that breaks off resets the visitor's connection."""
        world, visitor = self.visit()
        visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        world.servers[0].hang_up()
        self.assertEqual(head(visitor.read())[2], b"half")
        self.assertTrue(visitor.transport.aborted)
        visitor.leave()
        self.assert_idle(world)

    def test_visitor_leaves(self) -> None:
        """A visitor that leaves, before the head or in the body, ends the exchange with the server."""
        for beginning in (b"", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"):
            world, visitor = self.visit()
            visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            if beginning:
                world.servers[0].say(beginning)
            visitor.leave()
            self.assertTrue(world.servers[0].closing)
            self.assert_idle(world)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_visitor_leaves_while_dialling(self) -> None:
        """The dial is stopped."""
        world, visitor = self.visit(accept=False)
        visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        visitor.leave()
        self.assertTrue(world.dialled[0].stopped)
        self.assertIsNone(world.dialled[0].accept())
        self.assert_idle(world)

    def slow(self, **settings: Any) -> tuple[World, Visitor, Wire]:
        """A visitor that takes nothing more of a long answer."""
        world, visitor = self.visit(**settings)
        visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        (server,) = world.servers
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        visitor.transport.producer.pauseProducing()
        return world, visitor, server

    def test_slow_visitor(self) -> None:
        """A visitor that takes no more holds the server back."""
        _, visitor, server = self.slow()
        visitor.read()
        self.assertFalse(server.reading)
        server.say(b"x" * 1000)
        self.assertEqual(visitor.read(), b"")
        visitor.transport.producer.resumeProducing()
        self.assertEqual(visitor.read(), b"x" * 1000)

    def test_visitor_too_slow(self) -> None:
        """After ``send_timeout`` such a visitor is cut off."""
        world, visitor, server = self.slow(send_timeout=20.0, proxy_read_timeout=5.0)
        world.pass_time(15)
        self.assertFalse(visitor.transport.aborted)
        world.pass_time(10)
        self.assertTrue(visitor.transport.aborted)
        self.assertTrue(server.closing)
        visitor.leave()
        self.assert_idle(world)

    def test_odd_field_name(self) -> None:
        """A field that the site cannot send is dropped, the rest passes."""
        world, visitor = self.visit()
        visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nX(Y): z\r\nX-Z: z\r\nContent-Length: 0\r\n\r\n")
        _, fields, _ = head(visitor.read())
        self.assertEqual(fields["x-z"], "z")
        self.assertNotIn("x(y)", fields)

    def test_no_reset_to_be_had(self) -> None:
        """A site without a way to reset a connection (HTTP/2 streams have one) closes it."""
        world, visitor = self.visit()
        visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.patch(Transport, "abortConnection", None)
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        world.servers[0].hang_up()
        self.assertTrue(visitor.transport.disconnecting)

    def test_facts(self) -> None:
        """Fields may be set from what is known of the request, the site's addresses among them."""
        shown = b"server_port remote_addr request_method uri connection connection_requests".split()
        fields = tuple((name.decode(), self.template(name.decode())) for name in shown)
        world, visitor = self.visit(proxy_set_header=fields)
        visitor.say(b"GET /api/a%20b?c HTTP/1.1\r\nHost: a\r\n\r\n")
        got = dict(line.split(b": ") for line in world.servers[0].read().split(b"\r\n")[1:-2])
        del got[b"Host"]
        self.assertEqual(
            [got[name] for name in shown], [b"8000", b"192.0.2.7", b"GET", b"/api/a b", b"0", b"1"]
        )

    def template(self, name: str) -> Template:
        """``$name``."""
        read = ProxyVariables().lookup(name)
        assert read is not None
        return Template(f"${name}", read)

    def test_no_tunnel(self) -> None:
        """A request of a site never becomes a tunnel, and has no end of one."""
        world, visitor = self.visit()
        request = DummyRequest([b""])
        request.content = BytesIO()
        client = ResourceClient(ReverseProxyResource(world.plane, "one"), request)
        self.assertRaises(RuntimeError, client.begin_tunnel)
        client.end_tunnel()
        self.assertEqual(client.answer_tail(), b"")
        self.assertEqual(visitor.read(), b"")

    def test_clean_end(self) -> None:
        """After a whole answer the visitor's leaving changes nothing."""
        world, visitor = self.visit()
        visitor.say(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        visitor.channel.connectionLost(Failure(ConnectionDone()))
        self.assertFalse(world.servers[0].closing)


class Leaf(Resource):
    """Puts the proxy at the very root of the site."""

    isLeaf = True

    def __init__(self, proxy: ReverseProxyResource) -> None:
        super().__init__()
        self._proxy = proxy

    def render(self, request: Any) -> Any:
        return self._proxy.render(request)
