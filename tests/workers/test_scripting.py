"""Tests of dyups.workers.scripting; what scripts and hooks do is tested in tests.script."""

from __future__ import annotations

from dyups.errors import ConfigError
from dyups.workers.scripting import check_scripts
from tests.script.lua.world import LuaCase
from tests.script.plugins import Hook, HookMaker, installed

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class ProcessScriptsTests(LuaCase):
    """Scripts and hooks of one process."""

    def test_no_lua(self) -> None:
        """Where no directive asks for Lua there is none."""
        world = self.world("server { location / { echo a; } }")
        self.assertIsNone(world.scripts._lua)
        self.assertEqual(dict(world.scripts.contents()), {})

    def test_order(self) -> None:
        """Rewrite script, access rules, access script, hook, content; hook, then header filter."""
        seen: list[str] = []

        def request(request: object) -> None:
            seen.append("hook")

        def response(request: object, response: object) -> None:
            seen.append("response")

        with installed(HookMaker(Hook(request, response))):
            world = self.world(
                """upstream u { server 127.0.0.1:1; } server { location / { proxy_pass http://u; python_hook h;
                     header_filter_by_lua_block { ngx.log(ngx.ERR, "filter") }
                     access_by_lua_block { ngx.log(ngx.ERR, "access") } allow all;
                     rewrite_by_lua_block { ngx.log(ngx.ERR, "rewrite") } }
                   location /no { deny all; python_hook h; access_by_lua_block { ngx.log(ngx.ERR, "let in") }
                     rewrite_by_lua_block { ngx.log(ngx.ERR, "asked") } echo a; } }"""
            )
        wire = world.client()
        wire.say(GET)
        world.servers[0].say(b"HTTP/1.1 204 No Content\r\n\r\n")
        self.assertEqual(seen, ["hook", "response"])
        self.assertLess(self.log.index("rewrite"), self.log.index("1: access"))
        self.assertLess(self.log.index("1: access"), self.log.index("1: filter"))
        self.assertIn(b" 403 ", world.ask(b"GET /no HTTP/1.1\r\nHost: x\r\n\r\n"))
        self.assertIn("asked", self.log)
        self.assertNotIn("let in", self.log)
        self.assertEqual(seen, ["hook", "response"])

    def test_check(self) -> None:
        """Wrong scripts and unknown hooks are errors of the configuration."""
        with installed(HookMaker(Hook())):
            http = self.world("server { location / { python_hook h; echo a; } }").http
            check_scripts(http)
        with installed():
            self.assertRaises(ConfigError, check_scripts, http)
