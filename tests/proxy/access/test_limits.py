"""Requests held to a rate, or to a number at a time."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.access import limits
from tests.proxy.conversation import Wire, World, get, head

ZONES = """
limit_req_zone $arg_k zone=req:1m rate=2r/s;
limit_req_zone $arg_j zone=more:1m rate=1r/s;
limit_conn_zone $arg_k zone=conn:1m;
upstream one { server 127.0.0.1:9001; }
"""


class LimitCase(SynchronousTestCase):
    """A location with limits."""

    def setUp(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.patch(limits, "complain", lambda *line: self.said.append(line))

    def world(self, location: str, content: str = "echo hello $limit_req_status;") -> World:
        return World(f"{ZONES} server {{ location / {{ {content} {location} }} }}")

    def statuses(self, world: World, *paths: str) -> list[int]:
        """0 for a request that waits."""
        found = []
        for path in paths:
            answer = world.ask(get(path))
            found.append(head(answer)[0] if answer else 0)
        return found


class Rates(LimitCase):
    """``limit_req``."""

    def test_rate(self) -> None:
        """One request in each half of a second, for each key by itself; an empty key is not limited."""
        world = self.world("limit_req zone=req;")
        self.assertEqual(self.statuses(world, "/?k=a", "/?k=a", "/?k=b", "/", "/"), [200, 503, 200, 200, 200])
        world.clock.advance(0.5)
        self.assertEqual(self.statuses(world, "/?k=a", "/?k=a"), [200, 503])

    def test_burst(self) -> None:
        """Some more wait their turn; beyond that they are refused."""
        world = self.world("limit_req zone=req burst=2;")
        clients: list[Wire] = []
        for _ in range(4):
            client = world.client()
            client.say(get("/?k=a"))
            clients.append(client)
        answered = [bool(client.got) for client in clients]
        self.assertEqual(answered, [True, False, False, True])
        self.assertEqual(head(clients[3].read())[0], 503)
        world.clock.advance(0.5)
        self.assertEqual([bool(client.got) for client in clients[1:3]], [True, False])
        world.clock.advance(0.5)
        self.assertEqual(head(clients[2].read())[2], b"hello DELAYED\n")

    def test_no_delay(self) -> None:
        """With ``nodelay`` nobody waits, and no more pass in the end; with ``delay`` only some wait."""
        world = self.world("limit_req zone=req burst=2 nodelay;")
        self.assertEqual(self.statuses(world, *["/?k=a"] * 4), [200, 200, 200, 503])
        world = self.world("limit_req zone=req burst=2 delay=1;")
        self.assertEqual(self.statuses(world, *["/?k=a"] * 4), [200, 200, 0, 503])

    def test_several(self) -> None:
        """A request has to pass every limit; one that is refused is counted by none."""
        world = self.world("limit_req zone=more; limit_req zone=req burst=5 nodelay;")
        self.assertEqual(self.statuses(world, *["/?k=a&j=a"] * 3), [200, 503, 503])
        world.clock.advance(0.5)
        self.assertEqual(self.statuses(world, "/?k=a&j=b", "/?k=a&j=c"), [200, 200])

    def test_answers(self) -> None:
        """Status and level may be chosen; a dry run refuses nobody."""
        world = self.world("limit_req zone=req; limit_req_status 429; limit_req_log_level warn;")
        self.assertEqual(self.statuses(world, "/?k=a", "/?k=a"), [200, 429])
        self.assertEqual(self.said[0][0], "warn")
        self.assertIn('limiting requests, excess: 1.000 by zone "req", client: ', self.said[0][1])
        world = self.world("limit_req zone=req; limit_req_dry_run on;")
        world.ask(get("/?k=a"))
        self.assertEqual(head(world.ask(get("/?k=a")))[2], b"hello REJECTED_DRY_RUN\n")
        self.assertIn("limiting requests, dry run, excess", self.said[1][1])

    def test_client_leaves(self) -> None:
        """A client that leaves while it waits is forgotten."""
        world = self.world("limit_req zone=req burst=2;")
        world.ask(get("/?k=a"))
        client = world.client()
        client.say(get("/?k=a"))
        client.hang_up()
        world.clock.advance(5)
        self.assertEqual(client.got, b"")

    def test_body(self) -> None:
        """A request's body waits with it."""
        world = self.world("limit_req zone=req burst=2;", "proxy_pass http://one;")
        world.client().say(get("/?k=a"))
        client = world.client()
        client.say(b"POST /?k=a HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        client.say(b"def")
        self.assertEqual(len(world.servers), 1)
        world.clock.advance(1)
        self.assertTrue(world.servers[1].read().endswith(b"\r\n\r\nabcdef"))

    def test_long_key(self) -> None:
        """A key that is too long is not limited, and the log says so."""
        world = World(
            "limit_req_zone $arg_k$arg_k zone=req:1m rate=1r/s; large_client_header_buffers 4 64k;"
            "server { location / { limit_req zone=req; echo hello; } }"
        )
        self.assertEqual(self.statuses(world, *["/?k=" + "x" * 40000] * 2), [200, 200])
        self.assertIn("is more than 65535 bytes", self.said[0][1])


class Numbers(LimitCase):
    """``limit_conn``."""

    def begin(self, world: World, path: str = "/?k=a") -> Wire:
        client = world.client()
        client.say(get(path))
        return client

    def test_at_a_time(self) -> None:
        """So many requests of a key are under way; one that ends, or leaves, makes room."""
        world = self.world("limit_conn conn 2;", "proxy_pass http://one;")
        first, second = self.begin(world), self.begin(world)
        self.assertEqual(self.statuses(world, "/?k=a"), [503])
        self.assertIn('limiting connections by zone "conn"', self.said[0][1])
        self.begin(world, "/?k=b")
        self.assertEqual(len(world.servers), 3)
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(head(first.read())[0], 200)
        second.hang_up()
        self.assertEqual([bool(self.begin(world).got) for _ in range(3)], [False, False, True])

    def test_dry_run(self) -> None:
        """A dry run refuses nobody; the status may be chosen."""
        world = self.world("limit_conn conn 1; limit_conn_dry_run on;", "proxy_pass http://one;")
        self.begin(world)
        self.assertEqual(self.begin(world).got, b"")
        world = self.world("limit_conn conn 1; limit_conn_status 429;", "proxy_pass http://one;")
        self.begin(world)
        self.assertEqual(head(self.begin(world).read())[0], 429)

    def test_several(self) -> None:
        """What one limit counted is given back where another refuses."""
        made = World(
            ZONES + "limit_conn_zone $host zone=all:1m;"
            "server { location / { proxy_pass http://one; limit_conn conn 2; limit_conn all 1; } }"
        )
        self.begin(made)
        for _ in range(5):
            self.assertEqual(head(self.begin(made).read())[0], 503)
