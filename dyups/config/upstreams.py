"""The commands of an ``upstream`` block, from text and to text.

Owns the printed forms of an upstream: what ``/detail`` shows, what may be POSTed back, and what the dump holds; one
``server`` is ``servers``'.  ``parse(print(x)) == x`` always.  Called by ``build`` for configurations, by
``control`` and ``admin`` for POST bodies, by ``persist`` for the dump.

A body is data: it can say nothing but these commands, and whatever it says, the only error is ConfigError.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from dyups.config.blocks import GAP, ODD_SPACE, no_collection, plain_block, plain_servers
from dyups.config.checks import CheckSpec, check_send, put_together
from dyups.config.directives import check, read
from dyups.config.directives.entry import Context
from dyups.config.directives.upstream import MOST_POINTS, POINTS_PER_WEIGHT, WITHOUT_BACKUP
from dyups.config.lexer import quote, statements
from dyups.config.model import Place, ServerSpec, UpstreamSpec
from dyups.config.parser import Directive, each_directive
from dyups.config.scope import Scope
from dyups.config.servers import print_server as print_server
from dyups.config.servers import print_server_verbose as print_server_verbose
from dyups.config.servers import server_of
from dyups.config.variables import NO_VARIABLES
from dyups.errors import ConfigError
from dyups.interfaces import VariableTable

MAX_NAME = 255
_BAD_NAME = re.compile(r"[\x00-\x20\x7f-\xa0\ud800-\udfff/;{}\"'\\$\s]")


def check_name(name: str) -> None:
    """Nothing if ``name`` may be an upstream's (the rule of the admin interface); raises ConfigError otherwise."""
    if not name or len(name.encode("utf-8", "surrogatepass")) > MAX_NAME or _BAD_NAME.search(name):
        raise ConfigError(f"invalid upstream name {name[:MAX_NAME]!r}")


# -- from text ---------------------------------------------------------------------------------------------------


def parse_commands(name: str, body: str, variables: VariableTable = NO_VARIABLES) -> UpstreamSpec:
    """The upstream ``name`` with the commands of ``body``, the body of a POST.

    ``variables`` are those that the key of a balancing method may have.  Raises ConfigError, with a line and an
    empty file, for a bad name and for everything but commands that may stand in an ``upstream`` block.
    """
    check_name(name)
    lines = body.count("\n") + (not body.endswith("\n"))
    if servers := plain_servers(body):
        return UpstreamSpec(name, servers, place=Place("", lines))
    commands: list[Directive] = []
    for words, end, line, end_line in statements(body):
        if end == "}":
            raise ConfigError('unexpected "}"', "", end_line)
        block = () if end == "{" else None
        directive = Directive(words[0], words[1:], "", line, block)
        check(directive, Context.UPSTREAM)
        commands.append(directive)
    return build_upstream(name, commands, Place("", lines), Scope(variables=variables))


def parse_upstreams(
    text: str, file: str, variables: VariableTable = NO_VARIABLES, line: int = 1
) -> list[UpstreamSpec]:
    """The upstreams of a dump, in order: a text of ``upstream`` blocks and comments, which begins at ``line``.

    Raises ConfigError for anything else.
    """
    scope = Scope(variables=variables)
    with no_collection():
        return [upstream_of(directive, scope) for directive in _each_upstream(text, file, line)]


def _each_upstream(text: str, file: str, line: int) -> Iterator[Directive]:
    """The directives of a dump: plain blocks at a stroke, and from the first other one on by the rules."""
    position = 0
    if ODD_SPACE.search(text) is None:
        while True:
            gap = GAP.match(text, position)
            start = gap.end() if gap is not None else position
            line += text.count("\n", position, start)
            position = start
            found = plain_block(text, position, file, line)
            if found is None:
                break
            yield found[0]
            line += text.count("\n", position, found[1])
            position = found[1]
    yield from each_directive(text, file, position, line)


def upstream_of(directive: Directive, scope: Scope) -> UpstreamSpec:
    """The upstream that an ``upstream NAME { … }`` block says; raises ConfigError where it is wrong."""
    if directive.name != "upstream":
        raise directive.error(f'only "upstream" is allowed here, not "{directive.name}"')
    check(directive, Context.HTTP)
    try:
        check_name(directive.args[0])
    except ConfigError as error:
        raise directive.error(error.message) from None
    place = Place(directive.file, directive.line)
    return build_upstream(directive.args[0], directive.block or (), place, scope)


