"""Web resources behind locations that fail, leave, or produce their answer in pieces."""

from __future__ import annotations

from typing import Any
from unittest import mock

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from dyups.proxy.webresource import Pump
from tests.proxy.conversation import Wire, head
from tests.proxy.test_webresource import Called, Turns, get, world_of


class FailureTests(SynchronousTestCase):
    """What a resource may do wrong, and clients that leave."""

    def setUp(self) -> None:
        self.events: list[Any] = []
        globalLogPublisher.addObserver(self.events.append)
        self.addCleanup(globalLogPublisher.removeObserver, self.events.append)

    def said(self) -> list[str]:
        """Our own lines for the error log."""
        return [event["text"] for event in self.events if event.get("nginx_level")]

    def test_raises(self) -> None:
        """An exception is our page of 500 and a traceback in the log; the connection goes on."""

        def render(request: Any) -> bytes:
            request.setHeader(b"Content-Length", b"1000")
            raise ValueError("boom")

        resource = Called(render)
        client = world_of(resource).client()
        for _ in range(2):
            client.say(get())
            status, fields, body = head(client.read())
            self.assertEqual((status, fields["content-type"]), (500, "text/html"))
            self.assertIn(b"<h1>500 Internal Server Error</h1>", body)
            self.assertEqual(int(fields["content-length"]), len(body))
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)
        self.assertTrue(
            self.said()[0].startswith('*1 resource failed, client: 192.0.2.7, server: , request: "GET /')
        )
        self.assertEqual(resource.ends, [None, None])

    def test_raises_after_its_head(self) -> None:
        """Once the answer has begun, the client must see that it is not whole."""

        def render(request: Any) -> bytes:
            request.write(b"half")
            raise ValueError("boom")

        client = world_of(Called(render)).client()
        client.say(get())
        answer = client.read()
        self.assertIn(b"4\r\nhalf\r\n", answer)
        self.assertNotIn(b"0\r\n\r\n", answer)
        self.assertTrue(client.closed)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_deferred_fails(self) -> None:
        """A Deferred that fails in Klein's hands is 500 as well."""
        app = Klein()
        later: Deferred[bytes] = Deferred()

        @app.route("/")
        def then(request: Any) -> Deferred[bytes]:
            return later

        client = world_of(app.resource()).client()
        client.say(get())
        later.errback(ValueError("boom"))
        self.assertEqual(head(client.read())[0], 500)
        self.assertNotEqual(self.flushLoggedErrors(ValueError), [])

    def test_body_too_short(self) -> None:
        """Fewer bytes than ``Content-Length`` said: the connection is cut, not left hanging."""
        client = world_of(Called(lambda r: self.body_of(r, b"10", b"short"))).client()
        client.say(get() + get())
        answer = client.read()
        self.assertEqual((answer.count(b"HTTP/1.1"), client.closed), (1, True))
        self.assertIn("not its Content-Length long", self.said()[0])

    def test_body_too_long(self) -> None:
        """More bytes than ``Content-Length`` said: they are not taken for another answer."""
        client = world_of(Called(lambda r: self.body_of(r, b"4", b"HTTP/1.1 200 OK\r\n\r\n"))).client()
        client.say(get())
        self.assertTrue(client.read().endswith(b"\r\n\r\nHTTP"))
        self.assertTrue(client.closed)

    def body_of(self, request: Any, length: bytes, body: bytes) -> Any:
        request.setHeader(b"Content-Length", length)
        request.write(body)
        request.finish()
        return NOT_DONE_YET

    def test_client_gone(self) -> None:
        """The resource hears of a client that left by ``notifyFinish``; what it writes then is dropped."""
        resource = Called(lambda request: NOT_DONE_YET)
        world = world_of(resource)
        client = world.client()
        client.say(get())
        client.hang_up()
        (end,) = resource.ends
        self.assertIsNotNone(end.value)
        resource.requests[0].write(b"nobody")
        self.assertRaises(RuntimeError, resource.requests[0].finish)
        self.assertEqual(client.writes, [])

    def test_client_gone_before_its_body(self) -> None:
        """A body that is cut short never reaches the resource."""
        resource = Called(lambda request: b"")
        client = world_of(resource).client()
        client.say(get(more=b"Content-Length: 5\r\n", method=b"POST") + b"he")
        client.hang_up()
        self.assertEqual(resource.requests, [])

    def test_resource_drops_client(self) -> None:
        """``loseConnection`` closes and tells the resource so."""
        resource = Called(lambda request: NOT_DONE_YET)
        client = world_of(resource).client()
        client.say(get())
        resource.requests[0].write(b"x")
        resource.requests[0].loseConnection()
        client.read()
        self.assertTrue(client.closed)
        self.assertEqual(len(resource.ends), 1)


