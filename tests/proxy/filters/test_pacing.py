"""Answers that go out no faster than they may."""

from __future__ import annotations

from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import Wire, World, get, unrest

BODY = b"x" * 5000


class Paced(SynchronousTestCase):
    """``limit_rate`` and what else sets the pace."""

    def begin(
        self, location: str, fields: bytes = b"", body: bytes = BODY, more: int = 0
    ) -> tuple[World, Wire]:
        world = World(
            "upstream one { server 127.0.0.1:9001; }"
            f"server {{ location / {{ proxy_pass http://one; {location} }} }}"
        )
        client = world.client()
        client.say(get())
        size = len(body) + more
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n" % (size, fields) + body)
        return world, client

    def sizes(self, world: World, client: Wire, seconds: int) -> list[int]:
        """How much has come by each second."""
        found, total = [], 0
        for _ in range(seconds):
            total += len(client.read())
            found.append(total)
            world.clock.pump([0.05] * 20)
        return found

    def assert_rate(self, world: World, client: Wire, rate: int, first: int) -> None:
        """About ``first`` bytes at once, then ``rate`` a second, all of them in the end."""
        sizes = self.sizes(world, client, 12)
        self.assertEqual(sizes[0], first)
        for before, after in pairwise(sizes):
            self.assertLessEqual(after - before, rate * 1.2)
        self.assertGreater(sizes[2], sizes[1])
        self.assertGreaterEqual(sizes[-1], len(BODY))
        self.assertEqual(unrest(world), [])

    def test_rate(self) -> None:
        """A second's worth goes out at once, as in nginx, and then so many bytes a second."""
        self.assert_rate(*self.begin("limit_rate 1000;"), 1000, 1000)

    def test_after(self) -> None:
        """Some bytes go before."""
        self.assert_rate(*self.begin("limit_rate 1000; limit_rate_after 500;"), 1000, 1500)

    def test_proxy_rate(self) -> None:
        """What may be read of a server is what may go out; the lower limit counts."""
        self.assert_rate(*self.begin("limit_rate 2000; proxy_limit_rate 1000;"), 1000, 1000)

    def test_server_says(self) -> None:
        """The server may set the pace, or end it, unless it is not to be heeded."""
        self.assert_rate(*self.begin("", b"X-Accel-Limit-Rate: 1000\r\n"), 1000, 1000)
        _, client = self.begin("limit_rate 10;", b"X-Accel-Limit-Rate: 0\r\n")
        self.assertTrue(client.read().endswith(BODY))
        _, client = self.begin("proxy_ignore_headers X-Accel-Limit-Rate;", b"X-Accel-Limit-Rate: 10\r\n")
        self.assertTrue(client.read().endswith(BODY))

    def test_variable(self) -> None:
        """The rate may come from a variable; an empty one and nonsense are without limit."""
        for value in ("$arg_none", "$host"):
            _, client = self.begin(f"limit_rate {value};")
            self.assertTrue(client.read().endswith(BODY))

    def test_server_waits(self) -> None:
        """The server is not read while the client's share waits, and read again after it."""
        world, client = self.begin("limit_rate 1000;", more=10)
        self.assertFalse(world.servers[0].reading)
        self.sizes(world, client, 12)
        self.assertTrue(world.servers[0].reading)
        world.servers[0].say(b"y" * 10)
        world.clock.pump([0.05] * 20)
        self.assertTrue(client.read().endswith(b"y" * 10))
        self.assertEqual(unrest(world), [])

    def test_next_request(self) -> None:
        """The connection's next answer begins anew, after all of the first."""
        world, client = self.begin("limit_rate 1000;")
        client.say(get())
        self.assertEqual(len(world.servers), 1)
        self.sizes(world, client, 12)
        world.servers[-1].say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab")
        self.assertTrue(client.read().endswith(b"ab"))

    def test_client_leaves(self) -> None:
        """Nothing goes on for a client that has left."""
        world, client = self.begin("limit_rate 1000;")
        client.hang_up()
        self.assertEqual([call for call in world.clock.getDelayedCalls() if "Paced" in str(call)], [])
        world.clock.pump([0.05] * 200)
        self.assertEqual(unrest(world), [])

    def test_broken_off(self) -> None:
        """What came of an answer that was broken off goes out, then the connection ends."""
        world, client = self.begin("limit_rate 2000;", more=10)
        world.servers[0].hang_up()
        self.assertFalse(client.closing)
        total = self.sizes(world, client, 6)[-1]
        self.assertGreater(total, len(BODY))
        self.assertTrue(client.closed)

    def test_error(self) -> None:
        """An answer of ours has no pace."""
        world, client = self.begin("limit_rate 10;", b"", b"")
        client.read()
        world = World(
            "upstream one { server 127.0.0.1:9001; } server { location / { proxy_pass http://one; limit_rate 1; } }"
        )
        client = world.client()
        client.say(get())
        world.servers[0].hang_up()
        self.assertIn(b"502 Bad Gateway", client.read())
