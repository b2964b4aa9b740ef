"""``queue``: requests that wait for a server to have room."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.upstreams import parse_commands
from dyups.proxy.forward.waiting import lacks_room
from tests.proxy.conversation import Wire, World, complaints, get, head, unrest

CONFIG = """
upstream up { QUEUE server 127.0.0.1:9001 max_conns=1; }
server { listen 8080; location / { proxy_pass http://up; } }
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class WaitingCase(SynchronousTestCase):
    """A server that takes one request at a time."""

    def setUp(self) -> None:
        self.said = complaints(self)

    def world(self, queue: str = "queue 2 timeout=10s;", **facts: Any) -> World:
        """The proxy in front of it."""
        return World(CONFIG.replace("QUEUE", queue), **facts)

    def ask(self, world: World, path: str = "/") -> Wire:
        """A client with a request."""
        client = world.client()
        client.say(get(path))
        return client

    def paths(self, world: World) -> list[bytes]:
        """What the server was asked, over all connections, in order of connection."""
        return [wire.got.split(b" ")[1] for wire in world.servers]


class OrderTests(WaitingCase):
    """Who goes when."""

    def test_in_order(self) -> None:
        """Requests that find no room wait, and are asked for one after the other, on the same connection."""
        world = self.world()
        first, second, third = (self.ask(world, path) for path in ("/1", "/2", "/3"))
        server = world.servers[0]
        for client, path in ((first, b"/1"), (second, b"/2"), (third, b"/3")):
            self.assertEqual(server.read().split(b" ")[1], path)
            self.assertEqual(client.read(), b"")
            server.say(OK)
            self.assertEqual(head(client.read())[0], 200)
        self.assertEqual((len(world.servers), unrest(world)), (1, []))

    def test_behind_those_who_wait(self) -> None:
        """A client that just had its answer goes to the end of the queue with its next request."""
        world = self.world()
        first = self.ask(world, "/1")
        self.ask(world, "/2")
        first.say(get("/again"))
        server = world.servers[0]
        server.read()
        server.say(OK)
        self.assertEqual(server.read().split(b" ")[1], b"/2")
        server.say(OK)
        self.assertEqual(server.read().split(b" ")[1], b"/again")

    def test_failed_server(self) -> None:
        """A request that fails makes room as well as one that is answered."""
        world = self.world()
        first, second = self.ask(world, "/1"), self.ask(world, "/2")
        world.servers[0].hang_up()
        self.assertEqual(head(first.read())[0], 502)
        self.assertEqual(self.paths(world)[1], b"/2")
        world.servers[1].say(OK)
        self.assertEqual(head(second.read())[0], 200)

    def test_two_servers(self) -> None:
        """Waiting begins when every server is full, and ends with whichever has room first."""
        world = self.world("queue 9; server 127.0.0.1:9002 max_conns=1;")
        for path in ("/1", "/2", "/3"):
            self.ask(world, path)
        self.assertEqual(self.paths(world), [b"/1", b"/2"])
        world.servers[1].read()
        world.servers[1].say(OK)
        self.assertEqual(world.servers[1].read().split(b" ")[1], b"/3")

    def test_other_server_fails(self) -> None:
        """A request that is to try another server waits for that one's room."""
        world = self.world("queue 9; server 127.0.0.1:9002;", accept=False)
        client = self.ask(world, "/1")
        self.ask(world, "/2")
        bad, full = world.dialled
        good = full.accept()
        assert good is not None
        bad.refuse()
        self.assertEqual((good.read().split(b" ")[1], client.read()), (b"/2", b""))
        good.say(OK)
        self.assertEqual(good.read().split(b" ")[1], b"/1")


class EndTests(WaitingCase):
    """What ends the waiting."""

    def test_full(self) -> None:
        """502 at once for those for whom the queue has no place."""
        world = self.world("queue 1;")
        for path in ("/1", "/2"):
            self.ask(world, path)
        self.assertEqual(head(self.ask(world, "/3").read())[0], 502)
        self.assertIn("upstream queue is full while connecting to upstream", self.said[0][1])

    def test_timeout(self) -> None:
        """502 for those who waited too long, and not before; the others wait on."""
        world = self.world()
        self.ask(world, "/1")
        early = self.ask(world, "/2")
        world.pass_time(5)
        late = self.ask(world, "/3")
        world.pass_time(5)
        self.assertEqual((early.read(), self.said), (b"", []))
        world.pass_time(2)
        self.assertEqual((head(early.read())[0], late.read()), (502, b""))
        self.assertIn("upstream queue timed out while connecting to upstream", self.said[0][1])
        world.servers[0].read()
        world.servers[0].say(OK)
        self.assertEqual(world.servers[0].read().split(b" ")[1], b"/3")

    def test_client_gone(self) -> None:
        """Who leaves waits no more."""
        world = self.world()
        for path in ("/1", "/2", "/3"):
            self.ask(world, path)
        world.clients[1].hang_up()
        world.servers[0].read()
        world.servers[0].say(OK)
        self.assertEqual(world.servers[0].read().split(b" ")[1], b"/3")
        world.servers[0].say(OK)
        self.assertEqual(unrest(world), [])

    def test_replaced(self) -> None:
        """A change of the upstream lets those who wait begin anew, with the servers that it has then."""
        world = self.world()
        for path in ("/1", "/2", "/3"):
            self.ask(world, path)
        body = "queue 2; server 127.0.0.1:9001 max_conns=1; server 127.0.0.1:9003 max_conns=1;"
        world.upstreams.replace(parse_commands("up", body), {})
        self.assertEqual(self.paths(world), [b"/1", b"/2"])
        world.servers[0].read()
        world.servers[0].say(OK)
        self.assertEqual(world.servers[0].read().split(b" ")[1], b"/3")

    def test_queue_taken_away(self) -> None:
        """Without a queue those who find no room are answered 502, as ever."""
        world = self.world()
        self.ask(world, "/1")
        client = self.ask(world, "/2")
        world.upstreams.replace(parse_commands("up", "server 127.0.0.1:9001 max_conns=1;"), {})
        self.assertEqual(head(client.read())[0], 502)
        self.assertIn("no live upstreams", self.said[0][1])

    def test_deleted(self) -> None:
        """Those who wait for an upstream that is deleted keep its servers, as all requests under way do."""
        world = self.world()
        self.ask(world, "/1")
        client = self.ask(world, "/2")
        world.upstreams.delete("up")
        self.assertEqual(client.read(), b"")
        world.servers[0].say(OK)
        world.servers[1].say(OK)
        self.assertEqual(head(client.read())[0], 200)

    def test_not_for_room(self) -> None:
        """Where no server is to be had for another reason nobody waits."""
        world = self.world()
        world.upstreams.replace(parse_commands("up", "queue 2; server 127.0.0.1:9001 down;"), {})
        self.assertEqual(head(self.ask(world).read())[0], 502)
        group = world.upstreams.find("up")
        assert group is not None
        self.assertFalse(lacks_room(group, frozenset()))


class BodyTests(WaitingCase):
    """Requests with bodies."""

    def test_body_meanwhile(self) -> None:
        """What comes of a body meanwhile is held up to a bound, and goes out when its turn has come."""
        world = self.world(high=1 << 20)
        self.ask(world, "/1")
        client = world.client()
        client.say(b"POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n" + bytes(1000))
        client.say(bytes(69_000))
        self.assertFalse(client.reading)
        server = world.servers[0]
        server.read()
        server.say(OK)
        self.assertTrue(client.reading)
        client.say(bytes(130_000))
        self.assertEqual(len(server.got.partition(b"\r\n\r\n")[2]), 200_000)
