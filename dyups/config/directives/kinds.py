"""The kinds of arguments that directives share: a time, a size, a flag, one word of several.

Owns how a kind reads its arguments and how nginx words its errors; single values are read by ``values``.  Used by
the entries of every family.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dyups.config import values
from dyups.config.directives.entry import Call, Kind
from dyups.errors import ConfigError


def _reworded(read: Callable[[str], Any]) -> Callable[[Call], Any]:
    """nginx words the error of a single value as ``"NAME" directive invalid value``."""

    def with_name(call: Call) -> Any:
        try:
            return read(call.args[0])
        except ConfigError as error:
            what = "invalid number" if error.message == "invalid number" else "invalid value"
            raise ConfigError(f'"{call.name}" directive {what}') from None

    return with_name


def _flag(call: Call) -> bool:
    return values.parse_flag(call.args[0], call.name)


def _text(call: Call) -> str:
    return call.args[0]


def _path(call: Call) -> str:
    return call.scope.path(call.args[0])


FLAG = Kind("on | off", 1, 1, _flag)
NUMBER = Kind("number", 1, 1, _reworded(values.parse_number))
SIZE = Kind("size", 1, 1, _reworded(values.parse_size))
OFFSET = Kind("size", 1, 1, _reworded(values.parse_offset))
TIME = Kind("time", 1, 1, _reworded(values.parse_time))
TEXT = Kind("text", 1, 1, _text)
PATH = Kind("path", 1, 1, _path)
NOTHING = Kind("", 0, 0)
#: Arguments that nobody reads: blocks, and what is accepted without effect.
BLOCK = Kind("{ … }", 0, 0)


def words(syntax: str, least: int, most: int | None) -> Kind:
    """Arguments that the build reads itself, or nobody."""
    return Kind(syntax, least, most)


def choice(*allowed: str) -> Kind:
    """Exactly one of the words (``ngx_conf_set_enum_slot``)."""

    def read(call: Call) -> str:
        if call.args[0] not in allowed:
            raise ConfigError(f'invalid value "{call.args[0]}"')
        return call.args[0]

    return Kind(" | ".join(allowed), 1, 1, read)


def word_set(allowed: frozenset[str], off: str) -> Kind:
    """One or more of the words as a set (``ngx_conf_set_bitmask_slot``); ``off`` outweighs all: the empty set."""

    def read(call: Call) -> frozenset[str]:
        for word in call.args:
            if word != off and word not in allowed:
                raise ConfigError(f'invalid value "{word}"')
        return frozenset() if off in call.args else frozenset(call.args)

    return Kind(f"{' | '.join(sorted(allowed))} | {off} …", 1, None, read)


def bufs() -> Kind:
    """A number and a size (``ngx_conf_set_bufs_slot``)."""

    def read(call: Call) -> tuple[int, int]:
        try:
            found = values.parse_number(call.args[0]), values.parse_size(call.args[1])
        except ConfigError:
            found = (0, 0)
        if not all(found):
            raise ConfigError(f'"{call.name}" directive invalid value')
        return found

    return Kind("number size", 2, 2, read)


def only(state: str) -> Kind:
    """The one state of a flag that is how things are here; the other is refused."""

    def read(call: Call) -> str:
        if call.args != (state,):
            raise ConfigError(f'"{call.name}" directive is not supported')
        return state

    return Kind(state, 1, None, read)


BUFS = bufs()
ONLY_OFF = only("off")
ONLY_ON = only("on")
