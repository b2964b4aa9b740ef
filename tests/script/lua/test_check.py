"""Tests of dyups.script.lua.check."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

from dyups.config.build import build
from dyups.config.model import Http
from dyups.config.parser import Tree, parse_text
from dyups.errors import ConfigError
from dyups.proxy.variables import ProxyVariables
from dyups.script.lua import check
from dyups.script.lua.machine import Unavailable
from tests.script.lua.world import LuaCase


class CheckTests(LuaCase):
    """Scripts that cannot run are errors of the configuration."""

    def http(self, body: str, prefix: str = "/") -> Http:
        """The settings of an ``http`` block."""
        tree = Tree(parse_text("events {}\nhttp {\n" + body + "\n}"), ())
        found = build(tree, prefix=prefix, variables=ProxyVariables()).http
        assert found is not None
        return found

    def test_wrong_lua(self) -> None:
        """The place is the directive's, the line within is Lua's."""
        http = self.http("server {\nlocation / { content_by_lua_block {\n ngx.say(1\n } } }")
        error = self.assertRaises(ConfigError, check.check_lua, http)
        self.assertEqual(error.line, 4)
        self.assertIn("failed to load Lua code: content_by_lua(:4):4:", error.message)

    def test_everywhere(self) -> None:
        """All directives, locations within locations and blocks within them."""
        for text in (
            "init_by_lua 'x';",
            "init_worker_by_lua_block { x }",
            "server { rewrite_by_lua_block { x } location / {} }",
            "server { location / { location /a { access_by_lua 'x'; } } }",
            "server { location / { log_by_lua 'x'; } }",
        ):
            self.assertRaises(ConfigError, check.check_lua, self.http(text))

    def test_files(self) -> None:
        """A file that cannot be read, and one that can."""
        folder = Path(self.mktemp())
        folder.mkdir()
        http = self.http("server { location / { content_by_lua_file a.lua; } }", str(folder.resolve()))
        error = self.assertRaises(ConfigError, check.check_lua, http)
        self.assertIn("a.lua: No such file or directory", error.message)
        (folder / "a.lua").write_text("ngx.say(1)")
        check.check_lua(http)
        self.assertTrue(check.uses_lua(http))

    def test_without_lupa(self) -> None:
        """What to install is said where Lua is asked for, and only there."""
        with patch.object(check, "luajit", side_effect=Unavailable("Lua needs lupa")):
            check.check_lua(self.http("lua_max_memory 1m; server { location / { echo a; } }"))
            error = self.assertRaises(ConfigError, check.check_lua, self.http("init_by_lua 'x = 1';"))
        self.assertEqual(error.message, '"init_by_lua" directive is not available here: Lua needs lupa')
