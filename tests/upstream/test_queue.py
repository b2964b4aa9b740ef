"""Tests of dyups.upstream.queue."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.upstream.queue import LOOK, BehindQueue, Queue


class Request:
    """A request that waits; ``may`` is whether a server may be asked for it."""

    def __init__(self, queue: Queue, may: bool = False) -> None:
        self.exchange = self
        self.may = may
        self.went = 0
        self.begun_anew = 0
        self._queue = queue

    def offer(self) -> bool:
        """Its turn."""
        if self.may:
            self.went += 1
            self._queue.leave(self)
            self._queue.released()  # what it does may end another request at once
        return self.may

    def moved(self) -> None:
        """The upstream is another."""
        self.begun_anew += 1


class Always:
    """A balancer that has somebody for everybody."""

    def pick(self, exchange: object, tried: object, now: float) -> str:
        return "peer"


class QueueTests(SynchronousTestCase):
    """Requests in their order."""

    def test_order(self) -> None:
        """Room is offered to the first; where it cannot use it, nobody behind it is asked."""
        queue = Queue(9, 60.0)
        requests = [Request(queue, may) for may in (True, True, False, True)]
        for request in requests:
            self.assertTrue(queue.join(request))
        queue.released()
        self.assertEqual([request.went for request in requests], [1, 1, 0, 0])
        requests[2].may = True
        queue.released()
        self.assertEqual(([request.went for request in requests], len(queue)), ([1, 1, 1, 1], 0))

    def test_others_let_go(self) -> None:
        """Where other processes ask the servers too, who waits looks from time to time, and no longer than it waits."""
        clock = Clock()
        queue = Queue(9, 60.0)
        one = Request(queue)
        queue.join(one)
        queue.keep_looking(clock.callLater)
        self.assertEqual(clock.getDelayedCalls(), [])
        queue.everywhere = True
        queue.keep_looking(clock.callLater)
        queue.keep_looking(clock.callLater)
        self.assertEqual(len(clock.getDelayedCalls()), 1)
        clock.advance(LOOK)
        self.assertEqual((one.went, len(clock.getDelayedCalls())), (0, 1))
        one.may = True
        clock.advance(LOOK)
        self.assertEqual((one.went, clock.getDelayedCalls()), (1, []))

    def test_full(self) -> None:
        """Only so many may wait; one that leaves makes room."""
        queue = Queue(1, 60.0)
        one, two = Request(queue), Request(queue)
        self.assertEqual([queue.join(one), queue.join(two)], [True, False])
        queue.leave(one)
        queue.leave(one)
        self.assertTrue(queue.join(two))

    def test_behind(self) -> None:
        """While somebody waits, a balancer has nobody but for the one whose turn it is."""
        queue = Queue(9, 60.0)
        balancer = BehindQueue(Always(), queue)
        waiting = Request(queue)
        self.assertEqual(balancer.pick("new", (), 0.0), "peer")
        queue.join(waiting)
        self.assertIsNone(balancer.pick("new", (), 0.0))
        queue.called = waiting
        self.assertEqual(balancer.pick(waiting, (), 0.0), "peer")

    def test_moved(self) -> None:
        """When the upstream is another, all begin anew, each once."""
        queue = Queue(9, 60.0)
        requests = [Request(queue), Request(queue)]
        for request in requests:
            queue.join(request)
        queue.moved()
        self.assertEqual(([request.begun_anew for request in requests], len(queue)), ([1, 1], 0))
