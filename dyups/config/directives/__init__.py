"""The directive table: everything that is known of each directive, and the checks that need only that.

    entry     the shape of an entry
    kinds     the kinds of arguments: time, size, flag, …
    core      outside ``http``, and ``events``
    http      ``http``, ``server``, ``location``
    proxy     the proxy
    proxying  what the proxy changes on the way
    logs      access logs
    resolver  name servers
    sticky    sticky sessions
    upstream  the ``upstream`` block, and the commands of a POST
    check     active health checks
    tls       TLS on either side
    access    who may ask
    rewrite   rewriting and routing
    files     plain files
    headers   fields of answers
    compression  gzip
    substitution  texts replaced in bodies
    scripts   Lua, hooks in Python
    http2     HTTP/2 towards clients
    realip    proxies in front
    limits    rates and numbers of requests
    status    what was counted
    visiting  where clients come from
    userid    cookies that tell visitors apart
    bodies    bodies in files
    dyups     the module's own
    idle      what only says more about something that is not there
    known     nginx's directives that are refused

A supported directive with one value is one entry here and one field in ``model``: the generic reading of ``build``
does the rest.  ``reference`` writes the documentation from the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from dyups.config.directives import (
    access,
    bodies,
    compression,
    core,
    dyups,
    files,
    headers,
    http,
    http2,
    idle,
    known,
    limits,
    logs,
    proxy,
    proxying,
    realip,
    resolver,
    rewrite,
    scripts,
    status,
    sticky,
    substitution,
    tls,
    upstream,
    userid,
    visiting,
)
from dyups.config.directives import check as checks
from dyups.config.directives.entry import Call, Context, Effect, Entry
from dyups.config.parser import Directive
from dyups.config.scope import Scope
from dyups.config.specs import Place
from dyups.errors import ConfigError

__all__ = ["Call", "Context", "Effect", "Entry", "all_entries", "check", "find", "read"]


def all_entries() -> Iterator[Entry]:
    """Every entry, family by family."""
    for family in (
        core,
        dyups,
        http,
        rewrite,
        files,
        headers,
        compression,
        substitution,
        logs,
        proxy,
        proxying,
        resolver,
        sticky,
        upstream,
        checks,
        tls,
        http2,
        access,
        realip,
        limits,
        status,
        visiting,
        userid,
        bodies,
        scripts,
        idle,
        known,
    ):
        yield from family.ENTRIES


@cache
def _by_name() -> dict[str, tuple[Entry, ...]]:
    table: dict[str, tuple[Entry, ...]] = {}
    for entry in all_entries():
        table[entry.name] = (*table.get(entry.name, ()), entry)
    return table


def find(name: str, context: Context) -> Entry:
    """The entry of the directive ``name`` for the block of kind ``context``.

    Raises ConfigError, without a place, where there is none or it is refused.
    """
    entries = _by_name().get(name, ())
    for entry in entries:
        if context in entry.contexts and entry.contexts:
            return entry
    if not entries:
        raise ConfigError(f'unknown directive "{name}"')
    if any(entry.effect is Effect.REFUSED for entry in entries):
        raise ConfigError(f'"{name}" directive is not supported')
    raise ConfigError(f'"{name}" directive is not allowed here')


def check(directive: Directive, context: Context) -> Entry:
    """The entry of a directive in a block of kind ``context``, once context, form and number of arguments agree.

    Raises ConfigError in the order of nginx's ``ngx_conf_handler``.
    """
    try:
        entry = find(directive.name, context)
    except ConfigError as error:
        raise directive.error(error.message) from None
    name, count, kind = directive.name, len(directive.args), entry.kind
    if directive.block is not None and not entry.block:
        raise directive.error(f'directive "{name}" is not terminated by ";"')
    if directive.block is None and entry.block:
        raise directive.error(f'directive "{name}" has no opening "{{"')
    if count < kind.least or (kind.most is not None and count > kind.most):
        raise directive.error(f'invalid number of arguments in "{name}" directive')
    return entry


def read(entry: Entry, directive: Directive, scope: Scope) -> Any:
    """The value of a directive that has been checked; None where nothing reads it.

    Raises ConfigError with the directive's place.
    """
    if entry.kind.read is None:
        return None
    try:
        return entry.kind.read(
            Call(directive.name, directive.args, scope, Place(directive.file, directive.line))
        )
    except ConfigError as error:
        raise directive.error(error.message) from None
