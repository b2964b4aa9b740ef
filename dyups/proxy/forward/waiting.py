"""A request that waits for a server to have room (``queue``), and what ends its waiting.

``attempt`` makes one when nobody may be asked for want of room; ``upstream.queue`` says whose turn it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyups.proxy.deadlines import NEVER
from dyups.proxy.exchange import Exchange
from dyups.upstream.group import Group
from dyups.upstream.peer import Peer
from dyups.upstream.queue import Queue

if TYPE_CHECKING:
    from dyups.proxy.forward.attempt import Forwarding


class Waiting:
    """``forwarding`` waits in ``queue`` until ``deadline``."""

    __slots__ = ("_forwarding", "_queue", "deadline", "exchange")

    def __init__(self, forwarding: Forwarding, queue: Queue) -> None:
        deadlines = forwarding.plane.deadlines
        self._forwarding = forwarding
        self._queue = queue
        self.exchange: Exchange = forwarding.client.exchange
        self.deadline = deadlines.now + deadlines.limit(queue.timeout)

    def begin(self) -> bool:
        """Wait; False where too many do."""
        if not self._queue.join(self):
            return False
        deadlines = self._forwarding.plane.deadlines
        deadlines.watch(self)
        self._queue.keep_looking(deadlines.call_later)
        return True

    def end(self) -> None:
        """Wait no more."""
        self.deadline = NEVER
        self._forwarding.plane.deadlines.forget(self)
        self._queue.leave(self)

    def offer(self) -> bool:
        """See :class:`~dyups.upstream.queue.Waiter`."""
        peer = self._forwarding.peer_for_waiting()
        if peer is None:
            return False
        self.end()
        self._forwarding.go_on(peer)
        return True

    def moved(self) -> None:
        """See :class:`~dyups.upstream.queue.Waiter`."""
        self.end()
        self._forwarding.go_on(None)

    def timed_out(self) -> None:
        """It took too long."""
        self.end()
        self._forwarding.waited_in_vain("upstream queue timed out")


def lacks_room(group: Group, tried: frozenset[Peer]) -> bool:
    """Is there a server that can be asked as soon as it has room?"""
    return any(
        peer.max_conns and peer.active >= peer.max_conns and not peer.down and peer not in tried
        for peer in group.all_peers()
    )
