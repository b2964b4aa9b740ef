"""Tests of dyups.script.lua.machine: one LuaJIT, its limits and what is left of its libraries."""

from __future__ import annotations

import builtins
from typing import Any
from unittest.mock import patch

from dyups.script.lua.machine import Limits, Machine, ScriptMistake, Unavailable, luajit
from tests.script.lua.world import LuaCase

LIMITS = "lua_max_execution_time 50ms; lua_max_memory 16m;"
#: Ways to run for ever, whatever is caught.
RUNAWAYS = (
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "local co = coroutine.wrap(function() while true do pcall(function() while true do end end) end end) co()",
    "local function f() pcall(f) return f() end f()",
    "xpcall(function() while true do end end, function() while true do end end) while true do end",
    'string.gsub(string.rep("x", 100), "x", function() while true do end end)',
    "table.sort({3, 2, 1, 4}, function() while true do end end)",
    'while true do ngx.md5("x") end',
)
#: Ways to ask for more and more memory.
HOGS = (
    'local t = {} while true do t[#t + 1] = string.rep("x", 1000) .. #t end',
    'local t = {} while true do pcall(function() while true do t[#t + 1] = string.rep("x", 1000) .. #t end end) end',
    'local s = "x" while true do s = s .. s end',
    'return ("x"):rep(1e9)',
    "local t = {} while true do t = {t, t} end",
    'hoard = {} package.loaded.hoard = hoard while true do hoard[#hoard + 1] = string.rep("x", 1000) .. #hoard end',
    """local t = {} pcall(function() while true do t[#t + 1] = string.rep("x", 100000) .. #t end end)
       for i = 1, 100 do pcall(ngx.encode_base64, t[i]) end t = nil ngx.exit(500)""",
)


