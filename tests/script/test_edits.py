"""Tests of dyups.script.edits: heads of servers, changed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dyups.http1.response import read_response
from dyups.script.edits import HookedResponse
from dyups.script.hooks import HookedRequest
from tests.script.test_hooks import GET, HookCase

ANSWER = b"HTTP/1.1 200 OK\r\nX-A: 1\r\nX-Gone: 2\r\nContent-Length: 2\r\n\r\nhi"


class ResponseTests(HookCase):
    """What hooks do with answers."""

    def test_changed(self) -> None:
        """Fields come and go; what frames the answer stays."""
        seen: list[object] = []

        def response(request: HookedRequest, response: HookedResponse) -> None:
            seen.extend([request.uri, response.status, response.header("x-a"), response.header("x-none")])
            response.set_header("X-Gone")
            response.set_header("X-New", "1", "2")
            self.assertRaises(ValueError, response.set_header, "Content-Length", "9")
            self.assertRaises(ValueError, response.set_header, "X-A", "1\r\nX-B: 2")

        world = self.hooked(None, response)
        wire = world.client()
        for _ in range(2):
            wire.say(GET)
            world.servers[0].say(ANSWER)
            got = wire.read()
            self.assertIn(b"X-A: 1\r\nX-New: 1\r\nX-New: 2\r\nContent-Length: 2\r\n", got)
            self.assertNotIn(b"X-Gone", got)
            self.assertTrue(got.endswith(b"\r\n\r\nhi"))
        self.assertEqual(seen[:4], ["/p", 200, "1", None])

    def test_with_added_fields(self) -> None:
        """What the location hides and adds comes after."""
        world = self.hooked(
            None,
            lambda request, response: response.set_header("X-Hidden", "1"),
            """upstream u { server 127.0.0.1:1; } server { location / { python_hook h; proxy_pass http://u;
                 add_header X-Added 2; proxy_hide_header X-Hidden; } }""",
        )
        wire = world.client()
        wire.say(GET)
        world.servers[0].say(ANSWER)
        self.assertIn(b"X-Added: 2\r\n", wire.got)
        self.assertNotIn(b"X-Hidden", wire.got)

    def test_failure(self) -> None:
        """A hook that raises: 500 instead of the server's answer, and the next request is served."""
        results = [lambda: 1 // 0, lambda: None]
        world = self.hooked(None, lambda request, response: results.pop(0)())
        wire = world.client()
        wire.say(GET)
        world.servers[0].say(ANSWER)
        self.assertIn(b" 500 ", wire.got)
        self.assertNotIn(b"hi", wire.got.partition(b"\r\n\r\n")[2][-2:])
        again = world.client()
        again.say(GET)
        world.servers[-1].say(ANSWER)
        self.assertTrue(again.got.endswith(b"\r\n\r\nhi"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_lua(self) -> None:
        """header_filter_by_lua reads and writes the server's fields, and cannot wait."""
        world = self.world(
            """upstream u { server 127.0.0.1:1; } server { location / { proxy_pass http://u;
                 header_filter_by_lua_block {
                 ngx.header["X-L"] = ngx.header.x_a .. ngx.status ngx.header.x_gone = nil
                 if ngx.var.arg_wait then ngx.sleep(1) end } } }"""
        )
        wire = world.client()
        wire.say(GET)
        world.servers[0].say(ANSWER)
        self.assertIn(b"X-L: 1200\r\n", wire.got)
        self.assertNotIn(b"X-Gone", wire.got)
        late = world.client()
        late.say(b"GET /?wait=1 HTTP/1.1\r\nHost: x\r\n\r\n")
        world.servers[-1].say(ANSWER)
        self.assertIn(b" 500 ", late.got)
        self.assertIn("API disabled in the context of header_filter_by_lua*", self.log)

    @settings(deadline=None)
    @given(st.lists(st.sampled_from([b"X-A: 1", b"X-B: 2", b"Connection: X-B", b"Keep-Alive: 1", b"X-A: 3"])))
    def test_unchanged(self, lines: list[bytes]) -> None:
        """A head that nothing is changed of says what it said."""
        head = read_response(b"\r\n".join([b"HTTP/1.1 200 OK", *lines]))
        same = HookedResponse(head).onto(head)
        self.assertEqual((same.sent_on, same.status_line), (head.sent_on, head.status_line))
        self.assertEqual((same.keep_alive, same.marked), (head.keep_alive, head.marked))
