"""``dyups -V``: what is built in."""

from __future__ import annotations

from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from dyups import about
from dyups.config.directives import all_entries
from dyups.script.lua.machine import Unavailable


class AboutTests(SynchronousTestCase):
    """The lines that scripts read."""

    def test_module_in(self) -> None:
        """An optional module is listed once all its directives are supported, a default one is then not left out."""
        words = list(
            about.configure_arguments(frozenset({"allow", "deny", "set_real_ip_from", "real_ip_header"}))
        )
        self.assertIn("--with-http_realip_module", words)
        self.assertNotIn("--without-http_access_module", words)

    def test_module_half_in(self) -> None:
        """Half a module is no module."""
        words = list(about.configure_arguments(frozenset({"allow", "set_real_ip_from"})))
        self.assertNotIn("--with-http_realip_module", words)
        self.assertIn("--without-http_access_module", words)

    def test_present_state(self) -> None:
        """The proxy and the module itself are in."""
        text = about.build_text()
        self.assertNotIn("--without-http_proxy_module", text)
        self.assertIn("--add-module=dyups", text)
        self.assertIn("nginx version: nginx/", text)

    def test_lua(self) -> None:
        """Lua is in where there is a LuaJIT, and only there."""
        supported = about.supported_directives()
        self.assertIn("--add-module=lua-nginx-module", [*about.configure_arguments(supported)])
        self.assertNotIn("--add-module=lua-nginx-module", [*about.configure_arguments(supported, lua=False)])
        with patch.object(about, "luajit", side_effect=Unavailable("no lupa")):
            self.assertNotIn("lua", about.build_text())

    def test_table_names_real_directives(self) -> None:
        """Every directive that decides about a module is one that the directive table knows."""
        known = {entry.name for entry in all_entries()}
        wanted = {
            name
            for table in (about.OPTIONAL, about.DEFAULT, about.ADDED)
            for names in table.values()
            for name in names
        }
        self.assertEqual(wanted - known, set())
