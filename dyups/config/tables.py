"""``map`` and ``split_clients``: from a text to another.

Owns the reading of their blocks and the choice itself (``ngx_http_map_module``, ``ngx_http_split_clients_module``).
``addresses`` has ``geo``.  Called by ``build_http``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from twisted.logger import Logger

from dyups.config.defined import Defined
from dyups.config.matching import Regex
from dyups.config.murmur import murmur2
from dyups.config.parser import Directive, encode
from dyups.config.regex import compile_regex
from dyups.config.scope import Scope
from dyups.config.template import Template
from dyups.config.variables import constant, is_changeable
from dyups.errors import ConfigError, RegexFailed

_log = Logger(namespace="dyups.proxy")
_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?%\Z")
_HOST = re.compile(r"(?:\*\.|\.)?[^*\s/]+|[^*\s/]+\.\*")


def begin(directive: Directive, scope: Scope) -> Defined:
    """The variable that a block defines; raises ConfigError with its place."""
    variable = directive.args[-1]
    name = variable.removeprefix("$").lower()
    if not variable.startswith("$") or not name:
        raise directive.error(f'invalid variable name "{variable}"')
    if not is_changeable(name, scope.variables):
        raise directive.error(f'the duplicate "{name}" variable')
    return scope.defined[name]


class Map:
    """The choice of one ``map``: exact names, wildcards, regular expressions, the default."""

    __slots__ = ("_default", "_exact", "_hosts", "_leading", "_regexes", "_source", "_trailing")

    def __init__(self, source: Template) -> None:
        self._source = source
        self._hosts = False
        self._default = constant("")
        self._exact: dict[bytes, Template] = {}
        self._leading: dict[bytes, Template] = {}
        self._trailing: dict[bytes, Template] = {}
        self._regexes: list[tuple[Regex, Template]] = []

    def compute(self, exchange: Any) -> bytes:
        """What the source's value maps to."""
        value = self._source.render(exchange)
        key = value.lower()
        if self._hosts and key.endswith(b"."):
            key = key[:-1]
        found = self._exact.get(key) or self._by_wildcard(key)
        if found is None:
            found = self._by_regex(value, exchange)
        return (found or self._default).render(exchange)

    def _by_wildcard(self, key: bytes) -> Template | None:
        for table, parts in ((self._leading, _endings(key)), (self._trailing, _beginnings(key))):
            for part in parts if table else ():
                if part in table:
                    return table[part]
        return None

    def _by_regex(self, value: bytes, exchange: Any) -> Template | None:
        for regex, result in self._regexes:
            try:
                match = regex.search(value)
            except RegexFailed as failure:  # ngx_http_map_find: the default then
                _log.critical("{text}", text=exchange.client.context(str(failure)), nginx_level="alert")
                return None
            if match is not None:
                exchange.captures = match
                for name, group in match.groupdict().items():
                    exchange.user[name] = group or b""
                return result
        return None

    # -- reading -----------------------------------------------------------------------------------------------------

    def read(self, directive: Directive, scope: Scope, variable: Defined) -> None:
        """Take in the whole block; raises ConfigError with a place."""
        flags = [item.name for item in directive.block or () if not item.args]
        self._hosts = "hostnames" in flags
        variable.volatile = "volatile" in flags
        seen_default = False
        for item in directive.block or ():
            try:
                if item.name in ("hostnames", "volatile") and not item.args:
                    continue
                if len(item.args) != 1 or item.block is not None:
                    raise ConfigError("invalid number of the map parameters")
                value = scope.template(item.args[0])
                if item.name == "default":
                    if seen_default:
                        raise ConfigError("duplicate default map parameter")
                    seen_default, self._default = True, value
                else:
                    self._add(item.name, value)
            except ConfigError as error:
                raise item.error(error.message) from None

    def _add(self, key: str, value: Template) -> None:
        if key.startswith("~"):
            caseless = key.startswith("~*")
            self._regexes.append((compile_regex(key[1 + caseless :], caseless=caseless), value))
            return
        if key.startswith("\\"):
            key = key[1:]
        table, name = self._exact, key.lower()
        if self._hosts:
            if "*" in name and _HOST.fullmatch(name) is None:
                raise ConfigError(f'invalid hostname or regular expression "{key}"')
            if name.startswith("."):
                self._hold(self._exact, name[1:], value, key)
                table, name = self._leading, name[1:]
            elif name.startswith("*."):
                table, name = self._leading, name[2:]
            elif name.endswith(".*"):
                table, name = self._trailing, name[:-2]
        self._hold(table, name, value, key)

    def _hold(self, table: dict[bytes, Template], name: str, value: Template, key: str) -> None:
        if encode(name) in table:
            raise ConfigError(f'conflicting parameter "{key}"')
        table[encode(name)] = value


def _endings(host: bytes) -> Iterator[bytes]:
    """``b.c`` and ``c`` for ``a.b.c``, the longest first."""
    while b"." in host:
        host = host.partition(b".")[2]
        yield host


def _beginnings(host: bytes) -> Iterator[bytes]:
    """``a.b`` and ``a`` for ``a.b.c``, the longest first."""
    while b"." in host:
        host = host.rpartition(b".")[0]
        yield host


def read_map(directive: Directive, scope: Scope) -> None:
    """A checked ``map`` block; raises ConfigError with a place."""
    variable = begin(directive, scope)
    table = Map(_template(directive, directive.args[0], scope))
    table.read(directive, scope, variable)
    variable.compute = table.compute


def read_split_clients(directive: Directive, scope: Scope) -> None:
    """A checked ``split_clients`` block; raises ConfigError with a place."""
    variable = begin(directive, scope)
    source = _template(directive, directive.args[0], scope)
    shares: list[tuple[int, bytes]] = []
    total = limit = 0
    for item in directive.block or ():
        share = _share(item)
        total += share or 10000 - total
        if total > 10000:
            raise item.error("percent total is greater than 100%")
        limit = limit + share * 0xFFFFFFFF // 10000 if share else 1 << 32
        shares.append((limit, encode(item.args[0])))
    variable.compute = _splitter(source, shares)


def _splitter(source: Template, shares: list[tuple[int, bytes]]) -> Callable[[Any], bytes]:
    def compute(exchange: Any) -> bytes:
        value = murmur2(source.render(exchange))
        return next((text for limit, text in shares if value < limit), b"")

    return compute


def _share(item: Directive) -> int:
    """Hundredths of a percent; 0 for ``*``, which is all that is left."""
    if len(item.args) != 1:
        raise item.error("invalid number of arguments")
    if item.name == "*":
        return 0
    found = _PERCENT.match(item.name)
    share = int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) if found else 0
    if not share:
        raise item.error(f'invalid percent value "{item.name}"')
    return share


def _template(directive: Directive, text: str, scope: Scope) -> Template:
    try:
        return scope.template(text)
    except ConfigError as error:
        raise directive.error(error.message) from None