def build_upstream(name: str, commands: Iterable[Directive], place: Place, scope: Scope) -> UpstreamSpec:
    """The upstream of the commands; raises ConfigError for bad ones, and at ``place`` where no server is among
    them."""
    draft = _Draft(scope)
    for directive in commands:
        draft.add(directive)
    if not draft.servers:
        raise ConfigError("no servers are inside upstream", place.file, place.line)
    if draft.method is not None:
        draft.check_method(draft.method)
    if draft.companions:
        draft.fields["check"] = put_together(draft.fields.get("check"), draft.companions)
    if all(server.backup for server in draft.servers):
        # As nginx says when it makes the group; it is to read the dump, too.
        raise ConfigError(f'no servers in upstream "{name}"', place.file, place.line)
    return UpstreamSpec(
        name,
        tuple(draft.servers),
        commands=tuple(draft.commands),
        place=place,
        **draft.fields,
    )


@dataclass(slots=True)
class _Draft:
    """An upstream while its commands are read."""

    scope: Scope
    servers: list[ServerSpec] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    method: Directive | None = None
    """The balancing command."""
    unfit: tuple[Directive, str] | None = None
    """The first server with a parameter that not every method knows, and the parameter."""
    companions: dict[str, Any] = field(default_factory=dict)
    """What the companions of ``check`` say."""

    def add(self, directive: Directive) -> None:
        if directive.name == "server":
            server = server_of(directive)
            self.servers.append(server)
            if self.unfit is None and (server.backup or server.slow_start):
                self.unfit = directive, _unfit(directive.args)
            return
        entry = check(directive, Context.UPSTREAM)
        if directive.name in self.seen:
            raise directive.error(f'"{directive.name}" directive is duplicate')
        self.seen.add(directive.name)
        value = read(entry, directive, self.scope)
        if entry.attribute == "sticky" and "sticky" in self.fields:
            raise directive.error("load balancing method redefined")
        if entry.owner is CheckSpec:
            self.add_to_check(directive, entry.attribute, value)
        elif entry.generic:
            self.fields[entry.attribute] = value
        if entry.attribute == "balancing" or directive.name == "session_sticky":
            if self.method is not None:
                raise directive.error("load balancing method redefined")
            self.method = directive
            # First, wherever it was: after keepalive it would undo that in nginx, which is to read the dump too.
            self.commands.insert(0, _canonical(directive))
        else:
            self.commands.append(_canonical(directive))

    def add_to_check(self, directive: Directive, attribute: str, value: Any) -> None:
        """A companion of ``check``."""
        if attribute == "send":
            try:
                check_send(self.fields.get("check"), value)
            except ConfigError as error:
                raise directive.error(error.message) from None
        self.companions[attribute] = value

    def check_method(self, method: Directive) -> None:
        """What a method asks of the servers, before or behind it; raises ConfigError."""
        if self.unfit is not None and method.name in WITHOUT_BACKUP:
            directive, parameter = self.unfit
            raise directive.error(f'balancing method does not support parameter "{parameter}"')
        points = POINTS_PER_WEIGHT * sum(server.weight for server in self.servers)
        if "consistent" in method.args[1:] and points > MOST_POINTS:
            raise method.error(
                f"the weights of all servers together make {points} points of a hash ring, "
                f"more than {MOST_POINTS}"
            )


def _unfit(parameters: tuple[str, ...]) -> str:
    return next(text for text in parameters[1:] if text == "backup" or text.startswith("slow_start="))


# -- to text -----------------------------------------------------------------------------------------------------


def print_commands(spec: UpstreamSpec) -> str:
    """The commands, one a line, as they may be POSTed back to make the same upstream."""
    return "".join(line + "\n" for line in _lines(spec))


def print_upstream(spec: UpstreamSpec) -> str:
    """The ``upstream NAME { … }`` block, as the dump holds it."""
    lines = "".join(f"    {line}\n" for line in _lines(spec))
    return f"upstream {quote(spec.name)} {{\n{lines}}}\n"


def _lines(spec: UpstreamSpec) -> list[str]:
    """Other commands stand before the servers, as nginx asks of balancing methods, which come first of all."""
    return [*spec.commands, *(print_server(server) + ";" for server in spec.servers)]


def _canonical(directive: Directive) -> str:
    return " ".join([directive.name, *map(quote, directive.args)]) + ";"
