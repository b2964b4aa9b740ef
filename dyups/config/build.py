"""A configuration from its file to the frozen settings.

Owns the way as a whole and the level outside ``http``.  Called by ``tap`` and ``workers`` with the data plane's table
of variables; whatever is wrong with a configuration ends here, as one :class:`~dyups.errors.ConfigError`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from dyups.config.build_http import build_http
from dyups.config.build_location import parse_modifier
from dyups.config.defined import BLOCKS, Defined, defined_names
from dyups.config.directives import check
from dyups.config.directives.entry import Context
from dyups.config.limits import check_zones
from dyups.config.merge import Values, read_block
from dyups.config.model import ErrorLog, LocationSettings, Settings
from dyups.config.parser import Directive, Tree, parse_file, parse_text
from dyups.config.regex import group_names
from dyups.config.scope import Scope
from dyups.config.settled import settled_names
from dyups.config.variables import SETTABLE
from dyups.errors import ConfigError
from dyups.interfaces import VariableTable

DEFAULT_ERROR_LOG = "logs/error.log"
DEFAULT_PID = "logs/dyups.pid"


def load(path: str, *, prefix: str | None = None, variables: VariableTable, globals_: str = "") -> Settings:
    """The settings of the configuration at ``path`` (relative to the current folder).

    ``prefix`` is where relative paths start; without one it is the parent of the configuration's folder.
    ``globals_`` is text that counts as written before the file's (``-g``).  Raises ConfigError.
    """
    if prefix is None:
        prefix = os.path.dirname(os.path.dirname(os.path.abspath(path)))
    prefix = os.path.abspath(prefix)
    ahead = parse_globals(globals_)
    tree = parse_file(path, prefix=prefix)
    return build(tree._replace(directives=ahead + tree.directives), prefix=prefix, variables=variables)


def parse_globals(text: str) -> tuple[Directive, ...]:
    """The directives of ``-g``; raises ConfigError, whose place is the command line."""
    try:
        directives = parse_text(text)
        for directive in directives:
            if directive.block is not None:
                raise ConfigError("block directives are not supported in -g option")
            if directive.name == "include":
                raise ConfigError('"include" directive is not allowed here')
            check(directive, Context.MAIN)
    except ConfigError as error:
        raise ConfigError(f"{error.message} in command line") from None
    return directives


def build(
    tree: Tree,
    *,
    prefix: str,
    variables: VariableTable,
    default_port: int | None = None,
    error_log: str | None = None,
) -> Settings:
    """The settings that a tree says.

    ``error_log`` is the log where the tree names none: relative to the prefix, or ``stderr``.
    ``default_port`` is that of a ``server`` without ``listen``: by default nginx's 80, or 8000 for users other than
    root.  Raises ConfigError at the first mistake, with file and line.
    """
    if default_port is None:
        default_port = 80 if os.geteuid() == 0 else 8000
    defined = {name: Defined(name) for name in defined_names(tree.directives)}
    user = frozenset(_user_variables(tree.directives)) - defined.keys() - frozenset(SETTABLE)
    scope = Scope(prefix, variables, user, default_port, defined=defined)
    scope = replace(scope, settled=settled_names(tree.directives))
    if tree.files:
        scope = replace(scope, folder=os.path.dirname(tree.files[0]))
    values, structure = read_block(tree.directives, Context.MAIN, scope, Values())
    blocks = _only_once(structure)
    if "events" not in blocks:
        raise ConfigError('no "events" section in configuration')
    read_block(blocks["events"].block or (), Context.EVENTS, scope, Values())
    main: dict[str, Any] = {
        "pid": scope.path(DEFAULT_PID),
        "error_log": (
            ErrorLog(error_log if error_log == "stderr" else scope.path(error_log or DEFAULT_ERROR_LOG)),
        ),
    }
    main |= values.of(Settings)
    values.store(LocationSettings, {"error_log": main["error_log"]}, inherited=True)
    http = build_http(blocks["http"], scope, values) if "http" in blocks else None
    if http is not None:
        check_zones(http)
    return Settings(prefix, http=http, files=tree.files, **main)


def _only_once(structure: Iterable[Directive]) -> dict[str, Directive]:
    blocks: dict[str, Directive] = {}
    for directive in structure:
        if directive.name in blocks:
            raise directive.error(f'"{directive.name}" directive is duplicate')
        blocks[directive.name] = directive
    return blocks


def _user_variables(directives: Iterable[Directive]) -> Iterator[str]:
    """The names that ``set`` and named groups define anywhere: a variable may be used above its definition."""
    for directive in directives:
        if directive.name in ("set", "auth_request_set") and directive.args:
            yield directive.args[0].removeprefix("$").lower()
        elif directive.name == "server_name":
            yield from (name for text in directive.args if text.startswith("~") for name in group_names(text))
        elif directive.name in ("rewrite", "if"):
            yield from (name for text in directive.args for name in group_names(text))
        elif directive.name == "map":
            yield from (name for item in directive.block or () for name in group_names(item.name))
        elif directive.name == "location" and len(directive.args) in (1, 2):
            yield from _location_groups(directive)
        if directive.block and directive.name not in BLOCKS:
            yield from _user_variables(directive.block)


def _location_groups(directive: Directive) -> frozenset[str]:
    try:
        kind, pattern = parse_modifier(directive)
    except ConfigError:
        return frozenset()  # reported by the build, in its turn
    return group_names(pattern) if kind.value.startswith("~") else frozenset()
