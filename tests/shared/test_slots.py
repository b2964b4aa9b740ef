"""Tests of dyups.shared.slots."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.shared import slots
from dyups.shared.slots import Reader

READER = Reader(123, 4096, 17, 1234.5, 1 << 127)


class SlotTests(SynchronousTestCase):
    """What a reader says of itself."""

    def setUp(self) -> None:
        self.memory = bytearray(slots.SIZE * 3)
        self.view = memoryview(self.memory)

    def test_said_and_heard(self) -> None:
        """A slot is read as it was written; its neighbours are not touched."""
        slots.put(self.view, 1, READER)
        self.assertEqual(slots.get(self.view, 1), READER)
        self.assertEqual(self.memory[: slots.SIZE], bytes(slots.SIZE))
        self.assertEqual(self.memory[2 * slots.SIZE :], bytes(slots.SIZE))

    def test_never_written(self) -> None:
        """Zeros are no slot."""
        self.assertIsNone(slots.get(self.view, 0))

    @settings(deadline=None, max_examples=60)
    @given(st.integers(0, slots.SIZE - 1))
    def test_half_written(self, cut: int) -> None:
        """A reader killed in the middle of writing leaves the old facts, the new ones, or none."""
        slots.put(self.view, 0, READER)
        before = bytes(self.memory[: slots.SIZE])
        newer = READER._replace(place=8192, sequence=18)
        slots.put(self.view, 0, newer)
        self.memory[cut : slots.SIZE] = before[cut:]
        self.assertIn(slots.get(self.view, 0), (READER, newer, None))
