"""Tests of dyups.shared.ledger."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.errors import ZoneDamaged
from dyups.shared.ledger import PAGE, QUARANTINE, Column, Ledger
from dyups.shared.memory import anonymous_file


class LedgerCase(SynchronousTestCase):
    """A small ledger and the columns of some processes."""

    def setUp(self) -> None:
        self.now = 100.0
        self.ledger = self.made(4, 8)

    def made(self, columns: int, most: int) -> Ledger:
        ledger = Ledger(columns, lambda: self.now, most)
        self.addCleanup(ledger.close)
        return ledger

    def column(self, number: int | None = None) -> Column:
        """What a process has that got a column, the next one if need be."""
        column = Column(self.ledger.fd, self.ledger.locks, self.ledger.admit() if number is None else number)
        self.addCleanup(column.close)
        return column


class RowTests(LedgerCase):
    """Rows, given away by the master."""

    def test_found(self) -> None:
        """A key has one row, which every process finds; a key without one has none."""
        one, two = self.ledger.row(b"one"), self.ledger.row(b"two")
        self.assertEqual(self.ledger.row(b"one"), one)
        column = self.column()
        self.assertEqual([column.find(key) for key in (b"one", b"two", b"three")], [one, two, -1])

    def test_seen_at_once(self) -> None:
        """A row that is given away later is found by processes that run already."""
        column = self.column()
        row = self.ledger.row(b"later")
        self.assertEqual(column.find(b"later"), row)

    def test_full(self) -> None:
        """Where no row is left there is none; those that have one keep it."""
        rows = [self.ledger.row(b"%d" % number) for number in range(9)]
        self.assertEqual(rows, [*range(8), -1])
        self.assertEqual(self.ledger.row(b"3"), 3)

    def test_used_again(self) -> None:
        """The row of a key that is gone is another's after a while, with nothing in it."""
        column = self.column()
        for number in range(8):
            self.ledger.row(b"%d" % number)
        column.cells[column.cell(3)] = 5
        column.cells[column.cell(3)] = 0
        self.ledger.let_go([b"3", b"unknown"])
        self.assertEqual((self.ledger.row(b"new"), self.column().find(b"3")), (-1, 3))
        self.now += QUARANTINE
        self.assertEqual(self.ledger.row(b"new"), 3)
        self.assertEqual((column.find(b"3"), column.find(b"new")), (-1, 3))
        self.assertEqual(bytes(column.map[column.at(3) + 16 : column.at(4)]), bytes(column.stride - 16))

    def test_not_while_counted(self) -> None:
        """A row in which somebody still counts a request is given to nobody."""
        column = self.column()
        for number in range(8):
            self.ledger.row(b"%d" % number)
        column.cells[column.cell(3)] = 1
        self.ledger.let_go([b"3"])
        self.now += QUARANTINE
        self.assertEqual(self.ledger.row(b"new"), -1)
        column.cells[column.cell(3)] = 0
        self.now += QUARANTINE
        self.assertEqual(self.ledger.row(b"new"), 3)

    def test_counted_late(self) -> None:
        """Nor is one that is free, and in which somebody counts who began before it was: he ends as he began."""
        column = self.column()
        for number in range(8):
            self.ledger.row(b"%d" % number)
        self.ledger.let_go([b"3", b"4"])
        self.now += QUARANTINE
        self.assertEqual(self.ledger.row(b"new"), 4)
        column.cells[column.cell(3)] += 1
        self.assertEqual(self.ledger.row(b"newer"), -1)
        column.cells[column.cell(3)] -= 1
        self.assertEqual(self.ledger.row(b"newer"), 3)
        self.assertEqual(self.ledger.total(3), 0)

    def test_back_again(self) -> None:
        """A key that comes back soon has its row, with the requests under way and without the failures."""
        column = self.column()
        row = self.ledger.row(b"one")
        column.cells[column.cell(row)] = 2
        column.map[column.at(row) + 16 : column.at(row) + 40] = b"\x07" * 24
        self.ledger.let_go([b"one"])
        self.assertEqual(self.ledger.row(b"one"), row)
        self.assertEqual(column.total(row), 2)
        self.assertEqual(column.map[column.at(row) + 16 : column.at(row) + 40], bytes(24))
        self.now += QUARANTINE
        for number in range(7):
            self.assertNotEqual(self.ledger.row(b"%d" % number), row)

    def test_keep_only(self) -> None:
        """What nobody knows any more is free after a while, whoever had it."""
        for number in range(8):
            self.ledger.row(b"%d" % number)
        self.ledger.keep_only([b"2", b"5", b"unknown"])
        self.now += QUARANTINE
        self.assertEqual({self.ledger.row(b"new%d" % number) for number in range(7)}, {0, 1, 3, 4, 6, 7, -1})

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.sampled_from("+-*t"), st.integers(0, 11)), max_size=80))
    def test_any_order(self, steps: list[tuple[str, int]]) -> None:
        """Whatever comes and goes: two keys never share a row, and what is there is found by all."""
        ledger = self.made(2, 8)
        column = Column(ledger.fd, ledger.locks, ledger.admit())
        there: dict[bytes, int] = {}
        for step, number in steps:
            key = b"%d" % number
            if step == "+" and (row := ledger.row(key)) >= 0:
                self.assertEqual(there.get(key, row), row)
                there[key] = row
            elif step == "-":
                ledger.let_go([key])
                there.pop(key, None)
            elif step == "*":
                there = {other: row for other, row in there.items() if int(other) % 2}
                ledger.keep_only(there)
            else:
                self.now += 10.0 * number
            self.assertEqual(len({*there.values()}), len(there))
            self.assertEqual({key: column.find(key) for key in there}, there)
        column.close()


