"""``types``, ``alias`` and ``try_files``: settings of files that need more than their own words to be read.

A ``types`` block has lines of its own, an ``alias`` has to know its location.  Called by ``build_http`` and
``build_location`` before anything inside a block is built, since what is inside inherits.
"""

from __future__ import annotations

from collections.abc import Iterable

from dyups.config.merge import Values
from dyups.config.model import LocationKind
from dyups.config.parser import Directive, encode
from dyups.config.routing import WHOLE, FileSettings, TryFiles
from dyups.config.scope import Scope
from dyups.config.values import parse_number
from dyups.errors import ConfigError

_REGEXES = (LocationKind.REGEX, LocationKind.REGEX_CASELESS)


def take_files(
    structure: Iterable[Directive], values: Values, scope: Scope, kind: LocationKind | None, pattern: str = ""
) -> list[Directive]:
    """Store what these directives say and give back the others; raises ConfigError with a place.

    ``kind`` and ``pattern`` are the location's; ``kind`` is None outside of locations.
    """
    rest: list[Directive] = []
    types: dict[bytes, bytes] | None = None
    for item in structure:
        try:
            if item.name == "types":
                types = (types or {}) | _types(item)
                values.store(FileSettings, {"types": types}, inherited=True)
            elif item.name == "alias":
                values.store(FileSettings, _alias(item, scope, kind, pattern), inherited=True)
            elif item.name == "try_files":
                values.store(FileSettings, {"try_files": _try_files(item, scope)}, inherited=False)
            else:
                rest.append(item)
        except ConfigError as error:
            raise error if error.line else item.error(error.message) from None
    return rest


def _types(directive: Directive) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for line in directive.block or ():
        if line.block is not None:
            raise line.error('unexpected "{"')
        for extension in line.args:
            found[encode(extension.lower())] = encode(line.name)
    return found


def _alias(directive: Directive, scope: Scope, kind: LocationKind | None, pattern: str) -> dict[str, object]:
    if kind is LocationKind.NAMED:
        raise ConfigError('the "alias" directive cannot be used inside the named location')
    text = directive.args[0]
    length = WHOLE if kind in _REGEXES else len(encode(pattern))
    return {"alias": length, "root": scope.full(text)}


def _try_files(directive: Directive, scope: Scope) -> TryFiles:
    *names, last = directive.args
    candidates = []
    for name in names:
        folder = name.endswith("/")
        candidates.append((scope.template(name[:-1] if folder else name), folder))
    status = 0
    if last.startswith("="):
        try:
            status = parse_number(last[1:])
        except ConfigError:
            status = 1000
        if status > 999:
            raise ConfigError(f'invalid code "{last[1:]}"')
    return TryFiles(tuple(candidates), scope.template(last), status)
