"""A Twisted web resource behind a location: what it sees, what the client gets, and what it may do wrong."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any
from unittest import mock

from klein import Klein
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from dyups.config.model import Location
from dyups.proxy.serving import Serving
from dyups.proxy.webresource import Pump, ResourceServing, _address
from tests.proxy.conversation import Wire, World, head

ROOT = "server { listen 8080; location / { dyups_interface; } }"
BELOW = "server { listen 8080; client_max_body_size 10m; location /dyups/ { dyups_interface; } }"


class Called(Resource):
    """Renders by a function; keeps the requests it has seen."""

    isLeaf = True

    def __init__(self, render: Callable[[Any], Any]) -> None:
        super().__init__()
        self._call = render
        self.requests: list[Any] = []
        self.ends: list[Any] = []

    def render(self, request: Any) -> Any:
        self.requests.append(request)
        request.notifyFinish().addBoth(self.ends.append)
        return self._call(request)


class Turns(Clock):
    """A reactor whose turns the test takes one by one: what is called later in a turn waits for the next."""

    def turn(self, number: int = 1) -> None:
        for _ in range(number):
            due = [call for call in self.getDelayedCalls() if call.getTime() <= self.seconds()]
            for call in due:
                self.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)


def world_of(resource: Any, http: str = ROOT, turns: Clock | None = None) -> World:
    """A world in which ``dyups_interface`` is ``resource``."""

    def make(location: Location) -> Serving:
        return ResourceServing(resource, location, turns or Clock())

    return World(http, resources={"dyups_interface": make})


def get(path: bytes = b"/", more: bytes = b"", method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    """A request."""
    return b"%b %b HTTP/%b\r\nHost: a\r\n%b\r\n" % (method, path, version, more)


class SeenTests(SynchronousTestCase):
    """What the resource sees of the request."""

    def see(self, request: bytes, http: str = ROOT) -> Any:
        """The Twisted request for ``request``."""
        resource = Called(lambda seen: NOT_DONE_YET)
        world = world_of(resource, http)
        client = world.client()
        client.say(request)
        (seen,) = resource.requests
        return seen

    def test_request(self) -> None:
        """Method, path, arguments, fields, cookies, version and both addresses."""
        seen = self.see(get(b"/a/b?x=1&x=2&y=", b"X-A: 1\r\nX-A: 2\r\nCookie: k=v; w=z; odd\r\n"))
        self.assertEqual((seen.method, seen.path, seen.clientproto), (b"GET", b"/a/b", b"HTTP/1.1"))
        self.assertEqual(seen.uri, b"/a/b?x=1&x=2&y=")
        self.assertEqual(seen.args, {b"x": [b"1", b"2"], b"y": [b""]})
        self.assertEqual(seen.requestHeaders.getRawHeaders(b"x-a"), [b"1", b"2"])
        self.assertEqual(seen.getCookie(b"w"), b"z")
        self.assertEqual(seen.getClientAddress(), IPv4Address("TCP", "192.0.2.7", 54321))
        self.assertEqual(seen.getHost().port, 8080)
        self.assertFalse(seen.isSecure())

    def test_odd_field_name(self) -> None:
        """A field that Twisted has no place for is left away, whatever ``ignore_invalid_headers`` lets in."""
        http = "server { listen 8080; ignore_invalid_headers off; location / { dyups_interface; } }"
        seen = self.see(get(b"/", b"X(Y): 1\r\nX-Z: 2\r\n"), http)
        self.assertEqual(seen.requestHeaders.getRawHeaders(b"x-z"), [b"2"])

    def test_prefix_of_root(self) -> None:
        """Under ``/`` the whole path is the resource's."""
        self.assertEqual(self.see(get(b"/dyups/list")).postpath, [b"dyups", b"list"])

    def test_prefix_stripped(self) -> None:
        """Under another prefix the path begins below it."""
        self.assertEqual(self.see(get(b"/dyups/upstream/a?b=c"), BELOW).uri, b"/upstream/a?b=c")
        self.assertEqual(self.see(get(b"/dyups/"), BELOW).uri, b"/")

    def test_encoded_names(self) -> None:
        """What is percent-encoded stays so, for the resource to decode once."""
        seen = self.see(get(b"/dyups/upstream/a%2Fb%25%20c"), BELOW)
        self.assertEqual(seen.path, b"/upstream/a%2Fb%25%20c")
        self.assertEqual(seen.postpath, [b"upstream", b"a/b% c"])

    def test_normalised_where_needed(self) -> None:
        """A path that reached the location only once it was normalised is given normalised."""
        self.assertEqual(self.see(get(b"/x/../dyups/list"), BELOW).path, b"/list")
        self.assertEqual(self.see(get(b"/%64yups/a%20b"), BELOW).path, b"/a%20b")
        self.assertEqual(self.see(get(b"//dyups//list"), BELOW).path, b"/list")

    def test_regex_location(self) -> None:
        """A location by regular expression has no prefix to strip."""
        http = "server { listen 8080; location ~ ^/d(.*) { dyups_interface; } }"
        self.assertEqual(self.see(get(b"/dyups/list"), http).path, b"/dyups/list")

    def test_body(self) -> None:
        """The body is there whole when the resource is asked, however it came and was framed."""
        for framing, sent in (
            (b"Content-Length: 5\r\n", b"hello"),
            (b"Transfer-Encoding: chunked\r\n", b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
        ):
            for size in (1, 3, 100):
                resource = Called(lambda seen: seen.content.read().upper())
                client = world_of(resource).client()
                client.say(get(more=framing, method=b"POST"))
                for start in range(0, len(sent), size):
                    self.assertEqual(resource.requests, [])
                    client.say(sent[start : start + size])
                self.assertEqual(head(client.read())[2], b"HELLO")

    def test_form(self) -> None:
        """A form is not taken apart: it is read by the resource as it stands."""
        more = b"Content-Length: 3\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        seen = self.see(get(b"/?q=1", more, b"POST") + b"a=b")
        self.assertEqual((seen.args, seen.content.read()), ({b"q": [b"1"]}, b"a=b"))

    def test_long_body_on_disk(self) -> None:
        """A body of more than 100,000 bytes lies in a file, not in memory."""
        small = self.see(get(more=b"Content-Length: 5\r\n", method=b"POST") + b"hello")
        self.assertIsInstance(small.content, BytesIO)
        body = b"x" * 200_000
        large = self.see(get(b"/dyups/", b"Content-Length: 200000\r\n", b"POST") + body, BELOW)
        self.assertNotIsInstance(large.content, BytesIO)
        self.assertEqual(large.content.read(), body)
        large.finish()

    def test_full_disk(self) -> None:
        """A body that cannot be kept is 500, and the resource is not asked."""
        resource = Called(lambda seen: b"")
        client = world_of(resource).client()
        with mock.patch("twisted.web.http.Request.handleContentChunk", side_effect=OSError(28, "No space")):
            client.say(get(more=b"Content-Length: 5\r\n", method=b"POST") + b"he")
            client.say(b"llo")
        self.assertEqual((head(client.read())[0], resource.requests), (500, []))

    def test_addresses(self) -> None:
        """Addresses are Twisted's, of the kind that they are."""
        self.assertEqual(_address((b"::1", 5)), IPv6Address("TCP", "::1", 5))
        self.assertEqual(_address((b"unix:", 0)), UNIXAddress(None))


class AnswerTests(SynchronousTestCase):
    """What the client gets."""

    def answer(self, render: Callable[[Any], Any], request: bytes | None = None) -> tuple[Wire, bytes]:
        """The client and what it got at once."""
        client = world_of(Called(render)).client()
        client.say(get() if request is None else request)
        return client, client.read()

    def test_fields(self) -> None:
        """The resource's fields and status, with our own Server, Date and Connection, none twice."""

        def render(request: Any) -> bytes:
            request.setResponseCode(201, b"Made")
            request.setHeader(b"X-A", b"b")
            request.addCookie(b"k", b"v")
            return b"done"

        _, answer = self.answer(render)
        status, fields, body = head(answer)
        self.assertEqual((status, body, fields["x-a"], fields["set-cookie"]), (201, b"done", "b", "k=v"))
        self.assertTrue(answer.startswith(b"HTTP/1.1 201 Made\r\nServer: dyups/"))
        self.assertEqual(fields["date"], "Sun, 09 Sep 2001 01:46:40 GMT")
        for name in (b"Server", b"Date", b"Connection", b"Content-Length"):
            self.assertEqual(answer.count(b"\r\n%b: " % name), 1, name)

    def test_reason_is_one_line(self) -> None:
        """A reason cannot begin another line."""
        _, answer = self.answer(lambda r: r.setResponseCode(200, b"a\r\nX: y") or b"")
        self.assertIn(b"200 aX: y\r\n", answer)

    def test_kept(self) -> None:
        """The connection serves the next request."""
        client, first = self.answer(lambda request: b"one")
        client.say(get())
        self.assertEqual((head(first)[2], head(client.read())[2], client.closed), (b"one", b"one", False))

    def test_pipelined(self) -> None:
        """Answers come in the order of the requests, later ones waiting for earlier ones."""
        resource = Called(lambda request: NOT_DONE_YET)
        client = world_of(resource).client()
        client.say(get(b"/1") + get(b"/2"))
        (first,) = resource.requests
        first.write(b"a")
        first.finish()
        resource.requests[1].finish()
        self.assertEqual(client.read().count(b"HTTP/1.1 200 OK"), 2)

    def test_chunked(self) -> None:
        """A body of unknown length is chunked to an HTTP/1.1 client."""

        def render(request: Any) -> Any:
            request.write(b"one")
            request.write(b"two")
            request.finish()
            return NOT_DONE_YET

        client, answer = self.answer(render)
        _, fields, body = head(answer)
        self.assertEqual(fields["transfer-encoding"], "chunked")
        self.assertEqual(body, b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
        self.assertFalse(client.closed)

    def test_ended_by_closing(self) -> None:
        """An HTTP/1.0 client sees the end of such a body by the connection's, even if it wanted to keep it."""
        request = get(more=b"Connection: keep-alive\r\n", version=b"1.0")
        client, answer = self.answer(lambda r: (r.write(b"one"), r.finish(), NOT_DONE_YET)[2], request)
        _, fields, body = head(answer)
        self.assertNotIn("transfer-encoding", fields)
        self.assertEqual((body, fields["connection"], client.closed), (b"one", "close", True))

    def test_head(self) -> None:
        """HEAD gets the same head without a body, and the connection stays."""
        for render in (
            lambda request: b"hello",
            lambda request: (request.write(b"hello"), request.finish(), NOT_DONE_YET)[2],
        ):
            client, answer = self.answer(render, get(method=b"HEAD"))
            status, fields, body = head(answer)
            self.assertEqual((status, body, fields["connection"]), (200, b"", "keep-alive"))
            client.say(get(method=b"HEAD"))
            self.assertEqual(head(client.read())[0], 200)

    def test_no_content(self) -> None:
        """204 and 304 have no body; 204 has no length either."""
        for status in (204, 304):

            def render(request: Any, status: int = status) -> Any:
                request.setResponseCode(status)
                return b"nothing"

            client, answer = self.answer(render)
            got, fields, body = head(answer)
            self.assertEqual((got, body, client.closed), (status, b"", False))
            self.assertEqual("content-length" in fields, status == 304)
            self.assertNotIn("transfer-encoding", fields)

    def test_resource_closes(self) -> None:
        """``Connection: close`` of the resource closes, after the answer."""
        client, answer = self.answer(lambda request: request.setHeader(b"connection", b"Close") or b"bye")
        _, fields, body = head(answer)
        self.assertEqual((fields["connection"], body, client.closed), ("close", b"bye", True))

    def test_not_done_yet(self) -> None:
        """An answer may come later."""
        resource = Called(lambda request: NOT_DONE_YET)
        client = world_of(resource).client()
        client.say(get())
        self.assertEqual(client.read(), b"")
        resource.requests[0].write(b"late")
        resource.requests[0].finish()
        self.assertIn(b"4\r\nlate\r\n0\r\n\r\n", client.read())
        self.assertEqual(resource.ends, [None])

    def test_klein(self) -> None:
        """Klein's resource serves, Deferreds and all."""
        app = Klein()
        later: Deferred[bytes] = Deferred()

        @app.route("/now/<name>")
        def now(request: Any, name: str) -> str:
            return f"hello {name}"

        @app.route("/later")
        def then(request: Any) -> Deferred[bytes]:
            return later

        client = world_of(app.resource(), BELOW).client()
        client.say(get(b"/dyups/now/a%2Fb"))
        self.assertEqual(head(client.read())[0], 404)
        client.say(get(b"/dyups/now/a%20b"))
        self.assertIn(b"hello a b", client.read())
        client.say(get(b"/dyups/later"))
        self.assertEqual(client.read(), b"")
        later.callback(b"at last")
        self.assertIn(b"at last", client.read())


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
