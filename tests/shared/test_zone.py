"""Tests of dyups.shared.zone."""

from __future__ import annotations

import mmap
import os
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from dyups.errors import ZoneDamaged, ZoneFull
from dyups.shared import slots
from dyups.shared.log import size_of
from dyups.shared.memory import file_with
from dyups.shared.zone import MIN_CAPACITY, Zone, ZoneReader

SLOTS = 3
SLOT_BYTES = 128


class ZoneCase(SynchronousTestCase):
    """A small zone."""

    def setUp(self) -> None:
        self.zone = Zone(1, SLOTS)
        self.addCleanup(self.zone.close)

    def reader(self, slot: int = 0) -> ZoneReader:
        self.zone.admit(slot, 0, 0.0)
        reader = ZoneReader(self.zone.fd, slot)
        self.addCleanup(reader.close)
        return reader


class WriterTests(ZoneCase):
    """The master's side."""

    def test_sizes(self) -> None:
        """The directive's size is that of the ring; very small ones become one page; impossible ones are refused."""
        self.assertEqual(self.zone.capacity, MIN_CAPACITY)
        big = Zone(10001, 1)
        self.addCleanup(big.close)
        self.assertEqual(big.capacity, 10008)
        self.assertRaises(ValueError, Zone, 1 << 41, 1)
        self.assertRaises(ValueError, Zone, 1, 0)

    def test_nobody_reads(self) -> None:
        """Without readers there is always room."""
        for sequence in range(100):
            self.zone.write(sequence, bytes(1000))
        self.assertTrue(self.zone.has_room(1000))

    def test_full(self) -> None:
        """A reader that does not read lets the zone fill up; the write that has no room changes nothing."""
        reader = self.reader()
        for sequence in range(4):
            self.zone.write(sequence, bytes(1000))
        self.assertFalse(self.zone.has_room(1000))
        self.assertRaises(ZoneFull, self.zone.write, 4, bytes(1000))
        self.assertEqual([reader.next().sequence for _ in range(4)], [0, 1, 2, 3])
        self.assertIsNone(reader.next())

    def test_room_again(self) -> None:
        """There is room once the reader has read and has said so."""
        reader = self.reader()
        for sequence in range(4):
            self.zone.write(sequence, bytes(1000))
        reader.next()
        self.assertFalse(self.zone.has_room(1000))
        reader.tell(1, 1, 0, 0.0)
        self.assertTrue(self.zone.has_room(1000))

    def test_dismissed(self) -> None:
        """Nobody waits for a reader that has ended."""
        self.reader()
        self.zone.write(1, bytes(4000))
        self.assertFalse(self.zone.has_room(1000))
        self.zone.dismiss(0)
        self.assertTrue(self.zone.has_room(1000))

    def test_too_large_for_ever(self) -> None:
        """A record larger than the ring never fits."""
        self.assertTrue(self.zone.fits(MIN_CAPACITY - 16))
        self.assertFalse(self.zone.fits(MIN_CAPACITY - 15))

    def test_facts(self) -> None:
        """What a reader says of itself is seen."""
        reader = self.reader(2)
        self.assertEqual(reader.slot, 2)
        self.zone.write(5, b"one")
        reader.next()
        reader.tell(4711, 5, 99, 12.5)
        self.assertEqual(self.zone.reader(2), (4711, size_of(3), 5, 12.5, 99))

    def test_nonsense_in_a_slot(self) -> None:
        """A slot that does not check, and a place that cannot be, leave what was known before."""
        reader = self.reader()
        reader.tell(4711, 5, 99, 12.5)
        known = self.zone.reader(0)
        memory = mmap.mmap(self.zone.fd, 0)
        self.addCleanup(memory.close)
        memory[SLOT_BYTES : SLOT_BYTES + slots.SIZE] = os.urandom(slots.SIZE)
        self.assertEqual(self.zone.reader(0), known)
        for place in (8, 1 << 60, 3):
            with memoryview(memory) as view, view[SLOT_BYTES:] as part:
                slots.put(part, 0, known._replace(place=place))
            self.assertEqual(self.zone.reader(0), known)

    def test_place_is_not_read_back(self) -> None:
        """A reader that overwrites the writer's words does not lead the writer astray."""
        memory = mmap.mmap(self.zone.fd, 0)
        self.addCleanup(memory.close)
        memory[64:80] = b"\xff" * 16
        self.zone.write(1, b"one")
        self.assertEqual(self.zone.place, size_of(3))


