"""Texts with variables, ``http://$host$uri``, compiled once to one callable.

Owns the syntax of ``$name``, ``${name}`` and ``$1``, and where the three kinds of variables come from: built-in ones
from the :class:`~dyups.interfaces.VariableTable` of the data plane, those of ``set`` and of named groups from the
exchange's ``user``, and captures from its ``captures``.  Called by the directive table at configuration time; what
it returns runs per request, so each shape of text has the callable with the fewest steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

from dyups.config.model import Template
from dyups.config.parser import encode
from dyups.errors import ConfigError
from dyups.interfaces import Getter, VariableTable

_VARIABLE = re.compile(r"\$(?:([1-9])|([A-Za-z0-9_]+)|\{([A-Za-z0-9_]+)\}|(\{[A-Za-z0-9_]*)|)")
#: Built-in names that ``set`` may hide: nginx marks its variables with a prefix as changeable.
CHANGEABLE = (
    "arg_",
    "cookie_",
    "http_",
    "proxy_protocol_tlv_",
    "sent_http_",
    "sent_trailer_",
    "upstream_cookie_",
    "upstream_http_",
    "upstream_trailer_",
)
#: Built-in names that ``set`` may give another value for one request, as in nginx; else they stay what they are.
REPLACEABLE = ("proxy_host", "proxy_port", "uid_reset")
#: Built-in variables that ``set`` gives another value, which does more than to be read (``proxy.rewrite.assigning``).
SETTABLE = ("args", "limit_rate")

Part = bytes | Getter


class NoVariables:
    """The table for texts that know no variable."""

    def lookup(self, name: str) -> Getter | None:
        """None, whatever the name."""
        return None


#: It has no state: one is enough.
NO_VARIABLES = NoVariables()


class WithUser:
    """``table``, and the names that ``set`` and named groups define: what texts of run time may read."""

    def __init__(self, table: VariableTable, user: Container[str]) -> None:
        self._table = table
        self._user = user

    def lookup(self, name: str) -> Getter | None:
        """See :class:`~dyups.interfaces.VariableTable`."""
        return user_getter(name) if name in self._user else self._table.lookup(name)


def compile_template(text: str, table: VariableTable, user: Container[str]) -> Template:
    """The template of ``text``, whose variables are those of ``table``, the names in ``user``, and captures.

    Raises ConfigError, without a place, for an unknown variable or a ``$`` with no name.
    """
    return _assemble(text, _parts(text, table, user))


def compile_parts(text: str, table: VariableTable, user: Container[str]) -> tuple[Part, ...]:
    """The constants and getters of ``text`` in order, for a reader that treats the values; raises as above."""
    return tuple(_merge_constants(_parts(text, table, user)))


def constant(text: str) -> Template:
    """The template of a text in which ``$`` means nothing."""
    return _assemble(text, [encode(text)])


def concatenate(templates: Sequence[Template]) -> Template:
    """The template that renders the given ones one after the other."""
    if len(templates) == 1:
        return templates[0]
    parts: list[Part] = [item.render if item.constant is None else item.constant for item in templates]
    return _assemble("".join(item.source for item in templates), parts)


def has_variables(text: str) -> bool:
    """Whether there is a ``$`` in the text, which is how nginx tells."""
    return "$" in text


def variable_names(text: str) -> Iterator[tuple[str, int, int]]:
    """The variables in a text, in lower case, and from where to where each stands; a capture is its number."""
    for found in _VARIABLE.finditer(text):
        name = found[1] or found[2] or found[3] or ""
        yield name.lower(), found.start(), found.end()


def is_changeable(name: str, table: VariableTable) -> bool:
    """Whether ``set`` or a named group may define the variable ``name``."""
    return name.startswith(CHANGEABLE) or name in (*REPLACEABLE, *SETTABLE) or table.lookup(name) is None


def _parts(text: str, table: VariableTable, user: Container[str]) -> list[Part]:
    parts: list[Part] = []
    position = 0
    for found in _VARIABLE.finditer(text):
        parts.append(encode(text[position : found.start()]))
        parts.append(_getter(found, table, user))
        position = found.end()
    parts.append(encode(text[position:]))
    return parts


def _getter(found: re.Match[str], table: VariableTable, user: Container[str]) -> Getter:
    digit, bare, braced, unclosed = found.groups()
    if digit:
        return capture_getter(int(digit))
    if unclosed and unclosed != "{":
        raise ConfigError(f'the closing bracket in "{unclosed[1:]}" variable is missing')
    name = (bare or braced or "").lower()
    if not name:
        raise ConfigError("invalid variable name")
    getter = table.lookup(name)
    if name in user:
        return user_getter(name) if getter is None or name not in REPLACEABLE else _replaced(name, getter)
    if getter is None:
        raise ConfigError(f'unknown "{bare or braced}" variable')
    return getter


def user_getter(name: str) -> Getter:
    """Reads a variable of ``set`` or of a named group; empty until it is set."""

    def read(exchange: Any) -> bytes:
        value: bytes = exchange.user.get(name, b"")
        return value

    return read


def _replaced(name: str, built_in: Getter) -> Getter:
    """Reads what ``set`` said for this request, and otherwise the built-in variable."""

    def read(exchange: Any) -> bytes:
        value: bytes | None = exchange.user.get(name)
        return built_in(exchange) if value is None else value

    return read


def capture_getter(number: int) -> Getter:
    """Reads ``$1`` to ``$9`` of the last regular expression that matched; empty if it has no such group."""

    def read(exchange: Any) -> bytes:
        match = exchange.captures
        if match is None or number > match.re.groups:
            return b""
        value: bytes | None = match[number]
        return b"" if value is None else value

    return read


def _assemble(source: str, parts: Sequence[Part]) -> Template:
    merged = _merge_constants(parts)
    if not merged:
        return Template(source, _fixed(b""), b"")
    if len(merged) == 1:
        only = merged[0]
        return Template(source, _fixed(only), only) if isinstance(only, bytes) else Template(source, only)
    return Template(source, _joined(merged))


def _merge_constants(parts: Sequence[Part]) -> list[Part]:
    """Without empty texts, and with neighbouring texts as one."""
    merged: list[Part] = []
    for part in parts:
        if isinstance(part, bytes) and merged and isinstance(merged[-1], bytes):
            merged[-1] += part
        elif part != b"":
            merged.append(part)
    return merged


def _fixed(value: bytes) -> Callable[[Any], bytes]:
    return lambda exchange: value


def _joined(parts: Sequence[Part]) -> Callable[[Any], bytes]:
    """Two parts, by far the most frequent, are added; more are joined."""
    if len(parts) == 2:
        head, tail = parts
        if isinstance(head, bytes):
            prefix, last = head, as_getter(tail)
            return lambda exchange: prefix + last(exchange)
        if isinstance(tail, bytes):
            first, suffix = head, tail
            return lambda exchange: first(exchange) + suffix
    getters = tuple(as_getter(part) for part in parts)
    return lambda exchange: b"".join([getter(exchange) for getter in getters])


def as_getter(part: Part) -> Getter:
    """The part as a callable, whichever it is."""
    return _fixed(part) if isinstance(part, bytes) else part
