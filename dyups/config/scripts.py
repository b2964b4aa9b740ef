"""Scripts and hooks as the configuration names them: Lua code by where it stands, Python hooks by their names.

Frozen settings; what they mean is ``script``'s.  ``directives.scripts`` has the directives.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from dyups.config.specs import Place


@dataclass(frozen=True, slots=True)
class LuaCode:
    """A script: its text, or the absolute path of its file."""

    name: str
    """The directive's, without ``_block`` or ``_file``."""
    text: str = ""
    path: str = ""
    place: Place = field(default=Place())

    @property
    def label(self) -> str:
        """What errors call it, as lua-nginx-module does: ``content_by_lua(nginx.conf:12)``."""
        return f"{self.name}({self.place.file.rpartition('/')[2]}:{self.place.line})"


@dataclass(frozen=True, slots=True)
class ScriptContent:
    """``content_by_lua``: a location whose answers a script gives."""

    code: LuaCode
    name: str = "content_by_lua"
    """What makes it ready, among the contents that are handed to the data plane."""


@dataclass(frozen=True, slots=True)
class HookSpec:
    """``python_hook NAME [argument …]``."""

    name: str
    args: tuple[str, ...] = ()
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class LocationScripts:
    """What scripts and hooks a location has; merged from ``http`` and ``server``."""

    lua_code_cache: bool = True
    access_by_lua: LuaCode | None = None
    header_filter_by_lua: LuaCode | None = None
    log_by_lua: LuaCode | None = None
    rewrite_by_lua: LuaCode | None = None
    python_hook: tuple[HookSpec, ...] = ()

    LUA: ClassVar[tuple[str, ...]] = (
        "access_by_lua",
        "header_filter_by_lua",
        "log_by_lua",
        "rewrite_by_lua",
    )
    """The fields that hold code."""

    def codes(self) -> Iterator[LuaCode]:
        """All Lua of the location but its content."""
        for name in self.LUA:
            code = getattr(self, name)
            if code is not None:
                yield code


@dataclass(frozen=True, slots=True)
class LuaSettings:
    """What holds for all scripts of a worker (``http`` context)."""

    init_by_lua: LuaCode | None = None
    init_worker_by_lua: LuaCode | None = None
    lua_max_execution_time: float = 1.0
    """Seconds; 0 for no limit."""
    lua_max_memory: int = 64 << 20
    """Bytes; 0 for no limit."""
    lua_package_path: str = "./?.lua;/usr/local/share/lua/5.1/?.lua;/usr/share/lua/5.1/?.lua"
    lua_shared_dict: tuple[tuple[str, int], ...] = ()
    lua_unsafe: bool = False
    prefix: str = ""
    """Of the configuration (``ngx.config.prefix``)."""
