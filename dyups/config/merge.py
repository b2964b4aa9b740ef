"""One block's directives, read by the table, and what the blocks inside get from it.

Owns the generic part of the build: every directive is checked, those whose value goes into a field as it is are
read, and inheritance is one dictionary over another, nginx's rule for everything that is inherited at all.  What is
structure (blocks, steps, contents) is handed back, checked, for ``build_http`` and ``build_location``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dyups.config.directives import check, read
from dyups.config.directives.entry import Context, Effect, Entry, Fields, Merge
from dyups.config.inheriting import settle_lists
from dyups.config.parser import Directive
from dyups.config.scope import Scope

T = TypeVar("T")


@dataclass(slots=True)
class Values:
    """Values of fields by the class of ``model`` that has them."""

    own: dict[type[object], dict[str, Any]] = field(default_factory=dict)
    """What holds in this block, inherited or said."""
    passed: dict[type[object], dict[str, Any]] = field(default_factory=dict)
    """What blocks inside inherit."""

    def inner(self) -> Values:
        """What a block inside starts with."""
        passed = {owner: dict(found) for owner, found in self.passed.items()}
        return Values({owner: dict(found) for owner, found in passed.items()}, passed)

    def store(self, owner: type[object], fields: dict[str, Any], *, inherited: bool) -> None:
        """Set fields in this block and, where they are inherited, in those inside."""
        self.own.setdefault(owner, {}).update(fields)
        if inherited:
            self.passed.setdefault(owner, {}).update(fields)

    def of(self, owner: type[object]) -> dict[str, Any]:
        """The fields of ``owner`` that were set."""
        return self.own.get(owner, {})

    def make(self, owner: type[T]) -> T:
        """The frozen ``owner``, with its defaults where nothing was set, and the families of settings within it."""
        families = {name: self.make(kind) for name, kind in getattr(owner, "FAMILIES", {}).items()}
        return owner(**families, **self.of(owner))


def read_block(
    directives: Iterable[Directive], context: Context, scope: Scope, outer: Values
) -> tuple[Values, list[Directive]]:
    """The values of one block, and its structural directives in order.

    Raises ConfigError at the first directive that is unknown, misplaced, repeated or wrong.
    """
    values = outer.inner()
    structure: list[Directive] = []
    seen: set[str] = set()
    filled: set[tuple[object, str]] = set()
    for directive in directives:
        entry = check(directive, context)
        if directive.name in seen and not entry.several:
            raise directive.error(f'"{directive.name}" directive is duplicate')
        if entry.generic or entry.effect is Effect.NO_EFFECT:
            _store(
                values,
                entry,
                read(entry, directive, scope),
                first=(entry.owner, entry.attribute) not in filled,
            )
            filled.add((entry.owner, entry.attribute))
        else:
            structure.append(directive)
        seen.add(directive.name)
    settle_lists(values, outer, seen)
    return values, structure


def _store(values: Values, entry: Entry, value: Any, *, first: bool) -> None:
    if entry.owner is None:
        return
    if entry.several:
        before = () if first else values.of(entry.owner)[entry.attribute]
        value = (*before, value)
    fields = value if isinstance(value, Fields) else {entry.attribute: value}
    values.store(entry.owner, fields, inherited=entry.merge is Merge.INHERIT)
