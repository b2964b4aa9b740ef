"""Tests of dyups.script.lua.run: from wait to wait."""

from __future__ import annotations

from tests.script.lua.world import LuaCase

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class RunTests(LuaCase):
    """Scripts that wait."""

    def test_own_coroutines(self) -> None:
        """A script's own coroutines may wait within; what they yield is the script's."""
        world = self.world(
            """server { location / { content_by_lua_block {
                 local f = coroutine.wrap(function(a)
                   ngx.sleep(1) local b = coroutine.yield(a + 1) ngx.sleep(1) return b + 1 end)
                 ngx.print(f(1), f(10)) } } }"""
        )
        wire = world.client()
        wire.say(GET)
        world.clock.advance(1)
        self.assertEqual(wire.got, b"")
        world.clock.advance(1)
        self.assertTrue(wire.got.endswith(b"\r\n\r\n211"))

    def test_waiting_in_pcall(self) -> None:
        """A script may wait where it catches errors, and errors after the wait are caught."""
        world = self.world(
            """server { location / { content_by_lua_block {
                 ngx.print(pcall(function() ngx.sleep(1) error("x", 0) end)) } } }"""
        )
        wire = world.client()
        wire.say(GET)
        world.clock.advance(1)
        self.assertTrue(wire.got.endswith(b"\r\n\r\nfalsex"))

    def test_yield_at_the_top(self) -> None:
        """There is nobody to yield to."""
        self.assertIn(b" 500 ", self.run_lua("coroutine.yield(1)"))
        self.assertIn("attempt to yield across the entry thread", self.log)

    def test_through_c(self) -> None:
        """As in lua-nginx-module a function that C calls cannot wait."""
        self.assertIn(b" 500 ", self.run_lua('("x"):gsub("x", function() ngx.sleep(1) end)'))
        self.assertIn("attempt to yield across C-call boundary", self.log)

    def test_verbs(self) -> None:
        """update, patch, delete, list and get of ngx.dyups."""
        script = """local d = require "ngx.dyups"
            ngx.say(d.update("u", "server 127.0.0.1:1;"))
            ngx.say(d.patch("u", "add server 127.0.0.1:2;"))
            ngx.say(d.list(), " ", d.get("u"), d.get("none"))
            ngx.say(d.delete("u"))
            ngx.say(d.delete("u"))
            ngx.say(d.update("u", "nonsense;"))
            ngx.say(pcall(d.update, "u"))"""
        lines = self.said(script).splitlines()
        self.assertEqual(lines[:2], ["200success", "200success"])
        self.assertTrue(lines[2].startswith("u server 127.0.0.1:1"), lines)
        self.assertEqual(lines[-4:-2], ["200success", "404not found upstream"])
        self.assertTrue(lines[-2].startswith("400add server failed: "))
        self.assertIn("bad argument #2 to 'update' (string expected, got no value)", lines[-1])

    def test_cancelled_change(self) -> None:
        """A client that leaves takes its waiting change with it."""
        world = self.world(
            """server { location / { content_by_lua_block {
                 require("ngx.dyups").update("u", "server 127.0.0.1:1;") ngx.log(ngx.ERR, "went on") } } }"""
        )
        held = self.successResultOf(world.lock.acquire())
        wire = world.client()
        wire.say(GET)
        wire.hang_up()
        world.lock.release(*([held] if held is not None else []))
        self.assertIsNone(world.upstreams.find("u"))
        self.assertNotIn("went on", self.log)
