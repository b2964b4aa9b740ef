"""Tests of dyups.script.lua.patterns, and of what more.lua makes of it (ngx.re)."""

from __future__ import annotations

from dyups.script.lua.machine import ScriptMistake
from dyups.script.lua.patterns import Patterns
from tests.script.lua.world import LuaCase

CASES = {
    'ngx.re.match("hello 123 world", "([a-z]+) ([0-9]+)", "jo")[2]': "123",
    'ngx.re.match("ABC", "b", "i")[0]': "B",
    'ngx.re.match("x", "y")': "nil",
    'ngx.re.match("ac", "a(b)?c")[1]': "false",
    'ngx.re.match("2026-11", "(?<year>[0-9]+)-").year': "2026",
    'ngx.re.match("a\\nb", "^b$", "m")[0]': "b",
    'ngx.re.match("ab", "b", "a")': "nil",
    'select(2, ngx.re.match("x", "("))': 'pcre2_compile() failed: missing closing parenthesis in "("',
    'select(2, ngx.re.find("hello", "l+"))': "4",
    'ngx.re.find("hello", "h(l)?(e)", "", nil, 2)': "22",
    'ngx.re.find("hello", "x")': "nil",
    'ngx.re.gsub("a1b2", "[0-9]", "<$0>")': "a<1>b<2>2",
    'ngx.re.gsub("a1b2", "([0-9])", function(m) return m[1] + 1 end)': "a2b32",
    'ngx.re.sub("aa", "a", "$$1${0}1")': "$1a1a1",
    'ngx.re.gsub("ab", "", "-")': "-a-b-3",
    'select(3, ngx.re.sub("x", "(", "y"))': 'pcre2_compile() failed: missing closing parenthesis in "("',
}


class ReTests(LuaCase):
    """``ngx.re``."""

    def test_cases(self) -> None:
        """Results as lua-nginx-module gives them."""
        for expression, expected in CASES.items():
            self.assertEqual(self.said(f"ngx.print({expression})"), expected, expression)

    def test_gmatch(self) -> None:
        """One match after the other, empty ones too, and an end."""
        script = 'for m in ngx.re.gmatch("a,,b", "[a-z]*") do ngx.print("<", m[0], ">") end'
        self.assertEqual(self.said(script), "<a><><><b><>")

    def test_position(self) -> None:
        """ctx.pos is where a search begins, and then where the match ended."""
        script = 'local ctx = { pos = 2 } local m = ngx.re.match("a1b2", "[a-z]", "", ctx) ngx.print(m[0], ctx.pos)'
        self.assertEqual(self.said(script), "b4")

    def test_unknown_option(self) -> None:
        """An error of the script."""
        self.run_lua('ngx.re.match("a", "a", "q")')
        self.assertIn('content_by_lua(:3):1: unknown flag "q" (flags "q")', self.log)

    def test_endless_search(self) -> None:
        """A search that would not end is ended, as any script is."""
        script = 'ngx.re.match(string.rep("a", 100), "(a+)+b")'
        self.assertIn(b" 500 ", self.run_lua(script, "lua_max_execution_time 50ms;"))
        self.assertIn("the regular expression ran longer than lua_max_execution_time", self.log)
        error = self.assertRaises(ScriptMistake, Patterns(0.05).search, b"a" * 100, b"(a+)+b", b"", 1)
        self.assertIn("regular expression", str(error))
        self.assertEqual(Patterns(0.05).search(b"ab", b"b", b"", 1), (2, 2, 0, b"b"))
