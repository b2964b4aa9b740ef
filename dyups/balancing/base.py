"""What a balancer may know of a peer, and what a group may ask of a balancer."""

from __future__ import annotations

from collections.abc import Container, Iterable
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
    """Not to be asked: the configuration says so, or health checks do, which may turn it at any time."""


#: :attr:`Rising.rising` of a peer that has recovered since the last choice.
JUST_NOW = -1.0


class Tally:
    """Tells balancers that a choice made before may not hold any more, without asking every peer."""

    __slots__ = ("failures", "verdicts")

    def __init__(self) -> None:
        self.failures = 0
        """Failed attempts of all peers of the group, and what is counted in ``verdicts``; only grows."""
        self.verdicts = 0
        """How often health checks have found one of the peers up or down (``Candidate.down``); only grows."""


C = TypeVar("C", bound=Candidate)


class Balancer(Protocol):
    """One method over some of the peers of one group: its primaries or its backups.

    What to do where none of them may be asked is the group's to decide.
    """

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> Any | None:
        """A peer for the request that is none of ``tried``, or None where no peer may be asked.

        ``now`` is seconds on the clock that ``checked`` is kept by.
        """
        ...


def is_open(peer: Candidate, now: float) -> bool:
    """May ``peer`` be asked now: not down, not full, not out for failures (``max_fails``, ``fail_timeout``)."""
    # One expression, without has_room and is_out: this runs for every peer at every weighted choice.
    return not (
        peer.down
        or (
            peer.fails
            and peer.max_fails
            and peer.fails >= peer.max_fails
            and now - peer.checked <= peer.fail_timeout
        )
        or (peer.max_conns and peer.active >= peer.max_conns)
    )


def has_room(peer: Candidate) -> bool:
    """Is ``peer`` neither down nor full (``max_conns``)."""
    return not (peer.down or (peer.max_conns and peer.active >= peer.max_conns))


def is_out(peer: Candidate, now: float) -> bool:
    """Has ``peer`` failed ``max_fails`` times, with ``fail_timeout`` not over yet."""
    return bool(peer.max_fails) and peer.fails >= peer.max_fails and now - peer.checked <= peer.fail_timeout


def forgive(peers: Iterable[Candidate], now: float) -> bool:
    """Let those of ``peers`` that are out be asked again; is there any.

    Called where nobody may be asked at all: then all are tried again (nginx's "quick recovery").
    """
    any_out = False
    for peer in peers:
        if not peer.down and is_out(peer, now):
            peer.fails = 0
            any_out = True
    return any_out


def begin_trial(peer: Candidate, now: float) -> None:
    """``peer`` was chosen: after ``fail_timeout`` one request may try it, the next waits for what becomes of that."""
    if now - peer.checked > peer.fail_timeout:
        peer.checked = now
