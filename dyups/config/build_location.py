"""``location`` blocks, and what stands in them and in ``server``: steps of the rewrite phase and the content.

Owns nginx's rules for modifiers, nesting, ``proxy_pass``, ``return``, ``set`` and ``echo``.  Called by
``build_http``; choosing a location for a request is the data plane's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from dyups.config.build_files import take_files
from dyups.config.build_proxy import parse_proxy_pass
from dyups.config.build_rewrite import parse_condition, parse_rewrite
from dyups.config.checks import FORMS as CHECK_FORMS
from dyups.config.directives import check
from dyups.config.directives.entry import Call, Context
from dyups.config.directives.scripts import code_of
from dyups.config.directives.visiting import check_visiting
from dyups.config.merge import Values, read_block
from dyups.config.model import (
    Content,
    Echo,
    Location,
    LocationKind,
    LocationSettings,
    Place,
    ProxyTls,
    ResourceContent,
    ReturnStep,
    SetStep,
    Step,
    VisitingSettings,
)
from dyups.config.parser import Directive, encode
from dyups.config.regex import compile_regex
from dyups.config.routing import AnswerSettings, BreakStep, IfStep, LimitExceptStep
from dyups.config.scope import Scope
from dyups.config.scripts import ScriptContent
from dyups.config.values import parse_number
from dyups.config.variables import concatenate, constant, is_changeable
from dyups.errors import ConfigError

#: Modifiers that may be glued to the path, longest first.
_GLUED = (LocationKind.EXACT, LocationKind.PREFIX_FIRST, LocationKind.REGEX_CASELESS, LocationKind.REGEX)
_REGEXES = (LocationKind.REGEX, LocationKind.REGEX_CASELESS)


@dataclass(slots=True)
class Inside:
    """What the structural directives of a ``server`` or ``location`` make."""

    scope: Scope
    values: Values
    kind: LocationKind | None = None
    """The kind of the location, None in a ``server``."""
    steps: list[Step] = field(default_factory=list)
    locations: list[Location] = field(default_factory=list)
    content: Content | None = None
    content_by: str = ""
    internal: bool = False
    pattern: str = ""
    """The location's."""
    within: bool = False
    """It is a block within a location: ``if`` or ``limit_except``."""

    @property
    def log(self) -> bool:
        """``rewrite_log``."""
        return bool(self.values.of(AnswerSettings).get("rewrite_log"))

    def add(self, directive: Directive, pattern: str = "") -> None:
        """Take in one structural directive, already checked; ``pattern`` is the surrounding location's."""
        if directive.name == "location":
            self.locations.append(build_location(directive, self, pattern))
            return
        try:
            _HANDLERS[directive.name](self, directive)
        except ConfigError as error:
            raise error if error.line else directive.error(error.message) from None

    def hold(self, content: Content, name: str) -> None:
        """Make ``content`` what is answered; a location has one."""
        if self.content_by == name:
            raise ConfigError(f'"{name}" directive is duplicate')
        if self.content_by:
            raise ConfigError(f'"{name}" directive conflicts with "{self.content_by}"')
        self.content, self.content_by = content, name


def build_location(directive: Directive, around: Inside, outer_pattern: str = "") -> Location:
    """The location of a checked ``location`` directive inside ``around``; raises ConfigError with its place."""
    kind, pattern = parse_modifier(directive)
    if around.kind is not None:
        _check_nesting(directive, kind, pattern, around.kind, outer_pattern)
    try:
        regex = compile_regex(pattern, caseless=kind is _REGEXES[1]) if kind in _REGEXES else None
    except ConfigError as error:
        raise directive.error(error.message) from None
    values, structure = read_block(directive.block or (), Context.LOCATION, around.scope, around.values)
    check_visiting(directive, values.make(VisitingSettings))
    inside = Inside(around.scope, values, kind, pattern=pattern)
    for item in take_files(structure, values, around.scope, kind, pattern):
        inside.add(item, pattern)
    check_duplicates(inside.locations)
    return Location(
        kind,
        pattern,
        values.make(LocationSettings),
        tuple(_with_content(step, inside.content) for step in inside.steps),
        inside.content,
        tuple(inside.locations),
        regex,
        inside.internal,
        Place(directive.file, directive.line),
        values.make(ProxyTls),
    )


