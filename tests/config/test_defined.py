"""Variables that the configuration defines."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.defined import Defined, WithDefined, defined_names
from dyups.config.parser import parse_text
from tests.config.helpers import Exchange, Table


class DefinedTests(SynchronousTestCase):
    """:class:`Defined`."""

    def setUp(self) -> None:
        self.computed = 0

    def compute(self, exchange: object) -> bytes:
        """Count, and tell how often."""
        self.computed += 1
        return b"%d" % self.computed

    def variable(self, *, volatile: bool = False) -> Defined:
        """One that counts."""
        found = Defined("a")
        found.compute, found.volatile = self.compute, volatile
        return found

    def test_once(self) -> None:
        """It is computed when it is first read, once for a request."""
        variable, exchange = self.variable(), Exchange()
        self.assertEqual(self.computed, 0)
        self.assertEqual([variable.read(exchange), variable.read(exchange)], [b"1", b"1"])
        self.assertEqual(variable.read(Exchange()), b"2")

    def test_volatile(self) -> None:
        """A volatile one is computed at each use."""
        variable, exchange = self.variable(volatile=True), Exchange()
        self.assertEqual([variable.read(exchange), variable.read(exchange)], [b"1", b"2"])

    def test_set(self) -> None:
        """What ``set`` gave it counts, even if it is volatile."""
        for volatile in (False, True):
            self.assertEqual(self.variable(volatile=volatile).read(Exchange({"a": b"set"})), b"set")

    def test_table(self) -> None:
        """Defined names stand before built-in ones; others are the table's."""
        table = WithDefined(Table(), {"a": self.variable()})
        found = [table.lookup(name) for name in ("a", "host", "nosuch")]
        values = [None if getter is None else getter(Exchange()) for getter in found]
        self.assertEqual(values, [b"1", b"<host>", None])

    def test_names(self) -> None:
        """The blocks of ``http`` are looked through; the last argument is the name."""
        text = "http { map $a $B { } geo $c { } geo $x $d { } split_clients a $e { } server { set $f 1; } }"
        self.assertEqual([*defined_names(parse_text(text))], ["b", "c", "d", "e"])
