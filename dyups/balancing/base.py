"""What a balancer may know of a peer, and what a group may ask of a balancer."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Protocol, TypeVar


class Candidate(Protocol):
    """A peer as a balancer sees it; the fields are nginx's of the same names."""

    weight: int
    effective_weight: int
    """``weight``, lowered by failures and growing back by one at each choice."""
    active: int
    """Requests under way."""
    max_conns: int
    fails: int
    max_fails: int
    fail_timeout: float
    checked: float
    """When a failure, or the trial after one, happened last; seconds."""
    down: bool


C = TypeVar("C", bound=Candidate)


class Balancer(Protocol):
    """One method over the peers of one group."""

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> Any | None:
        """A peer for the request that is none of ``tried``, or None where no peer may be asked.

        ``now`` is seconds on the clock that ``checked`` is kept by.
        """
        ...


def is_open(peer: Candidate, now: float) -> bool:
    """May ``peer`` be asked now: not down, not full, not out for failures (``max_fails``, ``fail_timeout``)."""
    if peer.down or (peer.max_conns and peer.active >= peer.max_conns):
        return False
    return not is_out(peer, now)


def is_out(peer: Candidate, now: float) -> bool:
    """Has ``peer`` failed ``max_fails`` times, with ``fail_timeout`` not over yet."""
    return bool(peer.max_fails) and peer.fails >= peer.max_fails and now - peer.checked <= peer.fail_timeout


def forgive(peers: Sequence[Candidate]) -> None:
    """Forget all failures: when every peer is out, all are tried again (nginx's quick recovery)."""
    for peer in peers:
        peer.fails = 0
