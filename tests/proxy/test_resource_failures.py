"""The proxy as a web resource where something goes wrong: refusals, retries, visitors that leave or are slow."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.web.test.requesthelper import DummyRequest

from dyups.config.model import Template
from dyups.proxy.resource import ResourceClient, ReverseProxyResource
from dyups.proxy.variables import ProxyVariables
from tests.proxy.conversation import Wire, World, head
from tests.proxy.test_resource import HTTP, Leaf, ResourceCase, Transport, Visitor


class TroubleTests(ResourceCase):
    """What is refused, what fails, what is too slow."""

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
