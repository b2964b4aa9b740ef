"""Tests of dyups.script.lua.output: answers of scripts."""

from __future__ import annotations

from tests.proxy.filters.test_gzipping import body_of
from tests.script.lua.world import LuaCase


class OutputTests(LuaCase):
    """Heads and bodies."""

    def test_values(self) -> None:
        """ngx.print takes texts, numbers, nil, booleans, null and arrays of them."""
        self.assertEqual(
            self.said('ngx.print("a", 1, 1.5, nil, true, ngx.null, {"x", {2}})'), "a11.5niltruenullx2"
        )
        self.run_lua("ngx.print(print)")
        self.assertIn("bad argument to 'print'", self.log)

    def test_fields(self) -> None:
        """What was set can be read; what only the proxy says stays the proxy's."""
        got = self.run_lua(
            """ngx.header.x_a = 1 ngx.header["X-A"] = {"2", "3"} ngx.header["X-B"] = "b\\r\\nX-C: c"
               ngx.header.connection = "evil" ngx.header["Transfer-Encoding"] = "chunked" ngx.header.server = "evil"
               ngx.header["X-Gone"] = 1 ngx.header["X-Gone"] = nil
               ngx.say(ngx.header["x-a"][2], ngx.header["Content-Type"], ngx.header.none,
                 ngx.resp.get_headers()["x-b"])"""
        )
        self.assertIn(b"X-A: 2\r\nX-A: 3\r\nX-B: bX-C: c\r\n", got)
        self.assertTrue(got.endswith(b"\r\n\r\n3text/plainnilbX-C: c\n"), got)
        self.assertNotIn(b"evil", got)
        self.assertNotIn(b"X-Gone", got)
        self.assertNotIn(b"chunked", got)

    def test_head_request(self) -> None:
        """HEAD gets no body, whole or in pieces."""
        for script in ('ngx.say("a")', 'ngx.say("a") ngx.flush() ngx.say("b")'):
            got = self.run_lua(script, request=b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertTrue(got.endswith(b"\r\n\r\n"), got)
            self.assertEqual(got.count(b"\r\n\r\n"), 1)

    def test_old_client(self) -> None:
        """HTTP/1.0 knows no chunks: the end of the connection is the end of the body."""
        world = self.world(
            'server { location / { content_by_lua_block { ngx.say("a") ngx.flush() ngx.say("b") } } }'
        )
        wire = world.client()
        wire.say(b"GET / HTTP/1.0\r\n\r\n")
        self.assertTrue(wire.got.endswith(b"Connection: close\r\n\r\na\nb\n"))
        self.assertTrue(wire.closed)

    def test_length(self) -> None:
        """A length that the script gives is sent instead of chunks."""
        got = self.run_lua('ngx.header.content_length = 4 ngx.say("a") ngx.flush() ngx.say("b")')
        self.assertIn(b"Content-Length: 4\r\n", got)
        self.assertTrue(got.endswith(b"\r\n\r\na\nb\n"))

    def test_compressed(self) -> None:
        """``gzip`` is for scripts too: what they say at once, and what they flush, at once."""
        for script, chunks in (('ngx.say("hello")', 1), ('ngx.say("hello") ngx.flush() ngx.say("world")', 2)):
            world = self.world(
                "server { gzip on; gzip_min_length 0; gzip_types text/plain;"
                f" location / {{ content_by_lua_block {{ {script} }} }} }}"
            )
            wire = world.client()
            wire.say(b"GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
            _, fields, body = body_of(wire.got)
            self.assertEqual(fields["content-encoding"], "gzip")
            self.assertEqual(body, b"hello\nworld\n"[: 6 * chunks])
            wire.say(b"HEAD / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
            self.assertTrue(wire.got.endswith(b"\r\n\r\n"))

    def test_too_late(self) -> None:
        """After the head there is nothing to set any more."""
        got = self.run_lua(
            "ngx.say(1) ngx.flush() ngx.header.x = 1 ngx.status = 404 ngx.print(ngx.headers_sent)"
        )
        self.assertTrue(got.startswith(b"HTTP/1.1 200 OK"))
        self.assertIn(b"true", got)
        self.assertIn("attempt to set ngx.header.HEADER after sending out response headers", self.log)
        self.assertIn("attempt to set ngx.status after sending out response headers", self.log)

    def test_fields_go_with_the_content(self) -> None:
        """What an access script set goes with the error page that it asks for."""
        world = self.world(
            """server { location / { echo in; access_by_lua_block {
                 ngx.header.www_authenticate = "X" ngx.exit(401) } } }"""
        )
        got = world.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(got.startswith(b"HTTP/1.1 401 "))
        self.assertIn(b"www-authenticate: X\r\n", got)
