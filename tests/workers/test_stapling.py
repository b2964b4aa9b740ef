"""Asking OCSP responders."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionLost, ConnectionRefusedError
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import Agent, ResponseDone, ResponseNeverReceived

from dyups.tls.stapling import NotStapled, Staple
from dyups.workers.stapling import MOST, TIMEOUT, Fetcher
from tests.proxy.conversation import complaints
from tests.tls.authority import issued


class FakeStaple(Staple):
    """One that believes whatever it is told, but ``bad``."""

    def __init__(self) -> None:
        super().__init__("one.crt", issued("a").certificate, issued("b").certificate, "http://ocsp.test:81/x")
        self.heard: list[bytes | None] = []

    def accept(self, answer: bytes, now: float) -> None:
        """An answer."""
        if answer == b"bad":
            raise NotStapled("d2i_OCSP_RESPONSE() failed")
        self.heard.append(answer)

    def failed(self, now: float) -> None:
        """No answer."""
        self.heard.append(None)


class FakeResponse:
    """A response whose body comes as the test says."""

    def __init__(self, code: int = 200) -> None:
        self.code = code
        self.aborted = False

    def deliverBody(self, protocol: Any) -> None:
        """Somebody wants the body."""
        self.body = protocol
        protocol.makeConnection(self)

    def stopProducing(self) -> None:
        """Nobody wants it any more: Twisted's client gives bodies no transport, but a producer."""
        self.aborted = True
        self.body.connectionLost(Failure(ConnectionLost()))

    def say(self, data: bytes, end: Exception | None = None) -> None:
        """All of the body, and its end."""
        self.body.dataReceived(data)
        self.body.connectionLost(Failure(end or ResponseDone()))


class FetcherTests(SynchronousTestCase):
    """One request."""

    def setUp(self) -> None:
        self.lines = complaints(self)
        self.clock = Clock()
        self.staple = FakeStaple()
        self.asked: list[tuple[bytes, bytes]] = []
        self.answer: Deferred[Any] = Deferred()
        Fetcher(self.clock, self)(self.staple)

    def request(self, method: bytes, uri: bytes) -> Deferred[Any]:
        """As an agent does it."""
        self.asked.append((method, uri))
        return self.answer

    def test_answer(self) -> None:
        """What came is the staple's."""
        self.assertEqual(self.asked, [(b"GET", self.staple.request.encode())])
        response = FakeResponse()
        self.answer.callback(response)
        response.say(b"good")
        self.assertEqual(self.staple.heard, [b"good"])
        self.assertEqual(self.lines, [])
        self.clock.advance(TIMEOUT * 2)
        self.assertEqual(self.staple.heard, [b"good"])

    def failed(self, reason: str) -> None:
        """The staple knows, and so does the error log."""
        self.assertEqual(self.staple.heard, [None])
        ((level, text),) = self.lines
        self.assertEqual(level, "error")
        self.assertIn(f"{reason} while requesting certificate status, responder: ocsp.test:81,", text)
        self.assertIn('certificate: "one.crt"', text)

    def test_bad(self) -> None:
        """What cannot be stapled."""
        response = FakeResponse()
        self.answer.callback(response)
        response.say(b"bad")
        self.failed("d2i_OCSP_RESPONSE() failed")

    def test_status(self) -> None:
        """Another status than 200."""
        self.answer.callback(FakeResponse(404))
        self.failed("OCSP responder sent invalid response: status 404")

    def test_refused(self) -> None:
        """Nobody there."""
        self.answer.errback(ConnectionRefusedError())
        self.failed("Connection was refused by other side.")

    def test_no_url(self) -> None:
        """An agent that refuses a responder's URL at once: the handshake that asks goes on."""
        for url in ("http://ocsp.test:81/a b", "http://ocsp.test:81/é"):
            self.staple.url = url
            self.staple.heard.clear()
            self.lines.clear()
            Fetcher(self.clock, Agent(self.clock))(self.staple)
            self.failed("'")
        self.staple.url = "http://[::1/"
        Fetcher(self.clock, Agent(self.clock))(self.staple)
        self.assertIn("responder: [::1,", self.lines[-1][1])

    def test_late(self) -> None:
        """No answer in time."""
        self.clock.advance(TIMEOUT)
        self.failed("OCSP responder timed out")

    def test_agents_words(self) -> None:
        """What an agent says when nothing came, or was not waited for any longer, is said as anything else is."""
        for reason, words in (
            (CancelledError(), "OCSP responder timed out"),
            (ConnectionLost(), "Connection to the other side was lost in a non-clean fashion."),
        ):
            self.setUp()
            self.answer.errback(ResponseNeverReceived([Failure(reason)]))
            self.failed(words)

    def test_late_body(self) -> None:
        """A body that does not end in time is not waited for."""
        response = FakeResponse()
        self.answer.callback(response)
        self.clock.advance(TIMEOUT)
        self.assertTrue(response.aborted)
        self.failed("OCSP responder timed out")

    def test_long(self) -> None:
        """A body that is too long."""
        response = FakeResponse()
        self.answer.callback(response)
        response.body.dataReceived(b"x" * (MOST + 1))
        self.assertTrue(response.aborted)
        self.failed("OCSP responder sent too long or incomplete response")

    def test_cut(self) -> None:
        """A body that breaks off."""
        response = FakeResponse()
        self.answer.callback(response)
        response.say(b"go", ConnectionLost())
        self.failed("OCSP responder sent too long or incomplete response")

    def test_agent(self) -> None:
        """Where nothing is said it is Twisted's own client, made when it is needed."""
        asked: list[bytes] = []
        self.patch(Agent, "request", lambda agent, method, uri: asked.append(uri) or Deferred())
        fetcher = Fetcher(self.clock)
        fetcher(self.staple)
        fetcher(self.staple)
        self.assertEqual(len(asked), 2)
