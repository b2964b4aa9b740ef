"""The ``http`` block: its servers, upstreams and the settings around them.

Owns what belongs to no single location: names, listens and duplicate upstreams.  Called by ``build``; the locations
are ``build_location``'s.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from dyups.config.bodies import BodySettings, TempPath
from dyups.config.build_files import take_files
from dyups.config.build_location import Inside, check_duplicates
from dyups.config.directives.bodies import DEFAULT_TEMP_PATH
from dyups.config.directives.entry import Context
from dyups.config.directives.logs import default_access_log
from dyups.config.directives.visiting import check_visiting
from dyups.config.geo import read_geo
from dyups.config.listening import ListenSpec, ListenTable, parse_listen
from dyups.config.merge import Values, read_block
from dyups.config.model import (
    DyupsSettings,
    Http,
    LocationSettings,
    Place,
    Server,
    ServerName,
    ServerSettings,
    ServerTls,
    UpstreamSpec,
    VisitingSettings,
    fold,
)
from dyups.config.names import NO_NAME, parse_server_name
from dyups.config.parser import Directive
from dyups.config.routing import FileSettings
from dyups.config.scope import Scope
from dyups.config.scripts import LuaSettings
from dyups.config.tables import read_map, read_split_clients
from dyups.config.upstreams import upstream_of
from dyups.config.variables import constant
from dyups.errors import ConfigError
from dyups.interfaces import TcpAddress

#: What defines a variable.
DEFINING = {"geo": read_geo, "map": read_map, "split_clients": read_split_clients}


def build_http(directive: Directive, scope: Scope, outer: Values) -> Http:
    """The settings of a checked ``http`` directive; raises ConfigError with a place."""
    outer.store(LocationSettings, {"access_log": (default_access_log(scope),)}, inherited=True)
    outer.store(FileSettings, {"root": constant(scope.path("html"))}, inherited=True)
    temporary = TempPath(scope.path(DEFAULT_TEMP_PATH))
    outer.store(BodySettings, {"client_body_temp_path": temporary}, inherited=True)
    values, structure = read_block(directive.block or (), Context.HTTP, scope, outer)
    own = outer.of(DyupsSettings) | values.of(DyupsSettings)
    dyups = DyupsSettings(**own)
    structure = take_files(structure, values, scope, None)
    table = ListenTable()
    for item in structure:
        if item.name in DEFINING:
            DEFINING[item.name](item, scope)
        if item.name == "server":
            server, listens = build_server(item, scope, values)
            for spec in listens:
                table.add(spec, server)
    blocks = [item for item in structure if item.name == "upstream"]
    upstreams = build_upstreams(blocks, dyups.dyups_upstream_conf, scope)
    said = values.of(LocationSettings)
    names = {name: said[name] for name in ("resolver", "resolver_timeout") if name in said}
    if "resolver" not in names:
        check_resolvers(upstreams, dyups.dyups_upstream_conf)
    return Http(
        table.listens(),
        upstreams,
        dyups,
        user_variables=scope.user,
        lua=LuaSettings(prefix=scope.prefix, **values.of(LuaSettings)),
        defined=scope.defined,
        **names,
        **values.of(Http),
    )


def build_upstreams(blocks: Iterable[Directive], dump: str, scope: Scope) -> tuple[UpstreamSpec, ...]:
    """The upstreams in order.  One of the dump may have the name of a configured one: ``persist`` settles that.

    Raises ConfigError where a name repeats otherwise; names are compared without case.
    """
    found: list[UpstreamSpec] = []
    seen: set[tuple[bytes, bool]] = set()
    dump_files: dict[str, bool] = {}
    for block in blocks:
        spec = upstream_of(block, scope)
        dumped = dump_files.setdefault(block.file, _same_file(block.file, dump))
        if (fold(spec.name), dumped) in seen:
            raise block.error(f'duplicate upstream "{spec.name}"')
        seen.add((fold(spec.name), dumped))
        found.append(replace(spec, place=Place(dump, block.line)) if dumped else spec)
    return tuple(found)


def check_resolvers(upstreams: Iterable[UpstreamSpec], dump: str) -> None:
    """Names that are to be looked up again and again need a ``resolver`` (``ngx_http_upstream_init_main_conf``).

    What the dump has was acknowledged, with another configuration.  Raises ConfigError.
    """
    for spec in upstreams:
        if (
            spec.resolver is None
            and spec.place.file != dump
            and any(server.followed for server in spec.servers)
        ):
            message = f'no resolver defined to resolve names at run time in upstream "{spec.name}"'
            raise ConfigError(message, *spec.place)


def _same_file(path: str, dump: str) -> bool:
    return bool(dump) and os.path.realpath(path) == os.path.realpath(dump)


def build_server(directive: Directive, scope: Scope, outer: Values) -> tuple[Server, list[ListenSpec]]:
    """One checked ``server`` directive, and where it listens; raises ConfigError with a place."""
    values, structure = read_block(directive.block or (), Context.SERVER, scope, outer)
    structure = take_files(structure, values, scope, None)
    own = tuple(name for item in structure if item.name == "server_name" for name in _names(item))
    values.store(VisitingSettings, {"names": own}, inherited=True)
    check_visiting(directive, values.make(VisitingSettings))
    inside = Inside(scope, values)
    listens: list[ListenSpec] = []
    for item in structure:
        if item.name == "listen":
            listens += parse_listen(item)
        elif item.name != "server_name":
            inside.add(item)
    check_duplicates(inside.locations)
    server = Server(
        own or (NO_NAME,),
        values.make(ServerSettings),
        values.make(LocationSettings),
        tuple(inside.locations),
        tuple(inside.steps),
        Place(directive.file, directive.line),
        values.make(ServerTls),
    )
    return server, listens or [ListenSpec(TcpAddress("0.0.0.0", scope.default_port), directive)]


def _names(directive: Directive) -> list[ServerName]:
    try:
        return [name for text in directive.args for name in parse_server_name(text)]
    except ConfigError as error:
        raise directive.error(error.message) from None
