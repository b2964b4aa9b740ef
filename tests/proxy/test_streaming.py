"""Bodies on their way, both ways: framing, pace, bounded memory, and clients that leave at any stage."""

from __future__ import annotations

from typing import Any

from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from dyups.http1.chunked import ChunkedReader
from dyups.proxy.forward.attempt import MOST_GATHERED, MOST_KEPT
from tests.proxy.conversation import Wire, World, head, unrest

HTTP = """
upstream one { server 127.0.0.1:9001; }
proxy_send_timeout 30s;
server {
    listen 8080;
    client_max_body_size 0;
    location / { proxy_pass http://one; }
    location /old { proxy_http_version 1.0; proxy_pass http://one; }
    location /small { client_max_body_size 100; proxy_http_version 1.0; proxy_pass http://one; }
}
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def put(framing: bytes, path: bytes = b"/", more: bytes = b"") -> bytes:
    """The head of a request with a body."""
    return b"PUT %b HTTP/1.1\r\nHost: a\r\n%b\r\n%b\r\n" % (path, framing, more)


CHUNKED = b"Transfer-Encoding: chunked"


def held(client: Wire) -> int:
    """Bytes of bodies that the proxy holds for a client, its buffers included."""
    connection = client.protocol
    forwarding = connection._forwarding
    kept = sum(map(len, forwarding._body)) + len(forwarding._gathered or b"")
    return kept + len(connection._ahead) + len(client.got) + sum(len(wire.got) for wire in _servers(client))


def _servers(client: Wire) -> list[Wire]:
    link = client.protocol._forwarding.link
    return [link.transport] if link is not None else []


class StreamCase(SynchronousTestCase):
    """A client that asks, and its server."""

    def setUp(self) -> None:
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def begin(self, request: bytes, **world: Any) -> World:
        """A world in which ``request`` was said."""
        self.world = World(HTTP, **world)
        self.client = self.world.client(high=self.world.high)
        self.client.say(request)
        return self.world


class RequestTests(StreamCase):
    """Bodies of requests."""

    def test_length(self) -> None:
        """A body of known length passes as it comes; with the head, if it came with it, in one write."""
        world = self.begin(put(b"Content-Length: 11") + b"hello")
        (server,) = world.servers
        self.assertEqual(server.writes, [b"PUT / HTTP/1.1\r\nHost: one\r\nContent-Length: 11\r\n\r\nhello"])
        self.client.say(b" wor")
        self.client.say(b"ld")
        self.assertEqual(server.writes[1:], [b" wor", b"ld"])
        server.say(OK)
        self.assertEqual(head(self.client.read())[2], b"ok")
        self.assertEqual(unrest(world), [])

    def test_chunked(self) -> None:
        """A chunked body is chunked again, whatever its own chunks were; extensions and trailers go no further."""
        sent = b"1;x=y\r\nh\r\n04\r\nello\r\n0\r\nX-Trailer: t\r\n\r\n"
        for size in (1, 3, 7, 1000):
            world = self.begin(put(CHUNKED))
            for start in range(0, len(sent), size):
                self.client.say(sent[start : start + size])
            got = world.servers[0].read()
            self.assertIn(b"\r\nTransfer-Encoding: chunked\r\n\r\n", got)
            reader = ChunkedReader()
            self.assertEqual(reader.feed(got.partition(b"\r\n\r\n")[2]), b"hello")
            self.assertEqual(reader.rest, b"")
            self.assertNotIn(b"X-Trailer", got)
            world.servers[0].say(OK)
            self.assertEqual(head(self.client.read())[2], b"ok")
            self.assertEqual(unrest(world), [])

    def test_empty(self) -> None:
        """A body of no bytes keeps its framing."""
        world = self.begin(put(b"Content-Length: 0"))
        self.assertTrue(world.servers[0].read().endswith(b"Content-Length: 0\r\n\r\n"))
        world = self.begin(put(CHUNKED) + b"0\r\n\r\n")
        self.assertTrue(world.servers[0].read().endswith(b"chunked\r\n\r\n0\r\n\r\n"))

    def test_expect(self) -> None:
        """``Expect: 100-continue`` is ours to answer, and goes no further."""
        world = self.begin(put(b"Content-Length: 2", more=b"Expect: 100-continue\r\n"))
        self.assertEqual(self.client.read(), b"HTTP/1.1 100 Continue\r\n\r\n")
        self.client.say(b"hi")
        self.assertNotIn(b"xpect", world.servers[0].read())

    def test_server_answers_early(self) -> None:
        """A server may answer before it has the whole body: the client gets that, and the rest is nobody's."""
        for framing, rest in ((b"Content-Length: 1000", b"x" * 900), (CHUNKED, b"3\r\none\r\n0\r\n\r\n")):
            world = self.begin(put(framing) + (b"x" * 100 if framing != CHUNKED else b"3\r\none\r\n"))
            (server,) = world.servers
            server.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
            status, fields, body = head(self.client.read())
            self.assertEqual((status, fields["connection"], body), (413, "close", b"big"))
            server.read()
            self.assertTrue(server.closing)
            self.client.say(rest)
            self.assertEqual(server.got, b"")
            self.assertEqual(unrest(world), [])

    def test_long_answer_begins_early(self) -> None:
        """An answer may begin while the body still comes; both go on."""
        world = self.begin(put(b"Content-Length: 6") + b"one")
        (server,) = world.servers
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nfir")
        self.client.say(b"two")
        self.assertTrue(server.read().endswith(b"onetwo"))
        server.say(b"st!")
        self.assertEqual(head(self.client.read())[2], b"first!")
        self.assertEqual(unrest(world), [])

    def test_slow_server(self) -> None:
        """A server that does not read holds the client back; it goes on when the server does."""
        world = self.begin(put(b"Content-Length: 1000000"), high=10_000)
        (server,) = world.servers
        sent = 0
        while sent < 1_000_000:
            while self.client.reading and sent < 1_000_000:
                self.client.say(b"x" * 5000)
                sent += 5000
                self.assertLess(held(self.client), 100_000)
            self.assertGreater(len(server.read()), 0)
        server.read()
        server.say(OK)
        self.assertEqual(head(self.client.read())[2], b"ok")
        self.assertEqual(unrest(world), [])

    def test_slow_server_for_too_long(self) -> None:
        """After ``proxy_send_timeout`` such a server has failed: 504, and its connection is reset."""
        world = self.begin(put(b"Content-Length: 1000000") + b"x" * 20_000, high=10_000)
        world.pass_time(28)
        self.assertEqual(self.client.got, b"")
        world.pass_time(5)
        self.assertEqual(head(self.client.read())[0], 504)
        self.assertIn("while sending request to upstream", self.events[-1]["text"])
        self.assertTrue(world.servers[0].aborted)
        self.assertEqual(world.upstreams.find("one").peers[0].fails, 1)
        self.assertEqual(unrest(world), [])

    def test_slow_server_after_the_whole_body(self) -> None:
        """What counts while the server has not taken the end of the body is still ``proxy_send_timeout``."""
        world = self.begin(put(b"Content-Length: 20000") + b"x" * 20_000, high=10_000)
        world.pass_time(33)
        self.assertEqual(head(self.client.read())[0], 504)
        self.assertIn("while sending request to upstream", self.events[-1]["text"])
        self.assertEqual(unrest(world), [])

    def test_slow_client_is_no_fault_of_the_server(self) -> None:
        """While the client takes its time with the body, ``proxy_read_timeout`` does not run."""
        world = self.begin(put(b"Content-Length: 8"))
        for _ in range(4):
            world.pass_time(50)
            self.client.say(b"xx")
        (server,) = world.servers
        self.assertTrue(server.read().endswith(b"xxxxxxxx"))
        server.say(OK)
        self.assertEqual(head(self.client.read())[2], b"ok")

    def test_while_dialling(self) -> None:
        """Until there is a connection, little of the body is held; then it goes on."""
        world = self.begin(put(b"Content-Length: 1000000"), accept=False)
        sent = 0
        while self.client.reading:
            self.client.say(b"x" * 10_000)
            sent += 10_000
        self.assertLessEqual(sent, MOST_KEPT + 10_000)
        server = world.dialled[0].accept(high=200_000)
        assert server is not None
        self.assertEqual(len(server.got.partition(b"\r\n\r\n")[2]), sent)
        self.assertTrue(self.client.reading)

    def test_blocked_from_the_first_byte(self) -> None:
        """A server that is full as soon as it has what was held: the client stays held back."""
        world = self.begin(put(b"Content-Length: 1000000"), accept=False)
        while self.client.reading:
            self.client.say(b"x" * 10_000)
        server = world.dialled[0].accept(high=1000)
        assert server is not None
        self.assertFalse(self.client.reading)
        server.read()
        self.assertTrue(self.client.reading)

    def test_nothing_kept_afterwards(self) -> None:
        """An idle connection holds nothing of the bodies that went over it."""
        world = self.begin(put(b"Content-Length: 50000") + b"x" * 50_000)
        self.assertGreater(sum(map(len, self.client.protocol._forwarding._body)), 0)
        world.servers[0].read()
        world.servers[0].say(OK)
        self.client.read()
        self.assertEqual(held(self.client), 0)


