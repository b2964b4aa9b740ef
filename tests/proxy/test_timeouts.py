"""Time limits of a client's connection, by a clock that only the test moves.

``period`` is one second: a limit ends at its time or up to two seconds later, and never before.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import Wire, World, get, head, replies

CONFIG = """
upstream one { server 127.0.0.1:9001; }
client_header_timeout 10s; client_body_timeout 20s; keepalive_timeout 30s; send_timeout 40s;
lingering_timeout 5s; lingering_time 12s; proxy_read_timeout 1000s; proxy_send_timeout 1000s;
server { listen 8080; client_max_body_size 1000;
    location / { proxy_pass http://one; }
    location /echo { return 200 "$uri"; }
    location /big { client_max_body_size 0; proxy_pass http://one; }
    location /short { client_body_timeout 5s; proxy_pass http://one; }
    location /none { lingering_close off; client_max_body_size 1; return 200; }
    location /always { lingering_close always; return 200; }
}
"""
POST = get("/", "one", "Content-Length: 10", method="POST")


class ClockCase(SynchronousTestCase):
    """What the tests below share."""

    def setUp(self) -> None:
        self.world = World(CONFIG)
        self.client = self.world.client()

    def assert_ends_after(self, seconds: float, client: Wire | None = None) -> None:
        """Nothing before ``seconds`` from now, the end within two periods after."""
        client = client or self.client
        self.world.pass_time(seconds)
        self.assertFalse(client.closed or client.write_closed)
        self.world.pass_time(2)
        self.assertTrue(client.closed or client.write_closed)


class HeadTests(ClockCase):
    """``client_header_timeout`` and ``keepalive_timeout``."""

    def test_silent(self) -> None:
        """Who connects and says nothing is left, without a word."""
        self.assert_ends_after(10)
        self.assertEqual(self.client.got, b"")

    def test_slow_head(self) -> None:
        """A head must be whole in time, however steadily it drips: 408."""
        self.client.say(b"GET / HTTP/1.1\r\n")
        for _ in range(9):
            self.world.pass_time(1)
            self.client.say(b"X: y\r\n")
            self.assertEqual(self.client.got, b"")
        self.world.pass_time(3)
        self.assertEqual([status for status, _, _ in replies(self.client.got)], [408])
        self.assertEqual(self.world.dialled, [])

    def test_empty_lines_gain_nothing(self) -> None:
        """Empty lines do not keep a connection."""
        for _ in range(12):
            self.client.say(b"\r\n")
            self.world.pass_time(1)
        self.assertTrue(self.client.closed)

    def test_idle(self) -> None:
        """An idle connection closes after ``keepalive_timeout`` from the last answer."""
        self.client.say(get("/echo"))
        self.world.pass_time(25)
        self.client.say(get("/echo"))
        self.client.read()
        self.assert_ends_after(30)
        self.assertEqual(self.client.got, b"")

    def test_slow_second_head(self) -> None:
        """The next head has its own time from its first byte on, and 408 tells of itself, not of the last request."""
        self.client.say(get("/echo", method="HEAD"))
        self.client.read()
        self.world.pass_time(25)
        self.client.say(b"G")
        self.world.pass_time(10)
        self.assertEqual(self.client.got, b"")
        self.world.pass_time(2)
        self.assertIn(b"<h1>408 Request Time-out</h1>", self.client.got)

    def test_no_limit_while_served(self) -> None:
        """A server may take its time: it has limits of its own."""
        self.client.say(get("/"))
        self.world.pass_time(500)
        self.assertFalse(self.client.closed)
        self.world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(head(self.client.read())[0], 200)


class BodyTests(ClockCase):
    """``client_body_timeout``."""

    def test_stalled(self) -> None:
        """A body that stops coming is 408, and the server is let go."""
        self.client.say(POST + b"12345")
        self.world.pass_time(20)
        self.assertEqual(self.client.got, b"")
        self.world.pass_time(2)
        self.assertEqual([status for status, _, _ in replies(self.client.got)], [408])
        self.assertTrue(self.world.servers[0].closed)

    def test_slow(self) -> None:
        """The limit is between two pieces, not for the whole."""
        self.client.say(POST)
        for byte in b"123456789":
            self.world.pass_time(15)
            self.client.say(bytes([byte]))
        self.assertEqual((self.client.got, self.client.closed), (b"", False))

    def test_the_locations(self) -> None:
        """The limit is that of the location from the first moment on."""
        self.client.say(POST.replace(b" / ", b" /short "))
        self.world.pass_time(7)
        self.assertEqual([status for status, _, _ in replies(self.client.got)], [408])

    def test_slow_server(self) -> None:
        """While it is the server that takes no more, the client is not to blame, and its time begins anew after."""
        self.world.high = 100
        self.client.say(get("/big", "one", "Content-Length: 1000", method="POST") + b"x" * 200)
        (server,) = self.world.servers
        self.assertFalse(self.client.reading)
        self.world.pass_time(100)
        self.assertEqual((self.client.got, self.client.closed), (b"", False))
        server.read()
        self.assertTrue(self.client.reading)
        self.world.pass_time(20)
        self.assertEqual(self.client.got, b"")
        self.world.pass_time(2)
        self.assertEqual([status for status, _, _ in replies(self.client.got)], [408])

    def test_not_wanted(self) -> None:
        """A body that is only read over ends the connection when it stalls, and its answer stands alone."""
        self.client.say(POST.replace(b" / ", b" /echo "))
        self.assertEqual(len(replies(self.client.read())), 1)
        self.assert_ends_after(20)
        self.assertEqual(self.client.got, b"")
        self.assertFalse(self.client.aborted)

    def test_answer_under_way(self) -> None:
        """A stalled body while the answer is already coming: it cannot be completed, and looks it."""
        self.client.say(POST)
        self.world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        self.world.pass_time(22)
        self.assertTrue(self.client.aborted)
        self.assertTrue(self.world.servers[0].closed)


class SendTests(ClockCase):
    """``send_timeout``."""

    def setUp(self) -> None:
        super().setUp()
        self.client = self.world.client(high=1000)
        self.client.say(get("/"))
        (self.server,) = self.world.servers
        self.server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n" + b"x" * 2000)

    def test_reads_nothing(self) -> None:
        """A client that takes nothing at all is cut off after ``send_timeout``, and the server with it."""
        self.assertFalse(self.server.reading)
        self.assert_ends_after(40)
        self.assertTrue(self.client.aborted and self.server.closed)

    def test_reads_slowly(self) -> None:
        """A client that takes something between two looks goes on, however slow it is."""
        for _ in range(5):
            self.world.pass_time(35)
            self.client.got = self.client.got[100:]  # not enough for the transport to resume
            self.assertFalse(self.client.closed)
        self.world.pass_time(82)
        self.assertTrue(self.client.aborted)

    def test_reads_again(self) -> None:
        """A client that has caught up has all the time the server takes."""
        self.client.read()
        self.world.pass_time(200)
        self.assertFalse(self.client.closed)
        self.server.say(b"x" * 8000)
        self.client.read()
        self.assertEqual(self.client.protocol.state, 0)

    def test_last_bytes(self) -> None:
        """The last bytes of the last answer go out as long as the client takes some, and no longer."""
        client = self.world.client()
        client.high = 0.5  # nothing leaves by itself
        client.say(get("/echo", "one", "Connection: close"))
        size = len(client.got)
        self.assertTrue(client.closing)
        for _ in range(3):
            self.world.pass_time(38)
            client.got = client.got[10:]
            self.assertFalse(client.closed)
        self.assertGreater(size, 30)
        self.world.pass_time(83)
        self.assertTrue(client.aborted)


class LingerTests(ClockCase):
    """``lingering_close``: an answer is not lost to a reset."""

    def refuse(self, path: str = "/", high: int = 65536) -> Wire:
        client = self.world.client(high=high)
        client.in_socket = 65536
        client.say(get(path, "one", "Content-Length: 100000", method="POST"))
        self.answer = client.read()
        client.say(b"x" * 1000)
        return client

    def test_answer_survives(self) -> None:
        """413 is sent, our side is closed, and what comes is dropped until the client closes."""
        client = self.refuse()
        self.assertEqual([status for status, _, _ in replies(self.answer)], [413])
        self.assertTrue(client.write_closed)
        self.assertFalse(client.closed or client.closing)
        for _ in range(4):
            self.world.pass_time(2)
            client.say(b"x" * 10_000)
        self.assertTrue(client.reading)
        client.hang_up()
        self.assertEqual(self.world.plane.counters.active, 1)

    def test_silence(self) -> None:
        """Without anything coming it ends after ``lingering_timeout``, gracefully."""
        client = self.refuse()
        self.world.pass_time(5)
        self.assertFalse(client.closed)
        self.world.pass_time(2)
        self.assertTrue(client.closed)
        self.assertFalse(client.aborted)

    def test_endless(self) -> None:
        """However much comes, it ends after ``lingering_time``."""
        client = self.refuse()
        for _ in range(12):
            self.assertFalse(client.closed)
            client.say(b"x")
            self.world.pass_time(1)
        self.world.pass_time(2)
        self.assertTrue(client.closed)

    def test_off(self) -> None:
        """``lingering_close off`` closes at once."""
        client = self.refuse("/none")
        self.assertEqual([status for status, _, _ in replies(self.answer)], [413])
        self.assertTrue(client.closed)

    def test_always(self) -> None:
        """``lingering_close always`` waits even where nothing is known to come."""
        self.client.in_socket = 65536
        self.client.say(get("/always", "one", "Connection: close"))
        self.assertTrue(self.client.write_closed)
        self.assertFalse(self.client.closed)
        self.assert_gone_after(5)

    def assert_gone_after(self, seconds: float) -> None:
        self.world.pass_time(seconds)
        self.assertFalse(self.client.closed)
        self.world.pass_time(2)
        self.assertTrue(self.client.closed)

    def test_answer_goes_out_first(self) -> None:
        """The time begins when the whole answer is out, not when it was written."""
        client = self.world.client(high=10**9)
        client.say(get("/", "one", "Connection: close"))
        client.say(b"something more")
        body = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000
        self.world.servers[0].say(body)
        self.assertTrue(client.write_closed)
        for _ in range(4):
            self.world.pass_time(30)
            client.got = client.got[1000:]
            self.assertFalse(client.closed)
        client.read()
        self.world.pass_time(60)
        self.assertTrue(client.closed)
        self.assertFalse(client.aborted)
