"""Servers that another worker asks too (``zone``): a request has a place from the choice to its end."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.tallies import facts, states
from dyups.shared.ledger import Column, Ledger
from dyups.upstream.map import UpstreamMap
from dyups.upstream.peer import Peer
from dyups.upstream.queue import LOOK
from dyups.upstream.resolve import resolve_now
from dyups.upstream.sharing import Allotting, Counting
from tests.proxy.conversation import World, get, head, unrest

CONFIG = """
upstream one { zone one 64k; %s server 127.0.0.1:81 max_conns=1; }
server { listen 80; location / { proxy_pass http://one; proxy_http_version 1.1; proxy_set_header Connection "";
  proxy_read_timeout 5s; } }
server { listen 82; location / { proxy_pass http://one; proxy_http_version 1.1;
  proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; } }
"""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class SharedCase(SynchronousTestCase):
    """This worker's data plane, and another worker that only counts."""

    def setUp(self) -> None:
        self.world = self.made()

    def made(self, more: str = "") -> World:
        world = World(CONFIG % more)
        ledger = Ledger(4, lambda: 0.0, 8)
        self.addCleanup(ledger.close)
        self.other = UpstreamMap()
        for spec in world.http.upstreams:
            self.other.replace(spec, resolve_now(spec))
        world.upstreams.share(Allotting(ledger))
        for upstreams in (world.upstreams, self.other):
            column = Column(ledger.fd, ledger.locks, ledger.admit())
            self.addCleanup(column.close)
            upstreams.share(Counting(column))
        self.ledger = ledger
        return world

    def pick(self) -> Peer | None:
        """Whom a request to the other worker would ask."""
        group = self.other.find("one")
        assert group is not None
        return group.pick({}, frozenset(), self.world.deadlines.now)

    def assert_free(self) -> None:
        """Nothing is under way, and the other worker may ask the server."""
        self.assertEqual(unrest(self.world), [])
        peer = self.pick()
        self.assertIsNotNone(peer)
        assert peer is not None
        peer.ended()


class PlaceTests(SharedCase):
    """From the choice to the end."""

    def test_answered(self) -> None:
        """A request has its place until its answer is complete, and the next one on the connection too."""
        client = self.world.client()
        for _ in range(2):
            client.say(get())
            self.assertIsNone(self.pick())
            (server,) = self.world.servers
            server.say(ANSWER[:-1])
            self.assertIsNone(self.pick())
            server.say(ANSWER[-1:])
            self.assert_free()
        self.assertEqual(client.read().count(b" 200 OK"), 2)

    def test_other_ends(self) -> None:
        """So it is however a request ends: the server fails, is silent, or breaks off; the client leaves."""
        for end in ("refused", "closed", "nonsense", "silent", "cut", "left", "left while dialling"):
            world = self.world = self.made()
            world.accept = end not in ("refused", "left while dialling")
            client = world.client()
            client.say(get())
            self.assertIsNone(self.pick(), end)
            if end == "refused":
                world.dialled[0].refuse()
            elif end == "left while dialling" or end == "left":
                client.hang_up()
            elif end == "closed":
                world.servers[0].hang_up()
            elif end == "nonsense":
                world.servers[0].say(b"nonsense\r\n\r\n")
            elif end == "silent":
                world.pass_time(8)
            else:
                world.servers[0].say(ANSWER[:-1])
                world.servers[0].hang_up()
            self.assert_free()

    def test_tunnel(self) -> None:
        """A tunnel has its place until it ends."""
        client = self.world.client(1)
        client.say(get("/", "one", "Upgrade: chat", "Connection: upgrade"))
        (server,) = self.world.servers
        server.say(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\nConnection: upgrade\r\n\r\n")
        self.assertIsNone(self.pick())
        server.hang_up()
        self.assert_free()

    def test_sent_again(self) -> None:
        """A request whose idle connection had been closed has its place while it is sent again, and once only."""
        client = self.world.client()
        client.say(get())
        self.world.servers[0].say(ANSWER)
        self.world.accept = False
        client.say(get())
        self.world.servers[0].hang_up()
        self.assertEqual(len(self.world.dialled), 2)
        self.assertIsNone(self.pick())
        server = self.world.dialled[1].accept()
        assert server is not None
        server.say(ANSWER)
        self.assert_free()

    def test_not_sent_again(self) -> None:
        """The same where the request may not be sent again."""
        client = self.world.client()
        client.say(get())
        self.world.servers[0].say(ANSWER)
        client.say(get(method="PATCH"))
        self.world.servers[0].hang_up()
        self.assertEqual(len(self.world.dialled), 1)
        self.assert_free()


class OthersTests(SharedCase):
    """What the other worker has under way."""

    def test_full(self) -> None:
        """A server that is full by what another worker asks is asked nothing here."""
        peer = self.pick()
        assert peer is not None
        self.assertEqual(head(self.world.ask(get()))[0], 502)
        self.assertEqual(states(self.world.upstreams, 0.0)["one"], {"127.0.0.1:81": "unavailable"})
        peer.ended()
        client = self.world.client()
        client.say(get())
        counted = facts(self.world.plane, self.world.upstreams)["upstreams"]["one"]["127.0.0.1:81"]
        self.assertEqual((counted["active"], counted["requests"]), (1, 1))
        self.world.servers[0].say(ANSWER)
        self.assertEqual(head(client.read())[0], 200)

    def test_queue(self) -> None:
        """A request that waits goes on when the other worker lets go of the server."""
        self.world = self.made("queue 3;")
        peer = self.pick()
        client = self.world.client()
        client.say(get())
        self.world.clock.advance(LOOK)
        self.assertEqual((client.got, self.world.dialled), (b"", []))
        assert peer is not None
        peer.ended()
        self.world.clock.advance(LOOK)
        self.world.servers[0].say(ANSWER)
        self.assertEqual(head(client.read())[0], 200)
        self.assert_free()