class OldServerTests(StreamCase):
    """Chunked bodies for servers that speak HTTP/1.0, which knows no chunks."""

    def test_gathered(self) -> None:
        """The body is gathered, and sent with its length."""
        sent = b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
        for size in (1, 5, 1000):
            world = self.begin(put(CHUNKED, b"/old"))
            for start in range(0, len(sent), size):
                self.assertEqual(world.dialled, [])
                self.client.say(sent[start : start + size])
            self.assertEqual(
                world.servers[0].read(),
                b"PUT /old HTTP/1.0\r\nHost: one\r\nConnection: close\r\nContent-Length: 6\r\n\r\nonetwo",
            )
            world.servers[0].say(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
            self.assertEqual(head(self.client.read())[2], b"ok")
            self.assertEqual(unrest(world), [])
            self.assertEqual(held(self.client), 0)

    def test_at_once(self) -> None:
        """A body that came with its head is not waited for."""
        world = self.begin(put(CHUNKED, b"/old") + b"3\r\none\r\n0\r\n\r\n" + GET)
        self.assertIn(b"Content-Length: 3\r\n\r\none", world.servers[0].read())
        world.servers[0].say(b"HTTP/1.0 200 OK\r\n\r\n")
        world.servers[0].hang_up()
        self.assertTrue(world.servers[1].read().startswith(b"GET / "))

    def test_too_much(self) -> None:
        """A body beyond what is gathered is 411: the client has to tell its length."""
        world = self.begin(put(CHUNKED, b"/old"))
        piece = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
        for _ in range(MOST_GATHERED // 0x8000):
            self.client.say(piece)
        self.assertEqual(self.client.got, b"")
        self.client.say(piece)
        status, fields, _ = head(self.client.read())
        self.assertEqual((status, fields["connection"], world.dialled), (411, "close", []))
        self.client.say(piece)
        self.assertEqual(held(self.client), 0)
        self.assertEqual(unrest(world), [])

    def test_max_body_size(self) -> None:
        """``client_max_body_size`` comes first."""
        world = self.begin(put(CHUNKED, b"/small") + b"64\r\n" + b"x" * 100 + b"\r\n")
        self.assertEqual(self.client.got, b"")
        self.client.say(b"1\r\nx\r\n")
        self.assertEqual((head(self.client.read())[0], world.dialled), (413, []))

    def test_client_leaves(self) -> None:
        """A client that leaves meanwhile was never any server's."""
        world = self.begin(put(CHUNKED, b"/old") + b"3\r\none\r\n")
        self.client.hang_up()
        self.assertEqual(world.dialled, [])
        self.assertEqual(held(self.client), 0)
        self.assertEqual(unrest(world), [])

    def test_length_passes(self) -> None:
        """A body of known length is streamed to such servers too."""
        world = self.begin(put(b"Content-Length: 6", b"/old") + b"one")
        self.assertTrue(world.servers[0].read().endswith(b"Content-Length: 6\r\n\r\none"))


class AnswerTests(StreamCase):
    """Bodies of answers."""

    def test_slow_client(self) -> None:
        """A client that does not read holds the server back; what is held is bounded."""
        for framing in (b"Content-Length: 1000000", CHUNKED, b"X-Until: close"):
            world = self.begin(GET, high=10_000)
            (server,) = world.servers
            server.say(b"HTTP/1.1 200 OK\r\n%b\r\n\r\n" % framing)
            piece = b"1388\r\n%b\r\n" % (b"x" * 5000) if framing == CHUNKED else b"x" * 5000
            sent = got = 0
            while sent < 1_000_000:
                while server.reading and sent < 1_000_000:
                    server.say(piece)
                    sent += 5000
                self.assertLess(held(self.client), 20_000)
                got += self.client.read().count(b"x")
            if framing == CHUNKED:
                server.say(b"0\r\n\r\n")
            elif framing[:1] == b"X":
                server.hang_up()
            got += self.client.read().count(b"x")
            self.assertEqual(got, 1_000_000)
            self.assertEqual(unrest(world), [])

    def test_slow_client_is_no_fault_of_the_server(self) -> None:
        """While the client holds the server back, ``proxy_read_timeout`` does not run; ``send_timeout`` does."""
        world = self.begin(GET, high=1000)
        (server,) = world.servers
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 5000)
        self.assertFalse(server.reading)
        world.pass_time(59)
        self.client.read()
        self.assertTrue(server.reading)
        world.pass_time(59)
        self.assertFalse(self.client.closed)
        server.say(b"x" * 5000)
        world.pass_time(65)
        self.assertTrue(self.client.closed)
        self.assertTrue(server.closing)
        self.assertNotIn("upstream timed out", self.events[-1]["text"])
        self.assertEqual(unrest(world), [])

    def test_both_slow(self) -> None:
        """While the server takes nothing and the client takes nothing, the server's time runs."""
        world = self.begin(put(b"Content-Length: 100000") + b"x" * 2000, high=1000)
        (server,) = world.servers
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 2000)
        world.pass_time(33)
        self.assertTrue(self.client.closing)
        self.assertTrue(server.aborted)
        self.assertEqual(unrest(world), [])


