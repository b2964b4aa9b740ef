"""Whatever a client sends, in whatever pieces: answers or the end, never an exception, never a hang."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import Wire, World, get, head, replies

CONFIG = """
upstream one { server 127.0.0.1:9001; }
client_max_body_size 500; large_client_header_buffers 2 300;
server { listen 8080;
    location / { proxy_pass http://$http_host$uri; }
    location /one { proxy_pass http://one; proxy_set_header X "$arg_a$cookie_b$uri"; }
    location /echo { echo "$uri $args $http_x $1"; }
    location ~ ^/re(.*) { return 302 "/$1$is_args$args"; }
}
"""
#: Pieces of which requests are made: good, odd and wrong.
WORDS = [
    b"GET ", b"POST ", b"HEAD ", b"/", b"/echo", b"/one", b"/re/x", b"//../", b"?a=b&", b"%0d%0a", b"%", b"#",
    b"http://one", b" HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n\n", b"Host: one\r\n",
    b"Host: ", b"X: y\r\n", b"Content-Length: 5\r\n", b"Content-Length: 999\r\n", b"Content-Length: ",
    b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: x\r\n",
    b"Expect: 100-continue\r\n", b"5\r\nabcde\r\n", b"0\r\n\r\n", b"\x00", b"\xff", b": ", b" ", b"x" * 350,
    get("/echo"), get("/one"), get("/one", "one", "Content-Length: 3", method="PUT") + b"abc",
    get("/one", "one", "Transfer-Encoding: chunked", method="PUT") + b"3\r\nabc\r\n0\r\n\r\n",
]  # fmt: skip
#: More requests than there are in what any test says.
MOST_REQUESTS = 200
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

requests = st.lists(st.sampled_from(WORDS) | st.binary(max_size=6), max_size=25).map(b"".join)
pieces = st.lists(requests, max_size=5)


def answer_all(world: World) -> None:
    """Every server answers what it was asked, if that was whole."""
    for server in world.servers:
        asked = server.got
        if asked and not server.closed:
            lines = asked.partition(b"\r\n\r\n")[0].split(b"\r\n")
            assert len(lines[0].split(b" ")) == 3, lines
            assert sum(line.lower().startswith(b"host:") for line in lines) == 1, lines
            server.read()
            server.say(ANSWER if not asked.startswith(b"HEAD") else ANSWER[:-2])


class AnyBytesTests(SynchronousTestCase):
    """Fuzzing of a whole connection."""

    def settled(self, world: World, client: Wire) -> None:
        """After all limits have passed, the connection is at its end, and nothing is left behind."""
        for _ in range(3):
            answer_all(world)
        world.pass_time(70)
        answer_all(world)
        client.read()
        world.pass_time(200)
        for _ in range(MOST_REQUESTS):  # one after the other may wait for its server until that is too late
            if client.closed:
                break
            world.pass_time(70)
        self.assertTrue(client.closed)
        self.assertEqual(world.plane.counters.active, 0)
        for group in world.upstreams.groups():
            self.assertEqual([peer.active for peer in group.peers], [0] * len(group.peers))
        self.assertEqual(self.flushLoggedErrors(), [])

    @settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
    @given(pieces, st.booleans())
    def test_words(self, said: list[bytes], answering: bool) -> None:
        """Requests made of good and bad pieces."""
        world = World(CONFIG)
        client = world.client()
        for piece in said:
            client.say(piece)
            if answering:
                answer_all(world)
        self.settled(world, client)

    @settings(deadline=None, max_examples=100)
    @given(st.lists(st.binary(max_size=400), max_size=4))
    def test_noise(self, said: list[bytes]) -> None:
        """Noise."""
        world = World(CONFIG)
        client = world.client()
        for piece in said:
            client.say(piece)
        self.settled(world, client)

    @settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
    @given(requests, st.integers(0, 60), st.booleans())
    def test_leaving(self, said: bytes, after: int, clean: bool) -> None:
        """A client that leaves at any moment."""
        world = World(CONFIG)
        client = world.client()
        client.say(said[:after])
        client.say(said[after:])
        client.hang_up(clean)
        self.settled(world, client)

    @settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])
    @given(requests)
    def test_pieces_do_not_matter(self, said: bytes) -> None:
        """At once or byte by byte, the answers are the same, and so is what the server is asked."""
        found = []
        for parts in ([said], [said[i : i + 1] for i in range(len(said))]):
            world = World("client_max_body_size 0;" + CONFIG.replace("client_max_body_size 500;", ""))
            client = world.client()
            for part in parts:
                client.say(part)
            for _ in range(30):
                answer_all(world)
            found.append([status for status in _statuses(client.got) if status != 100])
        self.assertEqual(*found)


def _statuses(data: bytes) -> list[int]:
    return [int(part[:3]) for part in data.split(b"HTTP/1.1 ")[1:]]


class LimitTests(SynchronousTestCase):
    """``large_client_header_buffers``: 414 and 431."""

    def test_table(self) -> None:
        """No line longer than one buffer, no head longer than all."""
        long = "x" * 290
        rows: list[tuple[bytes, int]] = [
            (get("/echo/" + "x" * 200), 200),
            (get("/echo/" + "x" * 300), 414),
            (get("/echo", "one", "X: " + "x" * 300), 431),
            (get("/echo", "one", "X: " + long), 200),
            (get("/echo", "one", "X: " + long, "Y: " + long), 431),
            (get("/echo", "one", *[f"X{n}: y" for n in range(100)]), 431),
            (get("/echo/" + "x" * 300).replace(b"\r\n", b"\n"), 414),
            (get("/echo", "one", "X: " + "x" * 300).replace(b"\r\n", b"\n"), 431),
        ]
        for request, status in rows:
            for size in (1, 100, 10_000):
                with self.subTest(request, size=size):
                    client = World(CONFIG).client()
                    for start in range(0, len(request), size):
                        client.say(request[start : start + size])
                    self.assertEqual(head(client.got)[0], status)
                    self.assertEqual(client.write_closed, status != 200)

    def test_unfinished(self) -> None:
        """A head that is too long is refused before it ends."""
        for beginning, status in ((b"GET /" + b"x" * 300, 414), (b"GET / HTTP/1.1\r\nX: " + b"x" * 300, 431)):
            client = World(CONFIG).client()
            client.say(beginning)
            self.assertEqual(head(client.got)[0], status)

    def test_default(self) -> None:
        """8 KiB a line and 32 KiB in all by default."""
        world = World("server { listen 8080; return 200 x; }")
        for request, status in (
            (get("/" + "x" * 8000), 200),
            (get("/" + "x" * 8200), 414),
            (get("/", "one", *["X: " + "x" * 8000] * 3), 200),
            (get("/", "one", *["X: " + "x" * 8000] * 5), 431),
        ):
            self.assertEqual(head(world.ask(request))[0], status)

    def test_logged(self) -> None:
        """The request counts, and the log shows the beginning of its line."""
        world = World(CONFIG)
        client = world.client()
        client.say(get("/echo", method="HEAD"))
        client.say(b"GET /" + b"x" * 3000)
        self.assertEqual(replies(client.got.partition(b"\r\n\r\n")[2])[0][0], 414)
        text = client.protocol.context("late")
        self.assertIn('request: "GET /xxx', text)
        self.assertLess(len(text), 1200)
        self.assertEqual(client.protocol.connection_numbers(), (1, 2))
        self.assertEqual(world.plane.counters.requests, 2)
