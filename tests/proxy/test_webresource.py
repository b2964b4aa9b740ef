"""A Twisted web resource behind a location: what it sees, what the client gets, and what it may do wrong."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any
from unittest import mock

from klein import Klein
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from dyups.config.model import Location
from dyups.proxy.serving import Serving
from dyups.proxy.webresource import ResourceServing, _address
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

    # Closed to the outside by default; here it is the resource that matters.
    return World("allow all; " + http, resources={"dyups_interface": make})


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

    def test_one_write(self) -> None:
        """Head and body go out together; a head that is alone does not wait for a body."""
        client, _ = self.answer(lambda request: b"body")
        self.assertEqual(len(client.writes), 1)
        client, answer = self.answer(lambda request: (request.write(b""), NOT_DONE_YET)[1])
        self.assertEqual((client.writes, head(answer)[0]), ([answer], 200))

    def test_added(self) -> None:
        """What the location adds goes with the resource's answers, too."""
        added = ROOT.replace("dyups_interface;", 'dyups_interface; add_header X-Added "$status";')
        for status, expected in ((200, "200"), (404, None)):
            client = world_of(Called(lambda r, s=status: r.setResponseCode(s) or b"done"), added).client()
            client.say(get())
            found = head(client.read())
            self.assertEqual((found[1].get("x-added"), found[2]), (expected, b"done"))

    def test_reasons(self) -> None:
        """Statuses have nginx's words, unless the resource has said others."""
        for status, said, seen in ((405, (), b"Not Allowed"), (405, (b"No",), b"No"), (409, (), b"Conflict")):
            _, answer = self.answer(lambda r, s=(status, *said): r.setResponseCode(*s) or b"")
            self.assertTrue(answer.startswith(b"HTTP/1.1 %d %b\r\n" % (status, seen)), answer)

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
