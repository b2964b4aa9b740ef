"""Tests of dyups.workers.frames."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.control.condition import Condition
from dyups.control.remote import MADE, Outcome
from dyups.workers.frames import (
    BOX,
    CALL,
    DELETE,
    OUTCOME,
    PATCH,
    RING,
    STATE,
    UPDATE,
    Call,
    Frames,
    State,
    call_frame,
    frame,
    outcome_frame,
    read_call,
    read_outcome,
    read_ring,
    read_state,
    ring_frame,
    state_frame,
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(0, (1 << 64) - 1)
calls = st.builds(
    Call, numbers, st.sampled_from([UPDATE, PATCH, DELETE]), texts, texts, st.builds(Condition, texts, texts)
)
outcomes = st.builds(Outcome, st.sampled_from([0, 400, 409, 500]), texts)


def only(data: bytes) -> tuple[int, bytes]:
    """The one frame that ``data`` is."""
    [found] = Frames().feed(data)
    return found


class FramesTests(SynchronousTestCase):
    """Frames out of whatever arrives."""

    @settings(deadline=None)
    @given(
        st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=30)), max_size=8),
        st.lists(st.integers(1, 12), min_size=1, max_size=5),
    )
    def test_any_pieces(self, sent: list[tuple[int, bytes]], sizes: list[int]) -> None:
        """Whatever pieces the bytes come in, the frames are those that were sent, in order."""
        data = b"".join(frame(kind, content) for kind, content in sent)
        for size in (*sizes, max(len(data), 1)):
            frames = Frames()
            pieces = [data[start : start + size] for start in range(0, len(data), size)]
            self.assertEqual([found for piece in pieces for found in frames.feed(piece)], sent)

    def test_as_soon_as_whole(self) -> None:
        """A frame is there with its last byte, not later and not earlier."""
        frames = Frames()
        data = frame(BOX, b"abc") + frame(RING, b"")
        self.assertEqual(frames.feed(data[:7]), [])
        self.assertEqual(frames.feed(data[7:8]), [(BOX, b"abc")])
        self.assertEqual(frames.feed(data[8:]), [(RING, b"")])

    def test_long(self) -> None:
        """A long frame comes whole out of many pieces, with what is behind it."""
        content = bytes(range(256)) * 4000
        data = frame(CALL, content) + frame(BOX, b"next")
        frames = Frames()
        found = [
            each for start in range(0, len(data), 1000) for each in frames.feed(data[start : start + 1000])
        ]
        self.assertEqual(found, [(CALL, content), (BOX, b"next")])


class WordTests(SynchronousTestCase):
    """Each word comes back as it was."""

    @settings(deadline=None)
    @given(calls)
    def test_call(self, call: Call) -> None:
        """A client's change: any texts, any condition."""
        kind, content = only(call_frame(call))
        self.assertEqual((kind, read_call(content)), (CALL, call))

    @settings(deadline=None)
    @given(numbers, outcomes)
    def test_outcome(self, number: int, outcome: Outcome) -> None:
        """What became of it."""
        kind, content = only(outcome_frame(number, outcome))
        self.assertEqual((kind, read_outcome(content)), (OUTCOME, (number, outcome)))

    def test_made(self) -> None:
        """Success is no status and no reason."""
        self.assertEqual(read_outcome(only(outcome_frame(7, MADE))[1]), (7, MADE))

    @settings(deadline=None)
    @given(numbers)
    def test_ring(self, sequence: int) -> None:
        """The doorbell."""
        kind, content = only(ring_frame(sequence))
        self.assertEqual((kind, read_ring(content)), (RING, sequence))

    @settings(deadline=None)
    @given(numbers, st.integers(0, (1 << 128) - 1))
    def test_state(self, sequence: int, digest: int) -> None:
        """The acknowledgement: digests have 128 bits."""
        kind, content = only(state_frame(State(sequence, digest)))
        self.assertEqual((kind, read_state(content)), (STATE, State(sequence, digest)))
