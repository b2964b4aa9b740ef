"""The kinds of arguments that directives share."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.directives import kinds
from dyups.config.directives.entry import Call, Kind
from dyups.config.scope import Scope
from tests.config.helpers import message_of

COLOURS = kinds.word_set(frozenset({"red", "blue"}), "off")
GOOD: tuple[tuple[Kind, str, Any], ...] = (
    (kinds.FLAG, "on", True),
    (kinds.NUMBER, "5", 5),
    (kinds.SIZE, "5k", 5120),
    (kinds.OFFSET, "1g", 1 << 30),
    (kinds.TIME, "1m", 60.0),
    (kinds.TEXT, "x", "x"),
    (kinds.PATH, "x", "/p/x"),
    (kinds.BUFS, "4 8k", (4, 8192)),
    (kinds.choice("a", "b"), "b", "b"),
    (COLOURS, "red blue red", frozenset({"red", "blue"})),
    (COLOURS, "off", frozenset()),
    (COLOURS, "red off", frozenset()),
    (kinds.ONLY_OFF, "off", "off"),
)
BAD = (
    (kinds.FLAG, "x", 'invalid value "x" in "d" directive, it must be "on" or "off"'),
    (kinds.NUMBER, "x", '"d" directive invalid number'),
    (kinds.SIZE, "x", '"d" directive invalid value'),
    (kinds.OFFSET, "x", '"d" directive invalid value'),
    (kinds.TIME, "x", '"d" directive invalid value'),
    (kinds.BUFS, "0 8k", '"d" directive invalid value'),
    (kinds.BUFS, "4 x", '"d" directive invalid value'),
    (kinds.choice("a", "b"), "c", 'invalid value "c"'),
    (COLOURS, "red green", 'invalid value "green"'),
    (kinds.ONLY_OFF, "on", '"d" directive is not supported'),
    (kinds.ONLY_ON, "off", '"d" directive is not supported'),
    (kinds.ONLY_OFF, "off x", '"d" directive is not supported'),
)


def read(kind: Kind, text: str) -> Any:
    assert kind.read is not None
    return kind.read(Call("d", tuple(text.split()), Scope("/p")))


class Kinds(SynchronousTestCase):
    """What they read."""

    def test_good(self) -> None:
        """A kind reads its arguments to the value of the field."""
        for kind, text, value in GOOD:
            self.assertEqual(read(kind, text), value)

    def test_bad(self) -> None:
        """Errors are worded as nginx words them, with the directive's name where nginx has it."""
        for kind, text, error in BAD:
            self.assertEqual(message_of(self, read, kind, text), error)

    def test_unread(self) -> None:
        """Words may be for the build to read."""
        self.assertEqual(kinds.words("a [b]", 1, 2), Kind("a [b]", 1, 2))