def parse_modifier(directive: Directive) -> tuple[LocationKind, str]:
    """Kind and pattern of a ``location``: ``= /x``, ``=/x``, ``~\\.php``, ``@name`` …; raises ConfigError."""
    if len(directive.args) == 2:
        modifier, pattern = directive.args
        for kind in _GLUED:
            if kind.value == modifier:
                return kind, pattern
        raise directive.error(f'invalid location modifier "{modifier}"')
    text = directive.args[0]
    for kind in _GLUED:
        if text.startswith(kind.value):
            return kind, text[len(kind.value) :]
    return (LocationKind.NAMED if text.startswith("@") else LocationKind.PREFIX), text


def _check_nesting(
    directive: Directive, kind: LocationKind, pattern: str, outer_kind: LocationKind, outer: str
) -> None:
    if outer_kind is LocationKind.EXACT:
        raise directive.error(f'location "{pattern}" cannot be inside the exact location "{outer}"')
    if outer_kind is LocationKind.NAMED:
        raise directive.error(f'location "{pattern}" cannot be inside the named location "{outer}"')
    if kind is LocationKind.NAMED:
        raise directive.error(f'named location "{pattern}" can be on the server level only')
    if kind not in _REGEXES and not pattern.startswith(outer):
        raise directive.error(f'location "{pattern}" is outside location "{outer}"')


def check_duplicates(locations: list[Location]) -> None:
    """Raise ConfigError where two locations side by side are the same; regular expressions may repeat."""
    seen: set[tuple[LocationKind, str]] = set()
    for location in locations:
        kind = LocationKind.PREFIX if location.kind is LocationKind.PREFIX_FIRST else location.kind
        if kind in _REGEXES:
            continue
        if (kind, location.pattern) in seen:
            raise ConfigError(f'duplicate location "{location.pattern}"', *location.place)
        seen.add((kind, location.pattern))


# -- blocks within -------------------------------------------------------------------------------------------------

#: What ``if`` may hold in a ``server``, where nothing but steps has a meaning.
_IF_IN_SERVER = frozenset({"break", "return", "rewrite", "rewrite_log", "set", "uninitialized_variable_warn"})


def _if(inside: Inside, directive: Directive) -> None:
    condition = parse_condition(directive.args, inside.scope, log=inside.log)
    if inside.kind is None:
        for item in directive.block or ():
            if item.name not in _IF_IN_SERVER:
                check(item, Context.IF)
                raise item.error(f'"{item.name}" directive is not allowed here')
    within = _within(inside, directive, Context.IF)
    location = None if inside.kind is None else _nameless(within, directive)
    inside.steps.append(IfStep(condition, tuple(within.steps), location))


def _limit_except(inside: Inside, directive: Directive) -> None:
    methods = {encode(word) for word in directive.args}
    for method in methods:
        if method not in _METHODS:
            raise ConfigError(f'invalid method "{method.decode()}"')
    if b"GET" in methods:
        methods.add(b"HEAD")
    location = _nameless(_within(inside, directive, Context.LIMIT_EXCEPT), directive)
    inside.steps.insert(0, LimitExceptStep(frozenset(methods), location))


_METHODS = frozenset(
    b"GET HEAD POST PUT DELETE MKCOL COPY MOVE OPTIONS PROPFIND PROPPATCH LOCK UNLOCK PATCH CONNECT".split()
)


def _within(inside: Inside, directive: Directive, context: Context) -> Inside:
    values, structure = read_block(directive.block or (), context, inside.scope, inside.values)
    within = Inside(inside.scope, values, inside.kind, pattern=inside.pattern, within=True)
    for item in structure:
        within.add(item, inside.pattern)
    return within