class LeavingTests(StreamCase):
    """A client that leaves ends the exchange with the server, whatever stage it is at."""

    def left(self, *, closes: bool = True) -> None:
        """The client leaves; nothing is left under way, and no server is to blame."""
        self.client.hang_up()
        if closes:
            self.assertTrue(all(server.closing or server.closed for server in self.world.servers))
        for group in self.world.upstreams.groups():
            self.assertEqual([peer.fails for peer in group.all_peers()], [0])
        self.assertEqual(unrest(self.world), [])
        self.assertEqual(self.client.protocol.exchange.status or 499, self.client.protocol.exchange.status)

    def test_while_dialling(self) -> None:
        """The dial is stopped; a connection that stands all the same is not wanted."""
        world = self.begin(GET, accept=False)
        self.left()
        self.assertTrue(world.dialled[0].stopped)
        self.assertIsNone(world.dialled[0].accept())
        world.dialled[0].refuse()
        self.assertEqual(unrest(world), [])

    def test_before_the_head(self) -> None:
        """Before the server has answered."""
        self.begin(GET)
        self.left()
        self.assertEqual(self.client.protocol.exchange.status, 499)

    def test_within_the_head(self) -> None:
        """Within the server's head."""
        self.begin(GET).servers[0].say(b"HTTP/1.1 200 OK\r\nX")
        self.left()

    def test_within_the_answer(self) -> None:
        """Within the body of the answer."""
        self.begin(GET).servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        self.left()

    def test_within_its_own_body(self) -> None:
        """Within the body of its request: the server sees that by the connection's end."""
        self.begin(put(b"Content-Length: 10") + b"half")
        self.left()
        self.assertTrue(self.world.servers[0].read().endswith(b"half"))

    def test_sent_and_gone(self) -> None:
        """A request that is whole still reaches the server: what was written goes out before the end."""
        world = self.begin(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nlog!")
        self.left()
        self.assertFalse(world.servers[0].aborted)
        self.assertTrue(world.servers[0].read().endswith(b"log!"))

    def test_while_held_back(self) -> None:
        """While it is held back itself."""
        self.begin(put(b"Content-Length: 100000") + b"x" * 5000, high=1000)
        self.left()
        self.assertTrue(self.world.servers[0].aborted)

    def test_after_the_answer(self) -> None:
        """After the answer the server's connection is not the client's any more."""
        self.begin(GET).servers[0].say(OK)
        self.left(closes=False)
        self.assertFalse(self.world.servers[0].closing)
