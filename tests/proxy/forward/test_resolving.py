"""Targets that requests bring and that are looked up: ``resolver`` with a ``proxy_pass`` that has variables."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import ResolverSpec
from dyups.interfaces import TcpAddress
from dyups.proxy.forward import resolving
from dyups.upstream.dns import Answer, unresolved
from dyups.upstream.names import Caches, NameCache
from tests.proxy.conversation import Wire, World, complaints, get, head

CONFIG = """
resolver 192.0.2.53;
upstream one { server 127.0.0.1:9001; }
server { listen 8080; location / { proxy_pass http://$http_host; } }
server { listen 8081; location / { proxy_pass http://$http_host/in?x=$arg_x; } }
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class ResolvingCase(SynchronousTestCase):
    """A proxy whose questions to DNS the test answers."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.questions: list[tuple[str, Deferred[Answer]]] = []
        self.said = complaints(self)

    def caches(self, spec: ResolverSpec, timeout: float) -> Caches:
        """What knows names."""
        return Caches(NameCache(self.ask, self.clock), NameCache(self.ask, self.clock))

    def ask(self, name: str) -> Deferred[Answer]:
        """A question."""
        self.questions.append((name, Deferred()))
        return self.questions[-1][1]

    def world(self, config: str = CONFIG, **facts: Any) -> World:
        """The proxy."""
        return World(config, names=self.caches, **facts)

    def answer(self, *found: str, ttl: float = 30.0) -> None:
        """Answer the oldest question."""
        self.questions.pop(0)[1].callback(Answer(found, ttl))

    def asked(self, world: World, host: str) -> Wire:
        """A client with a request to that host."""
        wire = world.client()
        wire.say(get("/", host))
        return wire


class LookUps(ResolvingCase):
    """What is looked up, and when."""

    def test_waits(self) -> None:
        """A request to a name waits for its address, and goes there with its own Host."""
        world = self.world()
        client = self.asked(world, "App.Example:8080")
        self.assertEqual([name for name, _ in self.questions], ["app.example"])
        self.assertEqual((world.dialled, client.read()), ([], b""))
        self.answer("10.0.0.1")
        self.assertEqual(world.dialled[0].address, TcpAddress("10.0.0.1", 8080))
        self.assertIn(b"GET / HTTP/1.1\r\nHost: App.Example:8080\r\n", world.servers[0].got)
        world.servers[0].say(OK)
        self.assertEqual(head(client.read())[::2], (200, b"ok"))

    def test_cached(self) -> None:
        """The answer serves the next requests without a question, its addresses in turn, until its time is over."""
        world = self.world()
        self.asked(world, "app.example")
        self.answer("10.0.0.1", "10.0.0.2", ttl=30.0)
        for _ in range(3):
            self.asked(world, "app.example")
        self.assertEqual([one.address.host[-1] for one in world.dialled], ["1", "2", "1", "2"])  # type: ignore[union-attr]
        self.clock.advance(31)
        self.asked(world, "app.example")
        self.assertEqual((len(world.dialled), len(self.questions)), (4, 1))
        self.answer("10.0.0.3")
        self.assertEqual(world.dialled[4].address, TcpAddress("10.0.0.3", 80))

    def test_shared(self) -> None:
        """Requests that wait for the same name share one question, whatever their ports."""
        world = self.world()
        for host in ("app.example", "APP.example", "app.example:81"):
            self.asked(world, host)
        self.assertEqual(len(self.questions), 1)
        self.answer("10.0.0.1")
        self.assertEqual([one.address.port for one in world.dialled], [80, 80, 81])  # type: ignore[union-attr]

    def test_not_found(self) -> None:
        """502 in nginx's words; the connection stays."""
        world = self.world()
        client = self.asked(world, "no.example")
        self.questions.pop(0)[1].errback(unresolved("no.example", 3))
        self.assertEqual(head(client.read())[0], 502)
        self.assertIn("*1 no.example could not be resolved (3: Host not found), ", self.said[0][1])
        self.assertEqual(self.said[0][0], "error")
        self.assertIn("client: 192.0.2.7", self.said[0][1])
        client.say(get("/", "one"))
        self.assertEqual(world.dialled[0].address, TcpAddress("127.0.0.1", 9001))

    def test_upstreams_first(self) -> None:
        """A known upstream is never looked up."""
        world = self.world()
        self.asked(world, "ONE")
        self.assertEqual((self.questions, len(world.dialled)), ([], 1))

    def test_uri_part(self) -> None:
        """A URI part of the target is sent as it is without waiting."""
        world = self.world()
        world.client(1).say(get("/?x=5", "app.example"))
        self.answer("10.0.0.1")
        self.assertIn(b"GET /in?x=5 HTTP/1.1\r\n", world.servers[0].got)


class NeverLookedUp(ResolvingCase):
    """What must not become an address."""

    ADDRESSES = (
        "127.0.0.1",
        "127.0.0.1:22",
        "[::1]:22",
        "127.1",
        "127.0.0.1.",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0x",
        "localhost",
        "LOCALHOST:22",
        "a.localhost.",
        "x.1",
    )

    def test_addresses(self) -> None:
        """No spelling of an address, nor of this machine, is looked up: 502 at once, as without a resolver."""
        world = self.world()
        for host in self.ADDRESSES:
            self.assertEqual(head(self.asked(world, host).read())[0], 502, host)
        self.assertEqual((self.questions, world.dialled), ([], []))

    def test_not_without_resolver(self) -> None:
        """Where no resolver is set nothing is looked up."""
        world = self.world(CONFIG.replace("resolver 192.0.2.53;", ""))
        self.assertEqual(head(self.asked(world, "app.example").read())[0], 502)
        self.assertEqual(self.questions, [])
        self.assertIn("no upstream of that name", self.said[0][1])

    def test_no_names(self) -> None:
        """What is no host with a port is refused without a question."""
        world = self.world()
        for host in ("unix:/run/a", "a:0", "a:x"):
            self.assertIn(head(self.asked(world, host).read())[0], (400, 502), host)
        self.assertEqual(self.questions, [])


class Bodies(ResolvingCase):
    """Requests with bodies, and clients that leave."""

    POST = b"POST / HTTP/1.1\r\nHost: app.example\r\nContent-Length: %d\r\n\r\n"

    def test_body_meanwhile(self) -> None:
        """What comes of the body meanwhile is held, and goes out with the head."""
        world = self.world()
        client = world.client()
        client.say(self.POST % 8 + b"ab")
        client.say(b"cd")
        self.answer("10.0.0.1")
        self.assertTrue(world.servers[0].got.endswith(b"\r\n\r\nabcd"))
        client.say(b"efgh")
        self.assertTrue(world.servers[0].got.endswith(b"\r\n\r\nabcdefgh"))
        world.servers[0].say(OK)
        self.assertEqual(head(client.read())[0], 200)

    def test_long_body(self) -> None:
        """A client that sends more than is held is held back itself until there is an answer."""
        world = self.world(high=1 << 20)
        client = world.client()
        client.say(self.POST % 200_000 + bytes(70_000))
        self.assertFalse(client.reading)
        self.answer("10.0.0.1")
        self.assertTrue(client.reading)
        client.say(bytes(130_000))
        self.assertEqual(len(world.servers[0].got.partition(b"\r\n\r\n")[2]), 200_000)

    def test_not_found_with_body(self) -> None:
        """502 before the body is whole ends the connection after it."""
        world = self.world()
        client = world.client()
        client.say(self.POST % 9 + b"ab")
        self.questions.pop(0)[1].errback(unresolved("app.example", 110))
        status, fields, _ = head(client.read())
        self.assertEqual((status, fields["connection"]), (502, "close"))
        self.assertIn("(110: Operation timed out)", self.said[0][1])

    def test_client_gone(self) -> None:
        """For a client that left nobody is asked, whatever the answer; one that leaves later takes its server along."""
        world = self.world()
        gone, late = self.asked(world, "app.example"), self.asked(world, "no.example")
        gone.hang_up()
        late.hang_up()
        self.answer("10.0.0.1")
        self.questions.pop(0)[1].errback(unresolved("no.example", 3))
        self.assertEqual((world.dialled, self.said), ([], []))
        client = self.asked(world, "app.example:81")
        client.hang_up()
        self.assertTrue(world.servers[0].closed)

    def test_slow_client(self) -> None:
        """A client that takes no more of an answer holds the server back, as ever."""
        world = self.world()
        client = world.client(high=1000)
        client.say(get("/", "app.example"))
        self.answer("10.0.0.1")
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + bytes(2000))
        self.assertFalse(world.servers[0].reading)
        client.read()
        self.assertTrue(world.servers[0].reading)


class Many(ResolvingCase):
    """Names without end."""

    def test_bounded(self) -> None:
        """However many names come, only so many groups are kept; the oldest goes with its connections."""
        self.patch(resolving, "MOST_MADE", 2)
        world = self.world()
        for number in range(3):
            client = self.asked(world, f"app{number}.example")
            self.answer("10.0.0.1")
            world.servers[number].say(OK)
            self.assertEqual(head(client.read())[0], 200)
        self.assertEqual([wire.closed for wire in world.servers], [True, False, False])