def _nameless(within: Inside, directive: Directive) -> Location:
    """The location that takes the place of the one around it (``clcf->noname``)."""
    assert within.kind is not None
    regex = compile_regex(within.pattern) if within.kind in _REGEXES else None
    place = Place(directive.file, directive.line)
    return Location(
        within.kind,
        within.pattern,
        within.values.make(LocationSettings),
        content=within.content,
        regex=regex,
        place=place,
        proxy_tls=within.values.make(ProxyTls),
    )


def _with_content(step: Step, content: Content | None) -> Step:
    """A block within that has no content of its own serves with that of its location."""
    if not isinstance(step, IfStep | LimitExceptStep) or step.location is None or step.location.content:
        return step
    return replace(step, location=replace(step.location, content=content))


# -- steps and contents ------------------------------------------------------------------------------------------


def _set(inside: Inside, directive: Directive) -> None:
    variable, value = directive.args
    name = variable[1:].lower()
    if not variable.startswith("$") or not name:
        raise ConfigError(f'invalid variable name "{variable}"')
    if not is_changeable(name, inside.scope.variables):
        raise ConfigError(f'the duplicate "{name}" variable')
    inside.steps.append(SetStep(name, inside.scope.template(value)))


def _return(inside: Inside, directive: Directive) -> None:
    first = directive.args[0]
    if len(directive.args) == 1 and first.startswith(("http://", "https://", "$scheme")):
        inside.steps.append(ReturnStep(302, inside.scope.template(first)))
        return
    try:
        code = parse_number(first)
    except ConfigError:
        code = 1000
    if code > 999:
        raise ConfigError(f'invalid return code "{first}"')
    text = inside.scope.template(directive.args[1]) if len(directive.args) == 2 else None
    inside.steps.append(ReturnStep(code, text))


def _echo(inside: Inside, directive: Directive) -> None:
    open_ended = directive.args[:1] == ("-n",)
    words = [inside.scope.template(word) for word in directive.args[open_ended:]]
    parts = [item for word in words for item in (constant(" "), word)][1:]
    if not open_ended:
        parts.append(constant("\n"))
    before = inside.content.lines if isinstance(inside.content, Echo) else ()
    if not before:
        inside.hold(Echo(()), "echo")
    inside.content = Echo((*before, concatenate(parts)))


def _proxy_pass(inside: Inside, directive: Directive) -> None:
    path_replaced = not inside.within and inside.kind not in (*_REGEXES, LocationKind.NAMED)
    inside.hold(parse_proxy_pass(directive, inside.scope, path_replaced=path_replaced), "proxy_pass")


def _resource(inside: Inside, directive: Directive) -> None:
    inside.hold(ResourceContent(directive.name), directive.name)


def _check_status(inside: Inside, directive: Directive) -> None:
    for form in directive.args:
        if form not in CHECK_FORMS:
            raise ConfigError(f'invalid check format "{form}"')
    inside.hold(ResourceContent(directive.name, directive.args), directive.name)


def _rewrite(inside: Inside, directive: Directive) -> None:
    inside.steps.append(parse_rewrite(directive.args, inside.scope, log=inside.log))


def _break(inside: Inside, directive: Directive) -> None:
    inside.steps.append(BreakStep())


def _content_by_lua(inside: Inside, directive: Directive) -> None:
    place = Place(directive.file, directive.line)
    code = code_of(Call(directive.name, directive.args, inside.scope, place))
    inside.hold(ScriptContent(code), "content_by_lua")


def _internal(inside: Inside, directive: Directive) -> None:
    inside.internal = True


_HANDLERS: dict[str, Callable[[Inside, Directive], None]] = {
    "break": _break,
    "check_status": _check_status,
    **dict.fromkeys(("content_by_lua", "content_by_lua_block", "content_by_lua_file"), _content_by_lua),
    "dyups_interface": _resource,
    "dyups_status": _resource,
    "stub_status": _resource,
    "empty_gif": _resource,
    "echo": _echo,
    "if": _if,
    "internal": _internal,
    "limit_except": _limit_except,
    "proxy_pass": _proxy_pass,
    "return": _return,
    "rewrite": _rewrite,
    "set": _set,
}