@implementer(IPushProducer, IPullProducer)
class Pieces:
    """A producer of either kind, of ``count`` pieces of 1,000 bytes (pull) or as many as it is told (push)."""

    def __init__(self, request: Any, count: int) -> None:
        self.request = request
        self.left = count
        self.heard: list[str] = []

    def resumeProducing(self) -> None:
        self.heard.append("resume")
        if not self.left:
            self.request.unregisterProducer()
            self.request.finish()
            return
        self.left -= 1
        self.request.write(b"x" * 1000)

    def pauseProducing(self) -> None:
        self.heard.append("pause")

    def stopProducing(self) -> None:
        self.heard.append("stop")


class ProducerTests(SynchronousTestCase):
    """Resources that produce their body at the client's pace."""

    def begin(self, streaming: bool, count: int, high: int = 65536) -> tuple[Turns, Wire, Pieces]:
        """A client that has asked for a body in pieces."""
        made: list[Pieces] = []

        def render(request: Any) -> Any:
            request.setHeader(b"Content-Length", b"%d" % (count * 1000))
            made.append(Pieces(request, count))
            request.registerProducer(made[0], streaming)
            return NOT_DONE_YET

        turns = Turns()
        client = world_of(Called(render), turns=turns).client(high=high)
        client.say(get())
        return turns, client, made[0]

    def test_pull(self) -> None:
        """A pull producer is asked once in each turn of the reactor, until it has given all."""
        turns, client, pieces = self.begin(False, 3)
        self.assertEqual(pieces.heard, [])
        turns.turn(2)
        self.assertEqual(pieces.left, 1)
        turns.turn(5)
        self.assertEqual(len(head(client.read())[2]), 3000)
        self.assertEqual(pieces.heard, ["resume"] * 4)
        self.assertFalse(client.closed)

    def test_pull_waits_for_the_client(self) -> None:
        """A client that reads nothing is not sent for ever: what is held is bounded."""
        turns, client, pieces = self.begin(False, 300, high=5000)
        got = b""
        while pieces.left:
            turns.turn(20)
            self.assertLess(len(client.got), 7000)
            got += client.read()
        turns.turn(2)
        got += client.read()
        self.assertEqual(len(head(got)[2]), 300_000)

    def test_pull_client_gone(self) -> None:
        """A pull producer stops when the client leaves."""
        turns, client, pieces = self.begin(False, 1000)
        turns.turn(2)
        client.hang_up()
        turns.turn(5)
        self.assertEqual(pieces.heard, ["resume", "resume", "stop"])
        self.assertEqual(turns.getDelayedCalls(), [])

    def test_pull_raises(self) -> None:
        """A producer that raises ends the answer, which had begun."""
        turns, client, pieces = self.begin(False, 3)
        turns.turn(1)
        pieces.request = None
        turns.turn(3)
        client.read()
        self.assertTrue(client.closed)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)
        self.assertEqual(turns.getDelayedCalls(), [])

    def test_push(self) -> None:
        """A push producer is paused and resumed as the client takes the answer."""
        _, client, pieces = self.begin(True, 10, high=1000)
        pieces.request.write(b"x" * 2000)
        self.assertEqual(pieces.heard, ["pause"])
        with mock.patch.object(pieces, "resumeProducing") as resumed:
            client.read()
        resumed.assert_called_once_with()

    def test_push_client_gone(self) -> None:
        """A push producer is told to stop."""
        _, client, pieces = self.begin(True, 10)
        client.hang_up()
        self.assertEqual(pieces.heard, ["stop"])

    def test_stop_raises(self) -> None:
        """A producer that cannot be stopped does no more harm than a line in the log."""
        _, client, pieces = self.begin(True, 10)
        with mock.patch.object(pieces, "stopProducing", side_effect=ValueError("boom")):
            client.hang_up()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_registered_while_blocked(self) -> None:
        """A producer that begins when the client takes nothing begins paused."""
        made: list[Pieces] = []

        def render(request: Any) -> Any:
            request.write(b"x" * 5000)
            made.append(Pieces(request, 3))
            request.registerProducer(made[0], True)
            return NOT_DONE_YET

        client = world_of(Called(render)).client(high=1000)
        client.say(get())
        self.assertEqual(made[0].heard, ["pause"])

    def test_pump(self) -> None:
        """Pausing and resuming a pump in the same turn asks once; paused, it asks nothing."""
        turns = Turns()
        asked: list[str] = []

        class Producer:
            def resumeProducing(self) -> None:
                asked.append("resume")

            def stopProducing(self) -> None:
                asked.append("stop")

        pump = Pump(Producer(), turns.callLater, self.fail)
        for _ in range(3):
            pump.resumeProducing()
        turns.turn()
        self.assertEqual(asked, ["resume"])
        pump.pauseProducing()
        turns.turn()
        self.assertEqual(asked, ["resume"])
        pump.resumeProducing()
        pump.stopProducing()
        turns.turn()
        self.assertEqual(asked, ["resume", "stop"])
