"""Tests of dyups.config.scripts."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.scripts import LocationScripts, LuaCode
from dyups.config.specs import Place


class ScriptsTests(SynchronousTestCase):
    """Scripts as settings."""

    def test_label(self) -> None:
        """Errors call a script by its directive, its file without the folders, and its line."""
        code = LuaCode("content_by_lua", "x", place=Place("/etc/n/nginx.conf", 12))
        self.assertEqual(code.label, "content_by_lua(nginx.conf:12)")

    def test_codes(self) -> None:
        """All Lua of a location."""
        one, two = LuaCode("access_by_lua", "1"), LuaCode("log_by_lua", "2")
        self.assertEqual([*LocationScripts(access_by_lua=one, log_by_lua=two).codes()], [one, two])
        self.assertEqual([*LocationScripts().codes()], [])
