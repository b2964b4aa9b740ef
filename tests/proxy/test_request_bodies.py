"""Bodies of requests: how large they may be, who is asked for them, and what becomes of those nobody wants."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.proxy.conversation import Wire, World, get, replies

CONFIG = """
upstream one { server 127.0.0.1:9001; }
client_max_body_size 100;
server { listen 8080;
    location / { proxy_pass http://one; }
    location /more { client_max_body_size 1000; proxy_pass http://one; }
    location /any { client_max_body_size 0; proxy_pass http://one; }
    location /echo { return 200 "$uri"; }
    location /gone { proxy_pass http://nobody$arg_none; }
}
"""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def post(path: str, *fields: str) -> bytes:
    return get(path, "one", *fields, method="POST")


def statuses(client: Wire) -> list[int]:
    return [status for status, _, _ in replies(client.got)]


class LimitTests(SynchronousTestCase):
    """``client_max_body_size``."""

    def refused(self, *pieces: bytes) -> tuple[World, Wire]:
        world = World(CONFIG)
        client = world.client()
        for piece in pieces:
            client.say(piece)
        self.assertEqual(statuses(client), [413])
        self.assertIn(b"\r\nConnection: close\r\n", client.got)
        self.assertTrue(client.write_closed or client.closed)
        return world, client

    def accepted(self, *pieces: bytes) -> None:
        world = World(CONFIG)
        client = world.client()
        for piece in pieces:
            client.say(piece)
        self.assertEqual(client.got, b"")
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(statuses(client), [200])

    def test_told_length(self) -> None:
        """A length beyond the limit is 413 before a byte of the body, and nobody is dialled."""
        world, _ = self.refused(post("/", "Content-Length: 101"))
        self.assertEqual(world.dialled, [])

    def test_chunks_in_the_first_read(self) -> None:
        """Chunks beyond the limit that come with the head are 413, and nobody is dialled."""
        world, _ = self.refused(
            post("/", "Transfer-Encoding: chunked") + b"65\r\n" + b"x" * 101 + b"\r\n0\r\n\r\n"
        )
        self.assertEqual(world.dialled, [])

    def test_chunks_later(self) -> None:
        """Chunks that pass the limit on the way are 413, and the server is let go."""
        world, _ = self.refused(
            post("/", "Transfer-Encoding: chunked") + b"64\r\n" + b"x" * 100 + b"\r\n", b"1\r\nx\r\n"
        )
        self.assertTrue(world.servers[0].closed)

    def test_nowhere(self) -> None:
        """The limit holds where there is nothing, too."""
        world = World("client_max_body_size 1; server { listen 8080; }")
        client = world.client()
        client.say(post("/", "Content-Length: 2"))
        self.assertEqual(statuses(client), [413])

    def test_at_the_limit(self) -> None:
        """The limit itself is allowed, told or chunked."""
        self.accepted(post("/", "Content-Length: 100") + b"x" * 100)
        self.accepted(post("/", "Transfer-Encoding: chunked"), b"64\r\n" + b"x" * 100 + b"\r\n0\r\n\r\n")

    def test_the_locations(self) -> None:
        """The location's limit counts; 0 is none."""
        self.accepted(post("/more", "Content-Length: 1000") + b"x" * 1000)
        self.refused(post("/more", "Content-Length: 1001"))
        self.accepted(post("/any", "Content-Length: 100000") + b"x" * 100_000)

    def test_answer_on_its_way(self) -> None:
        """Where the answer has begun already, it is cut."""
        world = World(CONFIG)
        client = world.client()
        client.say(post("/", "Transfer-Encoding: chunked") + b"1\r\nx\r\n")
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
        client.say(b"64\r\n" + b"x" * 100 + b"\r\n")
        self.assertTrue(client.got.endswith(b"\r\n\r\n12345"))
        self.assertTrue(client.closed)


class ContinueTests(SynchronousTestCase):
    """``Expect: 100-continue`` (RFC 9110 section 10.1.1)."""

    def say(self, path: str, *fields: str, body: bytes = b"", world: World | None = None) -> Wire:
        self.world = world or World(CONFIG)
        client = self.world.client()
        client.say(post(path, "Expect: 100-Continue", *fields) + body)
        return client

    def test_wanted(self) -> None:
        """Who is asked for says go on, once; then comes the answer, and the connection stays."""
        client = self.say("/", "Content-Length: 4")
        self.assertEqual(client.read(), CONTINUE)
        client.say(b"ab")
        client.say(b"cd" + get("/echo"))
        self.world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(statuses(client), [200, 200])

    def test_chunked(self) -> None:
        """A chunked body is asked for too."""
        client = self.say("/", "Transfer-Encoding: chunked")
        self.assertEqual(client.read(), CONTINUE)

    def test_already_there(self) -> None:
        """Who has begun to send needs no word."""
        self.assertEqual(self.say("/", "Content-Length: 4", body=b"a").got, b"")

    def test_no_body(self) -> None:
        """Where there is nothing to go on with the word is given all the same, as nginx gives it; nothing closes."""
        for fields in ((), ("Content-Length: 0",)):
            client = self.say("/", *fields)
            self.assertEqual(client.read(), CONTINUE)
            self.world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            client.say(get("/echo"))
            self.assertEqual(statuses(client), [200, 200])
            client = self.say("/echo", *fields)
            self.assertEqual((statuses(client), client.closed), ([200], False))

    def test_version_1_0(self) -> None:
        """HTTP/1.0 knows no 100."""
        client = World(CONFIG).client()
        client.say(post("/", "Expect: 100-continue", "Content-Length: 4").replace(b"HTTP/1.1", b"HTTP/1.0"))
        self.assertEqual(client.got, b"")

    def test_other_expectations(self) -> None:
        """Other expectations are nobody's."""
        client = World(CONFIG).client()
        client.say(post("/", "Expect: something", "Content-Length: 4"))
        self.assertEqual(client.got, b"")

    def test_refused(self) -> None:
        """Too large: 413 alone."""
        self.assertEqual(statuses(self.say("/", "Content-Length: 101")), [413])

    def test_answered_without_it(self) -> None:
        """An answer that needs no body comes alone, and closes: the body may come or not."""
        for path, status in (("/echo", 200), ("/gone", 502)):
            client = self.say(path, "Content-Length: 4")
            self.assertEqual(statuses(client), [status])
            self.assertIn(b"\r\nConnection: close\r\n", client.got)
            self.assertTrue(client.write_closed)

    def test_not_sent_on(self) -> None:
        """A server's own 100 goes no further."""
        client = self.say("/", "Content-Length: 4")
        client.read()
        client.say(b"abcd")
        self.world.servers[0].say(CONTINUE + b"HTTP/1.1 204 No Content\r\n\r\n")
        self.assertEqual(statuses(client), [204])


class DroppedTests(SynchronousTestCase):
    """Bodies that nobody wants."""

    def test_connection_stays(self) -> None:
        """A body for ``return``, of either kind and in any pieces, is read over; the next request is served."""
        bodies = [
            (["Content-Length: 10"], b"GET / HTTP"),
            (["Transfer-Encoding: chunked"], b"a\r\nGET / HTTP\r\n0\r\n\r\n"),
        ]
        for fields, body in bodies:
            for size in (1, 3, 100):
                client = World(CONFIG).client()
                data = (post("/echo/1", *fields) + body) * 2 + get("/echo/2")
                for start in range(0, len(data), size):
                    client.say(data[start : start + size])
                found = [text for _, _, text in replies(client.read())]
                self.assertEqual(found, [b"/echo/1", b"/echo/1", b"/echo/2"])
                self.assertFalse(client.closed)

    def test_refused_by_nobody(self) -> None:
        """So it is with a body for an unknown upstream: 502, and the connection stays."""
        client = World(CONFIG).client()
        client.say(post("/gone", "Content-Length: 4"))
        self.assertEqual(statuses(client), [502])
        client.read()
        client.say(b"abcd" + get("/echo"))
        self.assertEqual(statuses(client), [200])

    def test_nothing_is_kept(self) -> None:
        """However long it is, nothing of it stays in memory."""
        world = World("client_max_body_size 0;" + CONFIG.replace("client_max_body_size 100;", ""))
        client = world.client()
        client.say(post("/echo", "Content-Length: 10000000"))
        for _ in range(100):
            client.say(b"x" * 100_000)
            self.assertEqual(client.protocol._ahead, b"")
        client.read()
        client.say(get("/echo"))
        self.assertEqual(statuses(client), [200])

    def test_client_says_close(self) -> None:
        """With ``Connection: close`` the end waits for the client to have sent all, or to have gone."""
        client = World(CONFIG).client()
        client.say(post("/echo", "Content-Length: 10", "Connection: close") + b"12345")
        self.assertEqual(statuses(client), [200])
        self.assertTrue(client.write_closed)
        self.assertFalse(client.closed)

    def test_whole_body_and_close(self) -> None:
        """Where all has come there is nothing to wait for."""
        for pieces in ([b"1234567890"], [b"", b"12345", b"67890"]):
            world = World(CONFIG)
            client = world.client()
            client.say(post("/", "Content-Length: 10", "Connection: close") + pieces[0])
            for piece in pieces[1:]:
                client.say(piece)
            world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            self.assertEqual(statuses(client), [200])
            self.assertTrue(client.closed)


class GoneTests(SynchronousTestCase):
    """A client that leaves."""

    def leave(self, request: bytes, answer: bytes = b"", accept: bool = True) -> tuple[World, Wire]:
        world = World(CONFIG, accept=accept)
        client = world.client()
        client.say(request)
        if answer:
            world.servers[0].say(answer)
        client.hang_up()
        return world, client

    def test_asking(self) -> None:
        """While the server thinks: the server is let go, and the status is 499."""
        world, client = self.leave(get("/"))
        self.assertTrue(world.servers[0].closed)
        self.assertEqual(client.protocol.exchange.status, 499)
        (peer,) = next(world.upstreams.groups()).peers
        self.assertEqual(peer.active, 0)

    def test_dialling(self) -> None:
        """While we dial: the dial is given up."""
        world, client = self.leave(get("/"), accept=False)
        (dialled,) = world.dialled
        self.assertTrue(dialled.stopped)
        self.assertIsNone(dialled.accept())
        self.assertEqual(client.protocol.exchange.status, 499)

    def test_sending(self) -> None:
        """In the midst of its body."""
        world, client = self.leave(post("/", "Content-Length: 10") + b"123")
        self.assertTrue(world.servers[0].closed)
        self.assertEqual(client.protocol.exchange.status, 499)

    def test_receiving(self) -> None:
        """In the midst of the answer: the status is what was sent."""
        world, client = self.leave(get("/"), b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123")
        self.assertTrue(world.servers[0].closed)
        self.assertEqual(client.protocol.exchange.status, 200)

    def test_between(self) -> None:
        """Between requests, or in the midst of a head: nothing happens."""
        for request in (get("/echo"), b"GET / HT", b""):
            world, client = self.leave(request)
            self.assertEqual(world.plane.counters.active, 0)
            self.assertNotEqual(client.protocol.exchange.status, 499)

    def test_nothing_after(self) -> None:
        """Nothing is written to a client that is gone, whatever still happens."""
        world, client = self.leave(get("/"), b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123")
        before = len(client.writes)
        client.protocol.write(b"x")
        client.protocol.timed_out()
        world.pass_time(100)
        self.assertEqual(len(client.writes), before)
        self.assertEqual(client.protocol.deadline, float("inf"))
