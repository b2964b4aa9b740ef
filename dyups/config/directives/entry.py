"""What the table says of one directive.

Owns the shape of an entry: where the directive may stand, its arguments, which field of ``model`` it sets, its
default, how it is inherited, what it does here and its text for the reference.  The entries themselves are in the
modules of each family.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, Flag, auto
from typing import Any, NamedTuple

from dyups.config.scope import Scope
from dyups.config.specs import Place


class Context(Flag):
    """The blocks in which a directive may stand."""

    MAIN = auto()
    EVENTS = auto()
    HTTP = auto()
    SERVER = auto()
    LOCATION = auto()
    UPSTREAM = auto()
    IF = auto()
    LIMIT_EXCEPT = auto()
    HTTP_SERVER = HTTP | SERVER
    HTTP_SERVER_LOCATION = HTTP | SERVER | LOCATION
    SERVER_LOCATION = SERVER | LOCATION


class Effect(Enum):
    """What a directive of nginx does here."""

    SUPPORTED = "supported"
    NO_EFFECT = "accepted without effect"
    REFUSED = "refused"


class Merge(Enum):
    """What a block that does not say the directive gets from the block around it."""

    INHERIT = "the surrounding block's value"
    NONE = "the default"


class Call(NamedTuple):
    """The arguments of one directive, as the functions that read them get them."""

    name: str
    args: tuple[str, ...]
    scope: Scope
    place: Place = Place()
    """Where the directive stands."""


class Fields(dict[str, Any]):
    """What a directive reads to when it sets more fields than the one of its name."""


#: From the arguments to the value of the field; raises ConfigError without a place.
Read = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of arguments: its syntax for the reference, how many there are, and how they are read."""

    syntax: str
    least: int
    most: int | None
    """None where there is no upper limit."""
    read: Read | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One directive in one or more contexts."""

    name: str
    contexts: Context
    kind: Kind
    doc: str
    effect: Effect = Effect.SUPPORTED
    block: bool = False
    owner: type[object] | None = None
    """The class of ``model`` whose field the directive sets."""
    attribute: str = ""
    """The field of ``owner``."""
    default: str = ""
    """The default as it would be written, or empty where there is none."""
    merge: Merge = Merge.NONE
    several: bool = False
    """Whether it may stand more than once in a block; then the field is a tuple of the values."""
    reads_default: bool = True
    """Whether ``default`` reads to exactly the default of the field (false where the build supplies it)."""

    @property
    def generic(self) -> bool:
        """Whether reading the arguments is all there is to it: the value goes into the field as it is."""
        return self.owner is not None and self.kind.read is not None


def setting(
    name: str,
    contexts: Context,
    kind: Kind,
    owner: type[object],
    default: str,
    doc: str,
    *,
    several: bool = False,
    merge: Merge = Merge.INHERIT,
    reads_default: bool = True,
) -> Entry:
    """A supported directive that sets the field of its own name."""
    return Entry(
        name,
        contexts,
        kind,
        doc,
        owner=owner,
        attribute=name,
        default=default,
        merge=merge,
        several=several,
        reads_default=reads_default,
    )


def structure(
    name: str,
    contexts: Context,
    kind: Kind,
    doc: str,
    *,
    owner: type[object] | None = None,
    attribute: str = "",
    block: bool = False,
    several: bool = True,
    default: str = "",
) -> Entry:
    """A supported directive that the build has code of its own for: blocks, steps, contents, listens."""
    return Entry(
        name,
        contexts,
        kind,
        doc,
        owner=owner,
        attribute=attribute,
        block=block,
        several=several,
        default=default,
        reads_default=False,
    )


def harmless(
    name: str, contexts: Context, kind: Kind, doc: str, *, block: bool = False, several: bool = False
) -> Entry:
    """A directive that is accepted, and checked as far as ``kind`` does, but has no effect here."""
    return Entry(name, contexts, kind, doc, effect=Effect.NO_EFFECT, block=block, several=several)


def refused(name: str, doc: str = "") -> Entry:
    """A directive of nginx that would change what happens and is not supported, in whichever context."""
    return Entry(name, Context(0), Kind("…", 0, None), doc, effect=Effect.REFUSED)
