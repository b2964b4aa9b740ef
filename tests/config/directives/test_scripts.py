"""Tests of dyups.config.directives.scripts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.build import build
from dyups.config.model import Http
from dyups.config.parser import Tree, parse_text
from dyups.config.scripts import HookSpec, LuaCode, ScriptContent
from dyups.config.specs import Place
from dyups.errors import ConfigError
from dyups.proxy.variables import ProxyVariables


class ScriptDirectiveTests(SynchronousTestCase):
    """From directives to settings."""

    def http(self, text: str) -> Http:
        """The settings of an ``http`` block that is on one line."""
        tree = Tree(parse_text("events {} http { " + text + " }"), ())
        found = build(tree, prefix="/pre", variables=ProxyVariables()).http
        assert found is not None
        return found

    def test_three_forms(self) -> None:
        """A text, a block, a file relative to the prefix."""
        http = self.http(
            """server { location /a { content_by_lua 'ngx.say("a")'; }
               location /b { content_by_lua_block { ngx.say({"b"}) } } location /c { content_by_lua_file c.lua; } }"""
        )
        found = [location.content for location in http.listens[0].servers[0].locations]
        self.assertEqual(
            found,
            [
                ScriptContent(LuaCode("content_by_lua", 'ngx.say("a")', place=Place("", 1))),
                ScriptContent(LuaCode("content_by_lua", ' ngx.say({"b"}) ', place=Place("", 2))),
                ScriptContent(LuaCode("content_by_lua", path="/pre/c.lua", place=Place("", 2))),
            ],
        )

    def test_inheritance(self) -> None:
        """Scripts of phases and hooks are inherited; what a block says replaces them."""
        http = self.http(
            """rewrite_by_lua 'outer'; python_hook h 1; python_hook i;
               server { location /a { echo a; } location /b { rewrite_by_lua_block { inner } python_hook j; } }"""
        )
        first, second = (location.settings.scripts for location in http.listens[0].servers[0].locations)
        self.assertEqual((first.rewrite_by_lua or LuaCode("")).text, "outer")
        self.assertEqual(first.python_hook, (HookSpec("h", ("1",)), HookSpec("i")))
        self.assertEqual((second.rewrite_by_lua or LuaCode("")).text, " inner ")
        self.assertEqual(second.python_hook, (HookSpec("j"),))

    def test_http(self) -> None:
        """What holds for all scripts."""
        lua = self.http(
            """lua_shared_dict a 1m; lua_shared_dict b 8k; lua_max_memory 1g; lua_max_execution_time 50ms;
               lua_package_path "$prefix/lua/?.lua;;"; lua_unsafe on; init_by_lua 'x';"""
        ).lua
        self.assertEqual(lua.lua_shared_dict, (("a", 1 << 20), ("b", 8192)))
        self.assertEqual(
            (lua.lua_max_memory, lua.lua_max_execution_time, lua.lua_unsafe), (1 << 30, 0.05, True)
        )
        self.assertTrue(lua.lua_package_path.startswith("/pre/lua/?.lua;./?.lua;"))
        self.assertEqual((lua.init_by_lua or LuaCode("")).text, "x")

    def test_wrong(self) -> None:
        """In lua-nginx-module's words, where it has them."""
        for text, words in (
            ("lua_shared_dict a 1k;", 'invalid lua shared dict size "1k"'),
            (
                "server { location / { content_by_lua_file /$uri; } }",
                'variables are not supported in "content_by_lua_file"',
            ),
            (
                "server { location / { echo a; content_by_lua 'x'; } }",
                '"content_by_lua" directive conflicts with "echo"',
            ),
            ("server { content_by_lua 'x'; }", '"content_by_lua" directive is not allowed here'),
            (
                "lua_unsafe maybe;",
                'invalid value "maybe" in "lua_unsafe" directive, it must be "on" or "off"',
            ),
        ):
            error = self.assertRaises(ConfigError, self.http, text)
            self.assertEqual(error.message, words)