class LimitTests(LuaCase):
    """Scripts that run away."""

    def test_runaways(self) -> None:
        """A script that does not end is ended, whatever it catches; the next one runs."""
        for script in RUNAWAYS:
            world = self.world(
                f"{LIMITS} server {{ location / {{ content_by_lua_block {{ {script} }} }} "
                "location /next { content_by_lua_block { ngx.say(1) } } }"
            )
            got = world.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b" 500 ", got, script)
            self.assertIn("lua_max_execution_time", self.log, script)
            self.assertIn(b"\r\n\r\n1\n", world.ask(b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n"), script)

    def test_hogs(self) -> None:
        """A script that asks for ever more memory is ended; the next one has room."""
        for script in HOGS:
            world = self.world(
                "lua_max_memory 16m; lua_max_execution_time 5s; "
                f"server {{ location / {{ content_by_lua_block {{ {script} }} }} "
                "location /next { content_by_lua_block { ngx.say(#string.rep('x', 4000000)) } } }"
            )
            self.assertIn(b" 500 ", world.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), script)
            got = world.ask(b"GET /next HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b"\r\n\r\n4000000\n", got, script)

    def test_waiting_does_not_count(self) -> None:
        """What counts is how long a script runs at a stretch."""
        world = self.world(
            f"""{LIMITS} server {{ location / {{ content_by_lua_block {{
                  for i = 1, 20 do for j = 1, 100000 do end ngx.sleep(0.001) end ngx.say("done") }} }} }}"""
        )
        wire = world.client()
        wire.say(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(20):
            world.clock.advance(0.001)
        self.assertTrue(wire.got.endswith(b"done\n"), wire.got)

    def test_no_limits(self) -> None:
        """With 0 there is no limit, and LuaJIT compiles."""
        self.assertEqual(
            self.said(
                "local n = 0 for i = 1, 1e6 do n = n + i end ngx.print(n)",
                "lua_max_execution_time 0; lua_max_memory 0;",
            ),
            "500000500000",
        )


class SandboxTests(LuaCase):
    """What scripts do not have."""

    def test_gone(self) -> None:
        """Nothing that reaches files, processes, C, bytecode or Python."""
        names = """os.execute os.getenv os.remove os.exit io python ffi dofile loadfile newproxy debug.getinfo
            debug.sethook debug.getregistry package.loadlib package.cpath jit.on jit.off string.dump"""
        for name in names.split():
            first, _, rest = name.partition(".")
            found = f"{first} and {name}" if rest else first
            self.assertEqual(self.said(f"ngx.print(type({found}))"), "nil", name)
        for name in ("ffi", "jit.util", "jit.opt", "io", "string.buffer"):
            self.assertIn("not found", self.said(f'ngx.print(select(2, pcall(require, "{name}")))'), name)

    def test_no_bytecode(self) -> None:
        """load takes text alone."""
        self.assertIn("wrong mode", self.said(r'ngx.print(select(2, loadstring("\27LJ")))'))
        self.assertIn("wrong mode", self.said(r'ngx.print(select(2, load("\27LJ", "x", "b")))'))

    def test_no_python_object(self) -> None:
        """Whatever Python refuses is a text."""
        said = self.said(
            "for _, f in ipairs { ngx.md5, ngx.sleep, ngx.exit } do local ok, e = pcall(f, {}) "
            "ngx.print(type(e)) end"
        )
        self.assertEqual(said, "stringstringstring")

    def test_globals(self) -> None:
        """One request's globals are not the next one's; those of init_by_lua are everybody's."""
        world = self.world(
            """init_by_lua_block { shared = "s" }
               server { location / { content_by_lua_block {
                 ngx.print(shared, own) own = 1
                 loadstring("own2 = 1")() ngx.print(own2, _G.own, rawget(_G, "own2")) } } }"""
        )
        for _ in range(2):
            self.assertTrue(world.ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").endswith(b"\r\n\r\nsnil111"))

    def test_unsafe(self) -> None:
        """lua_unsafe gives all of it."""
        self.assertEqual(
            self.said(
                "ngx.print(type(io.open), type(os.execute), type(require 'ffi'), type(python.builtins))",
                "lua_unsafe on;",
            ),
            "functionfunctiontableuserdata",
        )


class LoadTests(LuaCase):
    """Code, and whether there is a machine for it."""

    def machine(self, **functions: Any) -> Machine:
        """A machine without limits."""
        return Machine({"dict_names": b"", "prefix": b"", **functions}, Limits(), "")

    def test_not_lua(self) -> None:
        """A text that is no Lua, with the line."""
        error = self.assertRaises(ScriptMistake, self.machine().load, b"x =\n= 1", b"=name")
        self.assertIn("name:2:", str(error))

    def test_steps(self) -> None:
        """A thread goes from wait to wait: what it waits for, what came of it, how it ended."""
        machine = self.machine()
        thread = machine.begin(
            machine.load(b'local dy = require "ngx.dyups" return dy.update("a", "b")', b"=x")
        )
        self.assertEqual(machine.step(thread, None, 0, b"timer", ()), (b"update", b"a", b"b"))
        self.assertEqual(machine.step(thread, None, 0, b"timer", (200, b"ok"))[:2], (b"done", 200))

    def test_failing_function(self) -> None:
        """A mistake of ours is an error in the script, and in the log."""
        machine = self.machine(now=lambda: 1 // 0)
        thread = machine.begin(machine.load(b"local now = ngx.now() return now", b"=x"))
        found = machine.step(thread, None, 0, b"timer", ())
        self.assertEqual(found[0], b"error")
        self.assertIn(b"x:1: internal error", found[1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_unavailable(self) -> None:
        """Without lupa the reason says what to install."""
        original = builtins.__import__

        def without(name: str, *args: Any) -> Any:
            if name == "lupa":
                raise ImportError("No module named 'lupa'")
            return original(name, *args)

        with patch.object(builtins, "__import__", without):
            error = self.assertRaises(Unavailable, luajit)
        self.assertIn("pip install dyups[lua]", str(error))
