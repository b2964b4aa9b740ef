"""The directives of scripts: Lua (lua-nginx-module's, and limits of our own) and hooks in Python."""

from __future__ import annotations

from collections.abc import Iterator

from dyups.config.directives.entry import Call, Context, Entry, Kind, Merge, setting, structure
from dyups.config.directives.kinds import FLAG, OFFSET, TIME
from dyups.config.scripts import HookSpec, LocationScripts, LuaCode, LuaSettings
from dyups.config.values import parse_size
from dyups.config.variables import has_variables
from dyups.errors import ConfigError

_ANYWHERE = Context.HTTP_SERVER_LOCATION
_DEFAULT_PATH = LuaSettings().lua_package_path


def code_of(call: Call) -> LuaCode:
    """The script of a ``*_by_lua``, ``*_by_lua_block`` or ``*_by_lua_file`` directive."""
    name, text = call.name, call.args[0]
    if name.endswith("_file"):
        if has_variables(text):
            raise ConfigError(f'variables are not supported in "{name}"')
        return LuaCode(name.removesuffix("_file"), path=call.scope.path(text), place=call.place)
    return LuaCode(name.removesuffix("_block"), text, place=call.place)


def _shared_dict(call: Call) -> tuple[str, int]:
    name, size = call.args
    try:
        found = parse_size(size)
    except ConfigError:
        found = 0
    if found <= 8191:
        raise ConfigError(f'invalid lua shared dict size "{size}"')
    return name, found


def _package_path(call: Call) -> str:
    text = call.args[0].replace("${prefix}", call.scope.prefix).replace("$prefix", call.scope.prefix)
    return text.replace(";;", f";{_DEFAULT_PATH};").strip(";")


def _hook(call: Call) -> HookSpec:
    return HookSpec(call.args[0], call.args[1:], call.place)


CODE = Kind("{ Lua code }", 1, 1, code_of)


def _forms(name: str, contexts: Context, owner: type[object], doc: str) -> Iterator[Entry]:
    """The three ways of giving a script."""
    for suffix, syntax, words in (
        ("", "text", doc),
        ("_block", "{ Lua code }", f"As ``{name}``, without the quoting."),
        ("_file", "path", f"As ``{name}``, from a file, relative to the prefix."),
    ):
        kind = Kind(syntax, 1, 1, code_of)
        if name == "content_by_lua":
            yield structure(name + suffix, contexts, kind, words, attribute="content", several=False)
        else:
            yield Entry(
                name + suffix, contexts, kind, words, owner=owner, attribute=name, merge=Merge.INHERIT
            )


ENTRIES: tuple[Entry, ...] = (
    *_forms(
        "init_by_lua",
        Context.HTTP,
        LuaSettings,
        "A script that each worker runs when it starts, before anything else; its globals are those of all scripts.",
    ),
    *_forms(
        "init_worker_by_lua",
        Context.HTTP,
        LuaSettings,
        "A script that each worker runs when it starts: for timers.",
    ),
    *_forms(
        "rewrite_by_lua",
        _ANYWHERE,
        LocationScripts,
        "A script at the end of the rewrite phase: it may set variables, change the URI, answer.",
    ),
    *_forms(
        "access_by_lua",
        _ANYWHERE,
        LocationScripts,
        "A script at the end of the access phase: it may refuse the request with ``ngx.exit``.",
    ),
    *_forms(
        "content_by_lua",
        Context.LOCATION,
        LocationScripts,
        "Answers requests to this location with a script.",
    ),
    *_forms(
        "header_filter_by_lua",
        _ANYWHERE,
        LocationScripts,
        "A script that may change the fields of the answer's head; it must not wait.",
    ),
    *_forms(
        "log_by_lua",
        _ANYWHERE,
        LocationScripts,
        "A script that is run when the request is over; it must not wait.",
    ),
    setting(
        "lua_code_cache",
        _ANYWHERE,
        FLAG,
        LocationScripts,
        "on",
        "``off`` has each request begin with an empty machine and read files anew: for developing only.",
    ),
    setting(
        "lua_max_execution_time",
        Context.HTTP,
        TIME,
        LuaSettings,
        "1s",
        "How long a script may run before it waits for something or ends, in processor time: nobody else is served "
        "meanwhile.  A script that runs longer is ended.  ``0`` for no limit.",
        merge=Merge.NONE,
    ),
    setting(
        "lua_max_memory",
        Context.HTTP,
        OFFSET,
        LuaSettings,
        "64m",
        "How much memory all scripts of a worker together may have; a script that asks for more is ended.  "
        "``0`` for no limit.",
        merge=Merge.NONE,
    ),
    setting(
        "lua_package_path",
        Context.HTTP,
        Kind("path", 1, 1, _package_path),
        LuaSettings,
        _DEFAULT_PATH,
        "Where ``require`` looks for modules; ``$prefix`` is the prefix, ``;;`` the default path.",
        merge=Merge.NONE,
    ),
    setting(
        "lua_shared_dict",
        Context.HTTP,
        Kind("name size", 2, 2, _shared_dict),
        LuaSettings,
        "",
        "A dictionary ``ngx.shared.NAME``, which each worker has for itself.",
        several=True,
        merge=Merge.NONE,
        reads_default=False,
    ),
    setting(
        "lua_unsafe",
        Context.HTTP,
        FLAG,
        LuaSettings,
        "off",
        "Whether scripts get all of Lua's libraries, LuaJIT's ``ffi`` and access to Python: whoever writes them can "
        "then do whatever the worker can.",
        merge=Merge.NONE,
    ),
    setting(
        "python_hook",
        _ANYWHERE,
        Kind("name [argument …]", 1, None, _hook),
        LocationScripts,
        "",
        "Passes requests through the hook that a plugin offers under this name, with these arguments; see "
        "``plugins.rst``.",
        several=True,
        reads_default=False,
    ),
)
