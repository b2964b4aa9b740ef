"""Variables that the configuration itself defines: ``map``, ``geo`` and ``split_clients``.

Owns when they are computed: once per request, when first read, unless ``volatile``; ``set`` may overwrite them.  They
may be used above their definition, so each stands as a :class:`Defined` before anything is compiled, and is given its
rule when its block is read (``tables``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dyups.config.parser import Directive
from dyups.interfaces import Getter, VariableTable

#: The blocks that define a variable; its name is their last argument.
BLOCKS = frozenset({"map", "geo", "split_clients"})


class Defined:
    """One variable and its rule."""

    __slots__ = ("compute", "name", "volatile")

    def __init__(self, name: str) -> None:
        self.name = name
        self.compute: Getter = _nothing
        self.volatile = False

    def read(self, exchange: Any) -> bytes:
        """The value, kept for the rest of the request."""
        found: bytes | None = exchange.user.get(self.name)
        if found is not None:
            return found
        value = self.compute(exchange)
        if not self.volatile:
            exchange.user[self.name] = value
        return value


def _nothing(exchange: Any) -> bytes:
    return b""


class WithDefined:
    """``table``, and what the configuration defines."""

    def __init__(self, table: VariableTable, defined: Mapping[str, Defined]) -> None:
        self._table = table
        self._defined = defined

    def lookup(self, name: str) -> Getter | None:
        """See :class:`~dyups.interfaces.VariableTable`."""
        found = self._defined.get(name)
        return self._table.lookup(name) if found is None else found.read


def defined_names(directives: Iterable[Directive]) -> Iterator[str]:
    """The names that the blocks of ``http`` define, lower case."""
    for directive in directives:
        if directive.name == "http":
            for inner in directive.block or ():
                if inner.name in BLOCKS and inner.args:
                    yield inner.args[-1].removeprefix("$").lower()
