"""Tests of dyups.shared.directory."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.shared.directory import Directory, digest_of

ENTRIES = 32


class Rows:
    """A directory of keys that are their own digests, and begin their search where their first byte says."""

    def __init__(self) -> None:
        self.words = memoryview(bytearray(4 * ENTRIES)).cast("I")
        self.rows: dict[int, bytes] = {}
        self.directory = Directory(self.words, lambda row: self.rows[row])

    def add(self, key: bytes) -> int:
        row = next(number for number in range(ENTRIES) if number not in self.rows)
        self.rows[row] = key
        self.directory.add(key, row)
        return row

    def remove(self, key: bytes) -> None:
        self.directory.remove(key)
        self.rows = {row: other for row, other in self.rows.items() if other != key}


class DirectoryTests(SynchronousTestCase):
    """From keys to rows."""

    def test_found(self) -> None:
        """Keys that begin their search at the same place are told apart; one that is not there has no row."""
        rows = Rows()
        found = [rows.add(bytes([7, 0, 0, 0, 0, 0, 0, 0, number])) for number in range(5)]
        self.assertEqual(
            [rows.directory.find(bytes([7, 0, 0, 0, 0, 0, 0, 0, n])) for n in range(6)], [*found, -1]
        )

    def test_removed(self) -> None:
        """Those behind one that was taken away are found as before, and its place is used again."""
        rows = Rows()
        keys = [bytes([7, 0, 0, 0, 0, 0, 0, 0, number]) for number in range(3)]
        for key in keys:
            rows.add(key)
        rows.remove(keys[1])
        self.assertEqual([rows.directory.find(key) for key in keys], [0, -1, 2])
        rows.remove(keys[1])
        rows.add(keys[1])
        self.assertEqual(sum(word != 0 for word in rows.words), 3)

    def test_nothing_is_left(self) -> None:
        """When all are gone the table is as it was: searches do not become longer with time."""
        rows = Rows()
        for _ in range(3):
            keys = [bytes([31, 0, 0, 0, 0, 0, 0, 0, number]) for number in range(6)]
            for key in keys:
                rows.add(key)
            for key in keys:
                rows.remove(key)
        self.assertEqual([*rows.words], [0] * ENTRIES)

    def test_digest(self) -> None:
        """A digest has sixteen bytes and is the key's alone."""
        self.assertEqual((len(digest_of(b"a")), digest_of(b"a") == digest_of(b"b")), (16, False))

    @settings(deadline=None)
    @given(st.lists(st.tuples(st.integers(0, 12), st.integers(28, 33)), max_size=60))
    def test_any_order(self, steps: list[tuple[int, int]]) -> None:
        """Whatever comes and goes, exactly what is there is found."""
        rows = Rows()
        there: dict[bytes, int] = {}
        for number, start in steps:
            key = bytes([start, 0, 0, 0, 0, 0, 0, 0, number])
            if key in there:
                rows.remove(key)
                del there[key]
            elif len(there) < 20:
                there[key] = rows.add(key)
            for start in range(28, 34):
                for other in range(13):
                    asked = bytes([start, 0, 0, 0, 0, 0, 0, 0, other])
                    self.assertEqual(rows.directory.find(asked), there.get(asked, -1))
