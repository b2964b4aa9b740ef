"""Tests of dyups.workers.publisher."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.errors import ChangeFailed
from dyups.shared.zone import Zone, ZoneReader
from dyups.workers.publisher import ToWorkers
from tests.workers.test_crew import configuration


class FakeAsker:
    """A worker whose client wanted the change."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, bool]] = []
        self.answer: Deferred[None] | None = None

    def told(self, sequence: int, at_once: bool) -> Deferred[None] | None:
        self.heard.append((sequence, at_once))
        return self.answer


class PublisherTests(SynchronousTestCase):
    """Into the zones of two crews, and to their doorbells."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.heard: list[Deferred[None]] = []
        self.spared: list[object] = []
        self.alone = False
        """Nobody but the one who asked is to be waited for."""
        self.crews: list[Any] = [self.crew(), self.crew()]
        self.publisher = ToWorkers(lambda: self.crews, self.clock)

    def crew(self) -> Any:
        zone = Zone(1, 1)
        self.addCleanup(zone.close)
        zone.admit(0, 0, 0.0)
        return SimpleNamespace(zone=zone, configuration=configuration(), ring=self.ring)

    def ring(self, sequence: int, asker: object) -> list[Deferred[None]]:
        self.spared.append(asker)
        if self.alone:
            return []
        self.heard.append(Deferred())
        return [self.heard[-1]]

    def reader(self, number: int) -> ZoneReader:
        reader = ZoneReader(self.crews[number].zone.fd, 0)
        self.addCleanup(reader.close)
        return reader

    def test_published(self) -> None:
        """A notice is in every zone at once; it is out when every worker has heard."""
        readers = [self.reader(0), self.reader(1)]
        published = self.publisher.publish(8, b"notice")
        self.assertEqual([reader.next().payload for reader in readers], [b"notice", b"notice"])
        self.heard[0].callback(None)
        self.assertNoResult(published)
        self.heard[1].callback(None)
        self.assertIsNone(self.successResultOf(published))

    def test_asker(self) -> None:
        """Who asked is told last, and not waited for: at once where others have to be waited for."""
        asker = FakeAsker()
        published = self.publisher.publish(8, b"notice", asker)
        self.assertEqual((asker.heard, self.spared), ([(8, True)], [asker, asker]))
        self.assertNoResult(published)
        for heard in self.heard:
            heard.callback(None)
        self.successResultOf(published)
        self.alone = True
        self.successResultOf(self.publisher.publish(9, b"notice", asker))
        self.assertEqual(asker.heard[1:], [(9, False)])

    def test_asker_to_be_waited_for(self) -> None:
        """Unless he has to be."""
        asker = FakeAsker()
        asker.answer = Deferred()
        self.alone = True
        published = self.publisher.publish(8, b"notice", asker)
        self.assertNoResult(published)
        asker.answer.callback(None)
        self.successResultOf(published)

    def test_nobody(self) -> None:
        """Without workers there is always room, and nobody to wait for."""
        self.crews.clear()
        self.assertIsNone(self.successResultOf(self.publisher.reserve(1 << 30)))
        self.assertIsNone(self.successResultOf(self.publisher.publish(1, b"")))

    def test_room(self) -> None:
        """Where there is room, nothing waits."""
        self.assertIsNone(self.successResultOf(self.publisher.reserve(4000)))

    def test_never(self) -> None:
        """What is larger than the zone is refused at once."""
        error = self.failureResultOf(self.publisher.reserve(5000), ChangeFailed).value
        self.assertIn("needs 5000 bytes of the shared zone, dyups_shm_zone_size gives it 4096", error.reason)

    def test_full_for_a_moment(self) -> None:
        """A full zone is waited for until its reader has read."""
        reader = self.reader(1)
        self.publisher.publish(8, bytes(4000))
        self.crews[0].zone.dismiss(0)
        room = self.publisher.reserve(1000)
        self.clock.advance(0.5)
        self.assertNoResult(room)
        reader.next()
        reader.tell(1, 8, 0, 0.0)
        self.clock.advance(0.02)
        self.assertIsNone(self.successResultOf(room))

    def test_full(self) -> None:
        """After dyups_read_msg_timeout the change fails as a whole."""
        self.publisher.publish(8, bytes(4000))
        room = self.publisher.reserve(1000)
        self.clock.pump([0.02] * 49)
        self.assertNoResult(room)
        self.clock.pump([0.02] * 3)
        self.assertIn("the shared zone is full", self.failureResultOf(room, ChangeFailed).value.reason)

    def test_cancelled(self) -> None:
        """A client that leaves is not waited for."""
        self.publisher.publish(8, bytes(4000))
        room = self.publisher.reserve(1000)
        room.cancel()
        self.failureResultOf(room, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])
