"""A client and the server that works for it: who waits for whom, and how long.

The lowest part of ``attempt.Forwarding``, below ``relay``: the two connections, back-pressure, time limits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dyups.proxy.client import ClientSide
from dyups.proxy.deadlines import NEVER
from dyups.proxy.exchange import Exchange
from dyups.proxy.filters.between import holds
from dyups.proxy.forward.faults import Fault
from dyups.proxy.forward.peerlink import HEAD, PeerLink
from dyups.proxy.forward.plan import ForwardPlan
from dyups.proxy.plane import DataPlane
from dyups.upstream.peer import Peer

if TYPE_CHECKING:
    from dyups.upstream.group import Group


class Pairing:
    """``client`` and ``link``; ``peer`` is None while no server works for the client."""

    __slots__ = ("_ended", "_group", "_plan", "client", "exchange", "link", "peer", "plane")

    _plan: ForwardPlan
    _group: Group
    _ended: bool
    """All of the request's body has come."""
    exchange: Exchange
    """The client's, whoever stands in for the client meanwhile."""

    def __init__(self, client: ClientSide) -> None:
        self.client = client
        self.plane: DataPlane = client.plane
        self.peer: Peer | None = None
        self.link: PeerLink | None = None

    @property
    def plan(self) -> ForwardPlan:
        """How the location forwards."""
        return self._plan

    def failed(self, fault: Fault, detail: str = "") -> None:
        """The attempt failed before anything was sent to the client; ``attempt`` decides what follows."""
        raise RuntimeError("a pairing alone cannot try another server")

    def passes_over(self, fault: Fault) -> bool:
        """The answer itself is ``fault``: has another server been asked instead; ``attempt`` decides."""
        raise RuntimeError("a pairing alone cannot try another server")

    def held_body(self) -> bytes | None:
        """What came of the request's body so far, None where it is not kept; ``requestbody`` knows."""
        return None

    def _upstream(self) -> bytes:
        return self.peer.name if self.peer is not None else b""

    # -- pace and time -------------------------------------------------------------------------------------------

    def client_paused(self) -> None:
        """The client takes no more for now: neither do we from the server."""
        link = self.link
        if link is not None:
            link.pause()
            self.set_deadline(link)

    def client_resumed(self) -> None:
        """The client takes more, of what is held between us first."""
        if holds(self.client):
            return
        link = self.link
        if link is not None:
            link.resume()
            if self.link is link:
                self.set_deadline(link)

    def set_deadline(self, link: PeerLink) -> None:
        """How long ``link`` may stay as it is; for whenever more has changed than that a piece came."""
        now = self.plane.deadlines.now
        if link.blocked:
            link.deadline = now + self._plan.send_timeout
        elif link.paused or (link.state == HEAD and not self._ended):
            link.deadline = NEVER  # the client's own send_timeout, or client_body_timeout, counts
        else:
            link.deadline = now + self._plan.read_timeout