class ColumnTests(LedgerCase):
    """Columns: each process counts in its own."""

    def test_sum(self) -> None:
        """What all of them count is the sum, of the columns in use."""
        row = self.ledger.row(b"one")
        columns = [self.column() for _ in range(3)]
        for number, column in enumerate(columns):
            column.cells[column.cell(row)] = number + 1
        self.assertEqual([column.total(row) for column in columns], [6, 6, 6])
        self.assertEqual((self.ledger.in_use, self.ledger.free), (3, 1))

    def test_end(self) -> None:
        """What a process had under way when it ended counts no more; another may have its column."""
        rows = [self.ledger.row(b"%d" % number) for number in range(8)]
        columns = [self.column() for _ in range(4)]
        for row in rows:
            for column in columns:
                column.cells[column.cell(row)] = 3
        self.ledger.dismiss(2)
        self.ledger.dismiss(2)
        self.assertEqual([self.ledger.total(row) for row in rows], [9] * 8)
        self.assertEqual((self.ledger.admit(), self.ledger.admit()), (2, -1))
        self.ledger.dismiss(-1)

    def test_nothing_yet(self) -> None:
        """A process may end before there is any row."""
        self.ledger.dismiss(self.ledger.admit())
        self.assertEqual(self.ledger.free, 4)

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.sampled_from("+-x")), max_size=60))
    def test_any_order(self, steps: list[tuple[int, int, str]]) -> None:
        """Whoever counts and dies in whatever order, the sums are what the living have under way."""
        ledger = self.made(4, 8)
        rows = [ledger.row(b"%d" % number) for number in range(5)]
        columns = [Column(ledger.fd, ledger.locks, ledger.admit()) for _ in range(4)]
        counts = [[0] * 5 for _ in range(4)]
        for who, what, step in steps:
            column = columns[who]
            if step == "x":
                ledger.dismiss(who)
                self.assertEqual(ledger.admit(), who)
                counts[who] = [0] * 5
            elif step == "+" or counts[who][what]:
                more = 1 if step == "+" else -1
                column.cells[column.cell(rows[what])] += more
                counts[who][what] += more
            self.assertEqual(
                [columns[0].total(row) for row in rows], [sum(found) for found in zip(*counts, strict=True)]
            )
        for column in columns:
            column.close()


class AreaTests(LedgerCase):
    """Areas: memory behind the rows."""

    def test_own_pages(self) -> None:
        """Each begins on a page of its own, behind all others, and holds what it was asked to hold."""
        rows = [self.ledger.row(b"%d" % number, 5000) for number in range(2)]
        column = self.column()
        (one, size), (two, _) = (column.area(row) for row in rows)
        self.assertEqual((size, one % PAGE, two), (5000, 0, one + 2 * PAGE))
        self.assertEqual(os.fstat(self.ledger.fd).st_size, two + 2 * PAGE)
        self.assertEqual(column.area(self.ledger.row(b"none")), (0, 0))

    def test_given_back(self) -> None:
        """The memory of one that is gone is given back; its place is not used again."""
        row = self.ledger.row(b"one", 100 * PAGE)
        place, size = self.ledger.area(row)
        os.pwrite(self.ledger.fd, b"x" * size, place)
        held = os.fstat(self.ledger.fd).st_blocks
        self.ledger.let_go([b"one"])
        self.now += QUARANTINE
        self.assertEqual(self.ledger.row(b"two", PAGE), row)
        self.assertLess(os.fstat(self.ledger.fd).st_blocks, held - 100)
        self.assertGreater(self.ledger.area(row)[0], place)

    def test_no_memory(self) -> None:
        """An area that cannot be made leaves everything as it was."""
        for size in (1 << 62, 1 << 70):
            self.assertRaises(OSError, self.ledger.row, b"big", size)
        self.assertEqual(self.ledger.row(b"one"), 0)
        self.assertEqual(self.column().find(b"big"), -1)


class DamageTests(LedgerCase):
    """What is no ledger."""

    def test_another_file(self) -> None:
        """Some other memory is refused, and so is a column that there is not."""
        other = anonymous_file("x", PAGE)
        self.addCleanup(os.close, other)
        self.assertRaises(ZoneDamaged, Column, other, other, 0)
        self.assertRaises(ZoneDamaged, Column, self.ledger.fd, other, 4)
