"""What a process has counted."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.tallies import connections, facts, states
from tests.proxy.conversation import World, get

HTTP = """
upstream one { server 127.0.0.1:9001; server 127.0.0.1:9002 backup; server 127.0.0.1:9003 down; }
server { location / { proxy_pass http://one; } location /own { return 204; } }
"""
EMPTY = b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n"


class Counted(SynchronousTestCase):
    """Connections and servers."""

    def test_connections(self) -> None:
        """A connection reads, writes or waits; as nginx has it, a new one waits for its first request."""
        world = World(HTTP)
        names = ("accepted", "active", "reading", "writing", "waiting")

        def now() -> tuple[int, ...]:
            found = connections(world.plane)
            return tuple(found[name] for name in names)

        client = world.client()
        self.assertEqual(now(), (1, 1, 0, 0, 1))
        client.say(b"GET / HT")
        self.assertEqual(now(), (1, 1, 1, 0, 0))
        client.say(b"TP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(now(), (1, 1, 0, 1, 0))
        world.servers[0].say(EMPTY % 200)
        self.assertEqual(now(), (1, 1, 0, 0, 1))
        client.say(b"GET / HT")
        self.assertEqual(now(), (1, 1, 1, 0, 0))
        client.hang_up()
        self.assertEqual(now(), (1, 0, 0, 0, 0))

    def test_servers(self) -> None:
        """Servers that were asked, with their answers where a page shows them."""
        for tallied in (False, True):
            world = World(HTTP)
            world.plane.tallied = tallied
            world.ask(get("/own"))
            self.assertEqual(facts(world.plane, world.upstreams)["upstreams"], {})
            client = world.client()
            client.say(get())
            world.servers[0].say(EMPTY % 404)
            found = facts(world.plane, world.upstreams)
            self.assertEqual(found["requests"], 2)
            (server,) = found["upstreams"]["one"].values()
            self.assertEqual((server["requests"], server["failures"], server["active"]), (1, 0, 0))
            self.assertEqual(server.get("responses", {}).get("4xx"), 1 if tallied else None)

    def test_states(self) -> None:
        """Up, down, or out for its failures."""
        world = World(HTTP)
        client = world.client()
        client.say(get())
        world.servers[0].hang_up()
        found = states(world.upstreams, world.clock.seconds())["one"]
        expected = {"127.0.0.1:9001": "unavailable", "127.0.0.1:9002": "up", "127.0.0.1:9003": "down"}
        self.assertEqual(found, expected)
