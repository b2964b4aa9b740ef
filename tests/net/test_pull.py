"""Tests of ``dyups.net.pull``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.net.pull import Pump
from tests.net.support import Loop, Producer


class PumpTests(SynchronousTestCase):
    """A pull producer is asked again and again."""

    def setUp(self) -> None:
        self.loop, self.producer = Loop(), Producer()
        self.errors: list[Exception] = []
        self.pump = Pump(self.producer, self.loop, self.errors.append)  # type: ignore[arg-type]

    def test_once_at_the_start_then_once_per_turn(self) -> None:
        """The first data is asked for at once, then some at each turn of the loop."""
        self.pump.start()
        self.assertEqual(self.producer.told, ["resume"])
        self.loop.turn()
        self.loop.turn()
        self.assertEqual(self.producer.told, ["resume"] * 3)

    def test_pause(self) -> None:
        """While paused it is not asked; resuming twice asks once per turn all the same."""
        self.pump.start()
        self.pump.pauseProducing()
        self.loop.turn()
        self.assertEqual(self.producer.told, ["resume"])
        self.pump.resumeProducing()
        self.pump.resumeProducing()
        self.loop.turn()
        self.assertEqual(self.producer.told, ["resume"] * 2)

    def test_pause_from_within(self) -> None:
        """A producer whose write fills the buffer is paused while it writes, and not asked again."""
        self.producer.on["resume"] = self.pump.pauseProducing
        self.pump.start()
        self.loop.turn()
        self.assertEqual(self.producer.told, ["resume"])

    def test_stop(self) -> None:
        """The producer is told, and not asked again."""
        self.pump.start()
        self.pump.stopProducing()
        self.loop.turn()
        self.assertEqual(self.producer.told, ["resume", "stop"])

    def test_errors(self) -> None:
        """What the producer raises is handed over, and it is not asked again."""
        self.pump.start()
        self.producer.on["resume"] = lambda: 1 / 0
        self.loop.turn()
        self.loop.turn()
        self.assertEqual([type(exc) for exc in self.errors], [ZeroDivisionError])
        self.assertEqual(self.producer.told, ["resume"] * 2)
