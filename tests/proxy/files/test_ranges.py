"""``Range`` and the conditions on a request."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.http1.request import read_request
from dyups.proxy.files.ranges import NotSatisfiable, parse_ranges, status_of_conditions, wanted_ranges
from dyups.proxy.filters.added import format_date

CHANGED = 1_000_000_000
TAG = b'"a-b"'


def request(*lines: str) -> object:
    """A head with these fields."""
    return read_request("\r\n".join(["GET / HTTP/1.1", "Host: a", *lines]).encode())


class RangeTests(SynchronousTestCase):
    """What parts are asked for."""

    def test_forms(self) -> None:
        """From, from and to, the last ones; several; too much is cut."""
        for text, expected in (
            (b"bytes=0-", [(0, 10)]),
            (b"bytes=2-4", [(2, 5)]),
            (b"Bytes=2-99", [(2, 10)]),
            (b"bytes=-3", [(7, 10)]),
            (b"bytes=-30", [(0, 10)]),
            (b"bytes= 1 - 2 , -1", [(1, 3), (9, 10)]),
            (b"bytes=4-2,20-30,5-5", [(5, 6)]),
        ):
            self.assertEqual(parse_ranges(text, 10, None), expected, text)

    def test_whole(self) -> None:
        """What is no range in bytes, more than the file has, or more ranges than allowed: the whole file."""
        for text, most in (
            (b"lines=1-2", None),
            (b"bytes=", None),
            (b"bytes=0-,0-", None),
            (b"bytes=1-1,2-2", 1),
            (b"bytes=1-1", 0),
        ):
            self.assertEqual(parse_ranges(text, 10, most), [], text)

    def test_not_satisfiable(self) -> None:
        """Nothing of the file, or nonsense."""
        for text in (
            b"bytes=10-",
            b"bytes=20-30",
            b"bytes=x",
            b"bytes=1-2x",
            b"bytes=1",
            b"bytes=-",
            b"bytes=3-1",
        ):
            self.assertRaises(NotSatisfiable, parse_ranges, text, 10, None)

    def test_if_range(self) -> None:
        """Only of the very file that the client knows."""
        for value, expected in (
            (TAG.decode(), [(1, 3)]),
            ('"other"', []),
            (format_date(CHANGED).decode(), [(1, 3)]),
            (format_date(CHANGED + 1).decode(), []),
            ("x", []),
        ):
            head = request("Range: bytes=1-2", f"If-Range: {value}")
            self.assertEqual(wanted_ranges(head, 10, CHANGED, TAG, None), expected, value)  # type: ignore[arg-type]
        self.assertEqual(wanted_ranges(request(), 10, CHANGED, TAG, None), [])  # type: ignore[arg-type]

    @settings(deadline=None)
    @given(st.binary(max_size=30), st.integers(0, 100))
    def test_any_text(self, text: bytes, size: int) -> None:
        """Whatever is asked for, what is found lies within the file and is not longer than it."""
        try:
            found = parse_ranges(b"bytes=" + text, size, None)
        except NotSatisfiable:
            return
        self.assertTrue(all(0 <= first < after <= size for first, after in found))
        self.assertLessEqual(sum(after - first for first, after in found), size)


class ConditionTests(SynchronousTestCase):
    """304 and 412."""

    def status(self, *lines: str, tag: bytes = TAG, since: str = "exact") -> int:
        """What the fields come to."""
        return status_of_conditions(request(*lines), CHANGED, tag, since)  # type: ignore[arg-type]

    def test_modified_since(self) -> None:
        """The very date, or with ``before`` a later one too."""
        same, later, earlier = (f"If-Modified-Since: {format_date(CHANGED + d).decode()}" for d in (0, 9, -9))
        found = {
            since: [self.status(line, since=since) for line in (same, later, earlier)]
            for since in ("exact", "before", "off")
        }
        self.assertEqual(found, {"exact": [304, 0, 0], "before": [304, 304, 0], "off": [0, 0, 0]})

    def test_unmodified_since(self) -> None:
        """412 for a file that is newer, or for no date."""
        dates = [format_date(CHANGED + difference).decode() for difference in (0, 9, -9)] + ["x"]
        found = [self.status(f"If-Unmodified-Since: {date}") for date in dates]
        self.assertEqual(found, [0, 0, 412, 412])

    def test_match(self) -> None:
        """Tags are compared whole, weak ones only where that will do."""
        values = ("*", '"x", "a-b"', 'W/"a-b"', '"x"', "a-b")
        self.assertEqual([self.status(f"If-Match: {value}") for value in values], [0, 0, 412, 412, 412])
        self.assertEqual([self.status(f"If-None-Match: {value}") for value in values], [304, 304, 304, 0, 0])
        self.assertEqual(self.status('If-Match: "a-b"', tag=b""), 412)

    def test_both(self) -> None:
        """Both conditions have to hold."""
        same = f"If-Modified-Since: {format_date(CHANGED).decode()}"
        self.assertEqual(self.status(same, 'If-None-Match: "x"'), 0)
        self.assertEqual(self.status(same, 'If-None-Match: "a-b"'), 304)
        self.assertEqual(self.status(), 0)
