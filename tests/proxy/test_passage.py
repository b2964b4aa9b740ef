"""Requests that wait on their way: phases, the body meanwhile, clients that leave."""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy import answers
from dyups.proxy.client import MOST_HELD
from dyups.proxy.exchange import Exchange
from dyups.proxy.passage import Passage
from dyups.proxy.rewrite.steps import AGAIN, DONE, NEXT, WAIT
from tests.proxy.conversation import Wire, World, get, head

CONFIG = """
upstream one { server 127.0.0.1:9001; }
server { listen 8080; location / { proxy_pass http://one; } location /other { return 200 other; } }
"""


class Gate:
    """A phase that says what it is told to, and keeps the passages it saw."""

    def __init__(self, verdict: int, act: Callable[[Exchange, Passage], object] | None = None) -> None:
        self.verdict = verdict
        self.act = act
        self.seen: list[Passage] = []
        self.cancelled = 0

    def run(self, exchange: Exchange, passage: Passage) -> int:
        self.seen.append(passage)
        if self.act is not None:
            self.act(exchange, passage)
        if self.verdict == WAIT:
            passage.cancel = self._cancel
        return self.verdict

    def _cancel(self) -> None:
        self.cancelled += 1


class PassageTests(SynchronousTestCase):
    """:class:`Passage`."""

    def begin(self, *gates: Gate, request: bytes = get("/")) -> Wire:
        """A client that has sent ``request`` to a location behind ``gates``."""
        self.world = World(CONFIG)
        route = self.world.listeners[0].routes.default.level.find(_exchange(b"/"))
        assert route is not None
        route.phases, route.plain = gates, False
        client = self.world.client()
        client.say(request)
        return client

    def answer(self, client: Wire) -> bytes:
        """What the server gets, once it has answered."""
        [server] = self.world.servers
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(head(client.read())[0], 200)
        return server.got

    def test_let_pass(self) -> None:
        """Phases that let a request pass are asked in order."""
        gates = Gate(NEXT), Gate(NEXT)
        self.answer(self.begin(*gates))
        self.assertEqual([len(gate.seen) for gate in gates], [1, 1])

    def test_answered(self) -> None:
        """A phase may answer; those behind it are not asked, nor is the content."""
        gates = Gate(DONE, lambda x, passage: answers.send_page(x.client, 403)), Gate(NEXT)
        client = self.begin(*gates)
        self.assertEqual(head(client.read())[0], 403)
        self.assertEqual((gates[1].seen, self.world.servers), ([], []))
        client.say(get("/other"))
        self.assertEqual(head(client.read())[2], b"other")

    def test_waits(self) -> None:
        """A request that waits goes on where it was, with all of its body."""
        gates = Gate(WAIT), Gate(NEXT)
        client = self.begin(*gates, request=b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab")
        client.say(b"cd")
        self.assertEqual(self.world.servers, [])
        gates[0].seen[0].go_on()
        client.say(b"ef")
        self.assertTrue(self.answer(client).endswith(b"\r\n\r\nabcdef"))
        self.assertEqual(len(gates[1].seen), 1)

    def test_went_on_at_once(self) -> None:
        """A phase whose answer is there at once need not tell that apart."""
        self.answer(self.begin(Gate(WAIT, lambda x, passage: passage.go_on())))

    def test_client_leaves(self) -> None:
        """Nobody waits for a client that left, and a late answer does no harm."""
        gate = Gate(WAIT)
        client = self.begin(gate)
        client.hang_up()
        self.assertEqual(gate.cancelled, 1)
        gate.seen[0].go_on()
        self.assertEqual(self.world.servers, [])

    def test_body_bounded(self) -> None:
        """A client that sends more than is held while its request waits is not read from, until it goes on."""
        gate = Gate(WAIT)
        size = MOST_HELD * 2
        client = self.begin(gate, request=b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        client.say(b"x" * (MOST_HELD + 1))
        self.assertFalse(client.reading)
        gate.seen[0].go_on()
        self.assertTrue(client.reading)

    def test_whole_body(self) -> None:
        """A phase may want all of the body: the client is not held back, and the phase hears when it is there."""
        ends: list[bytes] = []
        gate = Gate(WAIT, lambda x, passage: passage.read_all(lambda: ends.append(passage.body)))
        size = MOST_HELD * 2
        client = self.begin(gate, request=b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        client.say(b"x" * (MOST_HELD + 1))
        self.assertTrue(client.reading)
        self.assertEqual(ends, [])
        client.say(b"x" * (MOST_HELD - 1))
        self.assertEqual(ends, [b"x" * size])

    def test_elsewhere(self) -> None:
        """A phase may send the request to another path."""
        client = self.begin(Gate(AGAIN, lambda x, passage: x.move(b"/other", b"")))
        self.assertEqual(head(client.read())[2], b"other")

    def test_waited_and_refused(self) -> None:
        """Who let a request wait may answer it."""
        gate = Gate(WAIT)
        client = self.begin(gate)
        answers.send_page(gate.seen[0].client, 403)
        self.assertEqual(head(client.read())[0], 403)
        gate.seen[0].go_on()
        client.say(get("/other"))
        self.assertEqual(head(client.read())[2], b"other")


def _exchange(uri: bytes) -> Exchange:
    exchange = Exchange(None)  # type: ignore[arg-type]
    exchange.uri = uri
    return exchange
