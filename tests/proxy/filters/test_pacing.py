"""Answers that go out no faster than they may."""

from __future__ import annotations

import gzip
import os
from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from dyups.http1.chunked import ChunkedReader
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
        """An answer of ours in place of the server's has the pace, too."""
        world = World(
            "upstream one { server 127.0.0.1:9001; } server { location / { proxy_pass http://one; limit_rate 100; } }"
        )
        client = world.client()
        client.say(get())
        world.servers[0].hang_up()
        self.assertEqual(len(client.read()), 100)
        world.clock.pump([0.05] * 100)
        self.assertTrue(client.read().endswith(b"</html>\r\n"))
        self.assertEqual(unrest(world), [])

    def test_set(self) -> None:
        """What was set for the request goes before what the location says, but not before the server's limit."""
        self.assert_rate(*self.begin("limit_rate 100; set $limit_rate 1000;"), 1000, 1000)
        self.assert_rate(*self.begin("set $limit_rate 5000; proxy_limit_rate 1000;"), 1000, 1000)
        _, client = self.begin("limit_rate 100; set $limit_rate 0;")
        self.assertTrue(client.read().endswith(BODY))

    def test_server_says_more(self) -> None:
        """The server's word is heard last; a word that is no number is none."""
        self.assert_rate(*self.begin("set $limit_rate 10;", b"X-Accel-Limit-Rate: 1000\r\n"), 1000, 1000)
        self.assert_rate(*self.begin("limit_rate 1000;", b"X-Accel-Limit-Rate: 9k\r\n"), 1000, 1000)
        self.assert_rate(*self.begin("proxy_limit_rate 1000;", b"X-Accel-Limit-Rate: 0\r\n"), 1000, 1000)


class OwnAnswers(SynchronousTestCase):
    """The pace of what comes from here: texts, pages, files."""

    def setUp(self) -> None:
        self.root = self.mktemp()
        os.mkdir(self.root)
        with open(os.path.join(self.root, "file"), "wb") as file:
            file.write(BODY)
        self.root = os.path.abspath(self.root)

    def world(self, said: str = "limit_rate 1000;") -> World:
        return World(
            "upstream one { server 127.0.0.1:9001; }"
            f"server {{ listen 8080; root {self.root}; {said} set $text {'x' * 3000};"
            "location /text { return 200 $text; } location /file { } location /wait { return 200 $text; }"
            "location /accel { proxy_pass http://one; } location /zip/ { gzip on; gzip_types *; gzip_min_length 1;"
            f"alias {self.root}/; }} location /post {{ client_max_body_size 10; return 200 x; }} }}"
        )

    def sizes(self, world: World, client: Wire, seconds: int = 8) -> list[int]:
        """What has come by each second."""
        found: list[int] = []
        for _ in range(seconds):
            found.append((found[-1] if found else 0) + len(client.read()))
            world.clock.pump([0.05] * 20)
        return found

    def assert_paced(self, world: World, client: Wire, total: int) -> None:
        sizes = self.sizes(world, client)
        self.assertEqual(sizes[0], 1000)
        self.assertTrue(all(after - before <= 1200 for before, after in pairwise(sizes)), sizes)
        self.assertGreater(sizes[2], sizes[1])
        self.assertGreaterEqual(sizes[-1], total)
        self.assertEqual(unrest(world), [])

    def test_texts_and_files(self) -> None:
        """Texts and files go out at the pace of their location, or of their request."""
        for said in ("limit_rate 1000;", "set $limit_rate 1000;", "limit_rate 1; set $limit_rate 1000;"):
            for path, total in (("/text", 3000), ("/file", 5000)):
                world = self.world(said)
                client = world.client()
                client.say(get(path))
                self.assert_paced(world, client, total)

    def test_after(self) -> None:
        """Some bytes go before."""
        world = self.world("limit_rate 1000; limit_rate_after 500;")
        client = world.client()
        client.say(get("/file"))
        self.assertEqual(self.sizes(world, client)[0], 1500)

    def test_compressed(self) -> None:
        """The pace is that of what the client gets."""
        world = self.world("limit_rate 200;")
        client = world.client()
        client.say(get("/zip/file", "x", "Accept-Encoding: gzip"))
        got = b""
        for _ in range(8):
            got += client.read()
            world.clock.pump([0.05] * 20)
        headers, _, body = got.partition(b"\r\n\r\n")
        self.assertIn(b"Content-Encoding: gzip", headers)
        reader = ChunkedReader()
        self.assertEqual(gzip.decompress(reader.feed(body)), BODY)
        self.assertEqual(unrest(world), [])

    def test_next_request(self) -> None:
        """The next request waits for the end of the answer, and is answered."""
        world = self.world()
        client = world.client()
        client.say(get("/text") + get("/text"))
        sizes = self.sizes(world, client, 12)
        self.assertGreater(sizes[-1], 6000)
        self.assertEqual(unrest(world), [])

    def test_logged_at_the_end(self) -> None:
        """A request is over when its answer has gone out."""
        world = self.world("limit_rate 1000; access_log /dev/null;")
        logged: list[bool] = []
        world.plane.log = lambda exchange: logged.append(True)
        client = world.client()
        client.say(get("/text"))
        self.assertEqual(logged, [])
        self.sizes(world, client)
        self.assertEqual(logged, [True])

    def test_client_leaves(self) -> None:
        """Nothing goes on for a client that has left."""
        for path in ("/text", "/file"):
            world = self.world()
            client = world.client()
            client.say(get(path))
            client.hang_up()
            self.assertEqual([call for call in world.clock.getDelayedCalls() if "Paced" in str(call)], [])
            self.assertEqual(unrest(world), [])

    def test_slow_client(self) -> None:
        """A client that takes nothing for a while gets the rest when it does."""
        world = self.world("limit_rate 100k;")
        client = world.client(high=1000)
        client.say(get("/file"))
        world.clock.pump([0.05] * 40)
        got = b""
        for _ in range(40):
            got += client.read()
            world.clock.pump([0.05] * 2)
        self.assertTrue(got.endswith(BODY))

    def test_body_that_nobody_wants(self) -> None:
        """A request whose body is refused hears why at the location's pace, whatever it still sends."""
        world = self.world("limit_rate 100;")
        client = world.client()
        client.say(get("/post", "x", "Content-Length: 100000", method="POST"))
        client.say(b"y" * 50000)
        got = b""
        for _ in range(12):
            got += client.read()
            world.clock.pump([0.05] * 20)
        self.assertTrue(got.startswith(b"HTTP/1.1 413 "))
        self.assertTrue(got.endswith(b"</html>\r\n"))

    def test_elsewhere(self) -> None:
        """A server that sends the request to a file here may say at what pace."""
        world = self.world("")
        client = world.client()
        client.say(get("/accel"))
        world.servers[0].say(
            b"HTTP/1.1 200 OK\r\nX-Accel-Redirect: /file\r\nX-Accel-Limit-Rate: 1000\r\nContent-Length: 0\r\n\r\n"
        )
        self.assert_paced(world, client, 5000)
