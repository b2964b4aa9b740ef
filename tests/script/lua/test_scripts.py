"""Tests of dyups.script.lua.scripts: the scripts of a worker."""

from __future__ import annotations

from pathlib import Path

from tests.script.lua.world import LuaCase

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class StartTests(LuaCase):
    """What runs when a worker starts."""

    def test_init(self) -> None:
        """init_by_lua, then init_worker_by_lua."""
        world = self.world(
            """init_by_lua_block { n = 1 } init_worker_by_lua_block { ngx.shared.d:set("n", n + 1) }
               lua_shared_dict d 8k; server { location / { content_by_lua_block {
                 ngx.print((ngx.shared.d:get("n"))) } } }"""
        )
        self.assertTrue(world.ask(GET).endswith(b"\r\n\r\n2"))

    def test_wrong_init(self) -> None:
        """What it gets wrong is logged; the worker serves."""
        world = self.world("init_by_lua_block { error('x') } server { location / { echo a; } }")
        self.assertIn("init_by_lua error: init_by_lua(:3):1: x", self.log)
        self.assertIn(b"a\n", world.ask(GET))

    def test_worker(self) -> None:
        """Which worker it is."""
        self.assertEqual(
            self.said("ngx.print(ngx.worker.id(), ngx.worker.count(), ngx.worker.exiting())"), "14false"
        )


class TimerTests(LuaCase):
    """``ngx.timer``."""

    def test_at(self) -> None:
        """Runs later, with its arguments, and may wait."""
        world = self.world(
            """init_worker_by_lua_block { ngx.timer.at(1, function(premature, a, b)
                 ngx.sleep(1) ngx.log(ngx.ERR, tostring(premature), a, b, ngx.get_phase()) end, "x", nil) }"""
        )
        world.clock.advance(1)
        self.assertNotIn("[lua]", self.log)
        world.clock.advance(1)
        self.assertIn("falsexniltimer", self.log)

    def test_every(self) -> None:
        """Again and again, until the worker stops; an error is logged."""
        world = self.world("init_worker_by_lua_block { ngx.timer.every(1, function() error('tick') end) }")
        world.clock.pump([1, 1, 1])
        self.assertEqual(self.log.count("tick, context: ngx.timer"), 3)
        world.scripts.stop()
        world.clock.pump([1, 1])
        self.assertEqual(self.log.count("tick, context: ngx.timer"), 3)

    def test_too_many(self) -> None:
        """There may be 1024 at a time."""
        script = """local n, e = 0
            repeat local ok, r = ngx.timer.at(9, print) n, e = n + 1, r until not ok ngx.print(n, e)"""
        self.assertEqual(self.said(script), "1025too many pending timers")


class FileTests(LuaCase):
    """Scripts and modules in files."""

    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp()).resolve()
        self.folder.mkdir()

    def file(self, name: str, text: str) -> Path:
        """A file in the test's folder."""
        path = self.folder / name
        path.write_text(text)
        return path

    def test_file(self) -> None:
        """A script from a file, which errors name with its path; cached, or read anew each time."""
        path = self.file("a.lua", "ngx.print(1)\nlocal x = nil + 1")
        for cache, second in (("on", b"1"), ("off", b"2")):
            path.write_text("ngx.print(1)")
            world = self.world(
                f"lua_code_cache {cache}; server {{ location / {{ content_by_lua_file {path}; }} }}"
            )
            self.assertTrue(world.ask(GET).endswith(b"\r\n\r\n1"))
            path.write_text("ngx.print(2)")
            self.assertTrue(world.ask(GET).endswith(b"\r\n\r\n" + second))

    def test_error_in_file(self) -> None:
        """File and line."""
        path = self.file("e.lua", "\n\nerror('x')")
        world = self.world(f"server {{ location / {{ content_by_lua_file {path}; }} }}")
        world.ask(GET)
        self.assertIn("e.lua:3: x", self.log)

    def test_gone(self) -> None:
        """A file that is not there any more."""
        world = self.world(f"server {{ location / {{ content_by_lua_file {self.folder}/none.lua; }} }}")
        self.assertIn(b" 500 ", world.ask(GET))
        self.assertIn("none.lua: No such file or directory", self.log)

    def test_modules(self) -> None:
        """require looks along lua_package_path, once; a module's globals are its own."""
        self.file("mod.lua", "count = (count or 0) + 1 return { n = function() return count end }")
        self.file("bad.lua", "=")
        world = self.world(
            f"""lua_package_path "{self.folder}/?.lua;;"; server {{ location / {{ content_by_lua_block {{
                  ngx.print(require("mod").n(), require("mod").n(), select(2, pcall(require, "bad"))) }} }} }}"""
        )
        for _ in range(2):
            said = world.ask(GET).partition(b"\r\n\r\n")[2].decode()
            self.assertTrue(said.startswith("11error loading module 'bad' from file '"), said)


class RenewalTests(LuaCase):
    """A machine that is full is replaced."""

    def test_waiting_scripts_end(self) -> None:
        """Scripts that wait in it are ended, and the new machine has been started as the old one was."""
        world = self.world(
            """lua_max_memory 4m; init_by_lua_block { greeting = "hi" } server {
                 location /wait { content_by_lua_block { ngx.sleep(100) } }
                 location /fill { content_by_lua_block { local t = {} package.loaded.t = t
                   pcall(function() while true do t[#t + 1] = ("x"):rep(1000) .. #t end end) } }
                 location / { content_by_lua_block { ngx.print(greeting) } } }"""
        )
        waiting = world.client()
        waiting.say(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        world.ask(b"GET /fill HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(world.ask(GET).endswith(b"\r\n\r\nhi"))
        self.assertIn("scripts hold on to more than lua_max_memory", self.log)
        self.assertIn(b" 500 ", waiting.got)

    def test_kept_for_good(self) -> None:
        """Where scripts keep so much that another one finds too little, the next one has an empty machine."""
        world = self.world(
            """lua_max_memory 8m; server {
                 location /fill { content_by_lua_block { local t = {} package.loaded.t = t
                   for i = 1, 7500 do t[i] = ("x"):rep(1000) .. i end } }
                 location / { content_by_lua_block { ngx.print(#("x"):rep(4000000)) } } }"""
        )
        self.assertIn(b" 200 ", world.ask(b"GET /fill HTTP/1.1\r\nHost: x\r\n\r\n"))
        self.assertIn(b" 500 ", world.ask(GET))
        self.assertTrue(world.ask(GET).endswith(b"\r\n\r\n4000000"))
