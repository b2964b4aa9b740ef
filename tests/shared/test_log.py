"""Tests of dyups.shared.log."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.errors import ZoneDamaged
from dyups.shared.log import HEAD, Record, Ring, size_of


def ring(capacity: int = 128) -> Ring:
    return Ring(memoryview(bytearray(capacity)))


class RingTests(SynchronousTestCase):
    """Records in a ring."""

    def test_written_and_read(self) -> None:
        """A record is read as it was written; the next stands behind it."""
        log = ring()
        middle = log.write(0, 7, b"one")
        end = log.write(middle, 8, b"")
        self.assertEqual(log.read(0, end), Record(7, b"one", middle))
        self.assertEqual(log.read(middle, end), Record(8, b"", end))
        self.assertEqual((middle, end), (24, 40))

    def test_over_the_end(self) -> None:
        """A record may go over the end of the memory to its beginning."""
        log = ring()
        place = 128 * 1000 + 104
        end = log.write(place, 1, b"x" * 50)
        self.assertEqual(log.read(place, end), Record(1, b"x" * 50, place + 72))

    def test_whole_ring(self) -> None:
        """A record may fill the ring."""
        log = ring()
        end = log.write(64, 1, b"x" * (128 - HEAD))
        self.assertEqual(log.read(64, end).payload, b"x" * (128 - HEAD))

    def test_lost_places(self) -> None:
        """A place behind the end, too far before it, or between records is an error."""
        log = ring()
        end = log.write(0, 1, b"one")
        for place in (end, end + 8, end - 136, 4, 16):
            self.assertRaises(ZoneDamaged, log.read, place, end)

    @settings(deadline=None, max_examples=60)
    @given(st.integers(0, 200), st.lists(st.binary(max_size=80), min_size=1, max_size=20))
    def test_round_trip(self, start: int, payloads: list[bytes]) -> None:
        """Whatever is written at any place is read back, however often the ring goes round."""
        log = ring()
        place = start * 8
        for sequence, payload in enumerate(payloads):
            end = log.write(place, sequence, payload)
            self.assertEqual(end - place, size_of(len(payload)))
            self.assertEqual(log.read(place, end), Record(sequence, payload, end))
            place = end

    @settings(deadline=None, max_examples=100)
    @given(st.binary(max_size=60), st.integers(0, 127), st.integers(1, 255), st.integers(0, 15))
    def test_damage(self, payload: bytes, at: int, flipped: int, start: int) -> None:
        """A byte that changed anywhere in a record is noticed; elsewhere it does not matter."""
        memory = bytearray(128)
        log = Ring(memoryview(memory))
        place = start * 8
        end = log.write(place, 3, payload)
        memory[at] ^= flipped
        offset = (at - place) % 128
        if offset < HEAD + len(payload):
            self.assertRaises(ZoneDamaged, log.read, place, end)
        else:
            self.assertEqual(log.read(place, end), Record(3, payload, end))

    @settings(deadline=None, max_examples=100)
    @given(st.binary(min_size=128, max_size=128), st.integers(), st.integers())
    def test_garbage(self, garbage: bytes, place: int, end: int) -> None:
        """Any memory, place and end give a record or ZoneDamaged, and nothing else."""
        log = Ring(memoryview(bytearray(garbage)))
        try:
            record = log.read(place, end)
        except ZoneDamaged:
            return
        self.assertLessEqual(record.end, end)
