"""What this process has counted, for the status pages: connections by what they do, answers of servers and their times.

Counters are plain integers.  Answers are told apart by class, and their times counted, only where some location shows
that (``dyups_status``, :attr:`DataPlane.tallied`); connections are looked at when somebody asks.
"""

from __future__ import annotations

from typing import Any

from dyups.proxy.downstream import ClientConnection
from dyups.proxy.http2.carrier import Carrier
from dyups.proxy.pace import HEAD
from dyups.proxy.plane import DataPlane
from dyups.upstream.map import UpstreamMap
from dyups.upstream.peer import Peer


def connections(plane: DataPlane) -> dict[str, int]:
    """The client connections of this process, in the words of nginx's ``stub_status``."""
    reading = waiting = 0
    for timed in plane.deadlines.watched():
        if isinstance(timed, ClientConnection) and timed.state == HEAD:
            if timed.waits():
                waiting += 1
            else:
                reading += 1
        elif isinstance(timed, Carrier) and timed.waits():
            waiting += 1
    counters = plane.counters
    return {
        "accepted": counters.accepted,
        "handled": counters.accepted,
        "active": counters.active,
        "reading": reading,
        "writing": max(0, counters.active - reading - waiting),
        "waiting": waiting,
    }


def facts(plane: DataPlane, upstreams: UpstreamMap) -> dict[str, Any]:
    """All that this process has counted; of upstreams only servers that were asked at all."""
    found: dict[str, dict[str, Any]] = {}
    for group in upstreams.groups():
        servers = {peer.name.decode(): _of(peer) for peer in group.all_peers() if peer.requests}
        if servers:
            found[group.spec.name] = servers
    return {"connections": connections(plane), "requests": plane.counters.requests, "upstreams": found}


def _of(peer: Peer) -> dict[str, Any]:
    counted = {"requests": peer.requests, "failures": peer.failed, "active": peer.ours}
    tally = peer.tally
    return counted if tally is None else {**counted, **tally.facts()}


def states(upstreams: UpstreamMap, now: float) -> dict[str, dict[str, str]]:
    """``up``, ``down`` or ``unavailable`` (for its failures) for every server, by upstream and address."""
    found: dict[str, dict[str, str]] = {}
    for group in upstreams.groups():
        group.look()
        found[group.spec.name] = {peer.name.decode(): _state(peer, now) for peer in group.all_peers()}
    return found


def _state(peer: Peer, now: float) -> str:
    if peer.down:
        return "down"
    return "up" if peer.up(now) else "unavailable"
