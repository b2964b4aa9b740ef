"""Whether the scripts of a configuration can run: is there a LuaJIT, is their text Lua, are their files there.

``workers.configuration`` asks once per reading of the files, so that a script that cannot run is an error of the
configuration, with its place, and not of the first request.
"""

from __future__ import annotations

from collections.abc import Iterator

from dyups.config.model import Http, Location
from dyups.config.routing import IfStep, LimitExceptStep
from dyups.config.scripts import LuaCode, ScriptContent
from dyups.errors import ConfigError
from dyups.script.lua.machine import Limits, Machine, ScriptMistake, Unavailable, luajit
from dyups.script.lua.scripts import source


def check_lua(http: Http) -> None:
    """Raise ConfigError, with the directive's place, for the first script that cannot run."""
    codes = list(dict.fromkeys(codes_of(http)))
    if not codes:
        return
    try:
        luajit()
    except Unavailable as error:
        raise ConfigError(
            f'"{codes[0].name}" directive is not available here: {error}', *codes[0].place
        ) from None
    machine = Machine({"dict_names": b"", "prefix": b""}, Limits(), "")
    for code in codes:
        try:
            machine.load(*source(code))
        except ScriptMistake as mistake:
            raise ConfigError(f"failed to load Lua code: {mistake}", *code.place) from None


def uses_lua(http: Http) -> bool:
    """Does any directive ask for Lua."""
    return any(True for _ in codes_of(http))


def codes_of(http: Http) -> Iterator[LuaCode]:
    """All scripts of a configuration."""
    for code in (http.lua.init_by_lua, http.lua.init_worker_by_lua):
        if code is not None:
            yield code
    for location in all_locations(http):
        if isinstance(location.content, ScriptContent):
            yield location.content.code
        yield from location.settings.scripts.codes()


def all_locations(http: Http) -> Iterator[Location]:
    """Every location of every server, those within others too."""
    for listen in http.listens:
        for server in listen.servers:
            for location in server.locations:
                yield from _with_inner(location)


def _with_inner(location: Location) -> Iterator[Location]:
    yield location
    for step in location.steps:
        if isinstance(step, IfStep | LimitExceptStep) and step.location is not None:
            yield from _with_inner(step.location)
    for inner in location.locations:
        yield from _with_inner(inner)
