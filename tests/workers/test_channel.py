"""Tests of dyups.workers.channel; the words themselves are tested with ``link``."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.protocols import amp
from twisted.python.failure import Failure
from twisted.test.iosim import FakeTransport
from twisted.trial.unittest import SynchronousTestCase

from dyups.workers.channel import End, Once, Text
from dyups.workers.frames import BOX, frame


class Seen:
    """Who is told of the channel."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def linked(self, link: Any) -> None:
        self.said.append("linked")

    def unlinked(self) -> None:
        self.said.append("unlinked")


class Add(amp.Command):
    """A word."""

    arguments = [(b"number", amp.Integer())]
    requiresAnswer = False


class Counting(End):
    """An end that takes it."""

    def __init__(self, seen: Seen) -> None:
        super().__init__(seen)
        self.added: list[int] = []

    @Add.responder
    def on_add(self, number: int) -> dict[str, Any]:
        """Take it."""
        self.added.append(number)
        return {}


class TextTests(SynchronousTestCase):
    """Texts of any length."""

    @given(st.integers(0, 5), st.text(min_size=1, max_size=3), st.sampled_from([0, 1]))
    @settings(deadline=None)
    def test_round_trip(self, pieces: int, seed: str, more: int) -> None:
        """A text comes back as it was, in pieces that AMP takes, and nothing is left over."""
        data = seed * (pieces * Text.PIECE // len(seed.encode())) + seed * more
        box: dict[bytes, bytes] = {b"other": b"x"}
        Text().toBox(b"name", box, {"name": data}, None)
        self.assertTrue(all(len(piece) <= Text.PIECE for piece in box.values()))
        found: dict[str, str] = {}
        Text().fromBox(b"name", box, found, None)
        self.assertEqual((found, box), ({"name": data}, {b"other": b"x"}))


class EndTests(SynchronousTestCase):
    """One end of a channel."""

    def test_life(self) -> None:
        """Whoever it is for hears when the channel is there, and when it has ended."""
        seen = Seen()
        end = End(seen)
        end.makeConnection(FakeTransport(end, isServer=False))
        self.assertEqual(seen.said, ["linked"])
        end.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(seen.said, ["linked", "unlinked"])

    def test_box(self) -> None:
        """A box of AMP crosses in a frame, in whatever pieces."""
        ours, theirs = End(Seen()), Counting(Seen())
        wire = FakeTransport(ours, isServer=False)
        ours.makeConnection(wire)
        theirs.makeConnection(FakeTransport(theirs, isServer=True))
        ours.ask(Add, number=7)
        for byte in b"".join(wire.stream):
            theirs.dataReceived(bytes([byte]))
        self.assertEqual(theirs.added, [7])

    def test_held(self) -> None:
        """What is held goes with the next word, in order, in one write; or when what has come was taken."""
        end = Counting(Seen())
        wire = FakeTransport(end, isServer=False)
        end.makeConnection(wire)
        end.hold(b"a")
        end.hold(b"b")
        self.assertEqual(wire.stream, [])
        end.send(b"c")
        self.assertEqual(wire.stream, [b"abc"])
        end.hold(b"d")
        end.dataReceived(frame(BOX, b""))
        self.assertEqual(wire.stream, [b"abc", b"d"])

    def test_too_early(self) -> None:
        """Before the channel is there nothing can be said."""
        self.assertRaises(ConnectionLost, End(Seen()).sendBox, amp.AmpBox())

    def test_other_frames(self) -> None:
        """A frame that only the other kind of end would take is our mistake."""
        end = End(Seen())
        end.makeConnection(FakeTransport(end, isServer=False))
        self.assertRaises(ValueError, end.dataReceived, frame(99, b""))

    def test_once(self) -> None:
        """The factory of a connection that is there already."""
        end = End(Seen())
        self.assertIs(Once(end).buildProtocol(None), end)