class ReaderTests(ZoneCase):
    """A worker's side."""

    def test_from_admission(self) -> None:
        """A reader sees what is written after it was admitted, and nothing before."""
        self.zone.write(1, b"before")
        reader = self.reader()
        self.assertIsNone(reader.next())
        self.zone.write(2, b"after")
        record = reader.next()
        self.assertEqual((record.sequence, record.payload), (2, b"after"))
        self.assertEqual(reader.place, self.zone.place)

    def test_overtaken(self) -> None:
        """A reader whose records were overwritten is told that it is lost."""
        reader = self.reader()
        self.zone.dismiss(0)
        for sequence in range(10):
            self.zone.write(sequence, bytes(1000))
        self.assertRaises(ZoneDamaged, reader.next)

    def test_no_zone(self) -> None:
        """What is no zone, or one of another version, is refused."""
        header = os.pread(self.zone.fd, 128, 0)
        for data in (b"x", bytes(200), header[:24] + b"\1" + header[25:], header):
            handle = file_with("test", data)
            self.addCleanup(os.close, handle)
            self.assertRaises(ZoneDamaged, ZoneReader, handle, 0)

    def test_no_slot(self) -> None:
        """A slot that is not there, or nobody admitted, is refused."""
        self.assertRaises(ZoneDamaged, ZoneReader, self.zone.fd, SLOTS)
        self.assertRaises(ZoneDamaged, ZoneReader, self.zone.fd, 1)


class History(RuleBasedStateMachine):
    """A writer and readers that are killed at any instruction, leave garbage in their slots, and are replaced."""

    def __init__(self) -> None:
        super().__init__()
        self.zone = Zone(1, SLOTS)
        self.memory = mmap.mmap(self.zone.fd, 0)
        self.written: list[bytes] = []
        self.readers: dict[int, ZoneReader] = {}
        self.due: dict[int, list[tuple[int, bytes]]] = {}

    def teardown(self) -> None:
        for reader in self.readers.values():
            reader.close()
        self.memory.close()
        self.zone.close()

    @rule(slot=st.integers(0, SLOTS - 1))
    def replace(self, slot: int) -> None:
        """A process ends, at once another takes its slot."""
        self.kill(slot)
        self.zone.admit(slot, len(self.written), 0.0)
        self.readers[slot] = ZoneReader(self.zone.fd, slot)
        self.due[slot] = []

    @rule(slot=st.integers(0, SLOTS - 1))
    def kill(self, slot: int) -> None:
        reader = self.readers.pop(slot, None)
        if reader is not None:
            reader.close()
            del self.due[slot]
            self.zone.dismiss(slot)

    @rule(payload=st.binary(max_size=1500))
    def write(self, payload: bytes) -> None:
        sequence = len(self.written) + 1
        before = self.zone.place
        try:
            self.zone.write(sequence, payload)
        except ZoneFull:
            assert self.zone.place == before
            return
        self.written.append(payload)
        for due in self.due.values():
            due.append((sequence, payload))

    @precondition(lambda self: self.readers)
    @rule(data=st.data(), says=st.booleans())
    def read(self, data: Any, says: bool) -> None:
        """A reader reads one record; it may be killed before it says so."""
        slot = data.draw(st.sampled_from(sorted(self.readers)))
        reader = self.readers[slot]
        record = reader.next()
        if record is None:
            assert not self.due[slot]
        else:
            assert (record.sequence, record.payload) == self.due[slot].pop(0)
        if says:
            reader.tell(slot + 100, len(self.written), slot, 1.0)

    @rule(
        slot=st.integers(0, SLOTS - 1),
        garbage=st.binary(min_size=1, max_size=slots.SIZE),
        at=st.integers(0, 63),
    )
    def scribble(self, slot: int, garbage: bytes, at: int) -> None:
        """A reader dies while it writes its slot, or writes nonsense there."""
        start = SLOT_BYTES + slot * slots.SIZE
        piece = garbage[: slots.SIZE - at]
        self.memory[start + at : start + at + len(piece)] = piece

    @invariant()
    def nobody_is_overtaken(self) -> None:
        """What an admitted reader has not read is in the ring still."""
        for slot in self.readers:
            assert self.zone.place - self.readers[slot].place <= self.zone.capacity
            assert self.zone.reader(slot).place <= self.readers[slot].place


class HistoryTests(SynchronousTestCase):
    """Any history."""

    def test_any_history(self) -> None:
        """Every reader reads exactly what was written since it came, whatever happens to the others."""
        run_state_machine_as_test(
            History, settings=settings(deadline=None, max_examples=40, stateful_step_count=40)
        )
