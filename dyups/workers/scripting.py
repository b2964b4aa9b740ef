"""The scripts and hooks of a process, made ready where the configuration has any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dyups.config.model import Http, Location
from dyups.proxy.forward.plan import HeadEdits
from dyups.proxy.passage import Phase
from dyups.proxy.serving import Serving
from dyups.script.edits import Edits, edit_of
from dyups.script.hooks import Hooks
from dyups.script.lua.check import all_locations, check_lua, uses_lua
from dyups.script.lua.scripts import ALONE, LuaScripts
from dyups.script.lua.scripts import Place as Place
from dyups.script.lua.serving import LuaLocations
from dyups.script.verbs import Verbs


class ProcessScripts:
    """What a process has of scripts (:class:`~dyups.proxy.scripting.Scripting`), and their beginning and end.

    Hooks come after Lua's access scripts, and see a server's answer before ``header_filter_by_lua`` does.
    """

    def __init__(self, http: Http, verbs: Verbs, reactor: Any, place: Place = ALONE) -> None:
        self._hooks = Hooks(http)
        self._lua = LuaScripts(http, verbs, reactor, place) if uses_lua(http) else None
        self._locations = None if self._lua is None else LuaLocations(self._lua)

    def start(self) -> None:
        """Run what is to run when the process starts."""
        if self._lua is not None:
            self._lua.start()

    def stop(self) -> None:
        """The process ends."""
        if self._lua is not None:
            self._lua.stop()

    def contents(self) -> Mapping[str, Callable[[Location], Serving]]:
        """See :class:`~dyups.proxy.scripting.Scripting`."""
        return {} if self._locations is None else {"content_by_lua": self._locations.content}

    def before_access(self, location: Location) -> tuple[Phase, ...]:
        """See :class:`~dyups.proxy.scripting.Scripting`."""
        return () if self._locations is None else self._locations.before_access(location)

    def after_access(self, location: Location) -> tuple[Phase, ...]:
        """See :class:`~dyups.proxy.scripting.Scripting`."""
        lua = () if self._locations is None else self._locations.after_access(location)
        return (*lua, *self._hooks.after_access(location))

    def edits(self, location: Location) -> HeadEdits | None:
        """See :class:`~dyups.proxy.scripting.Scripting`."""
        found = [(name, edit_of(hook, self._hooks.variables)) for name, hook in self._hooks.named(location)]
        if self._locations is not None:
            found += self._locations.edit(location)
        return Edits(found) if found else None


def check_scripts(http: Http) -> None:
    """Whether all that the configuration names can run; raises :class:`~dyups.errors.ConfigError`."""
    check_lua(http)
    hooks = Hooks(http)
    for location in all_locations(http):
        hooks.named(location)
