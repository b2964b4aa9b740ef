"""One server address of an upstream with its live state: requests under way, failures, idle connections.

What the configuration says stands in :class:`~dyups.config.model.ServerSpec`; this object lives as long as the same
server stands in the upstream, whatever else of the upstream is replaced.  ``proxy`` counts on it, ``balancing`` reads
it, ``upstream.group`` makes and retires it.
"""

from __future__ import annotations

from typing import Protocol

from dyups.balancing import base as balancing
from dyups.balancing.base import JUST_NOW, is_open
from dyups.balancing.times import Times
from dyups.config.model import ServerSpec
from dyups.interfaces import Address
from dyups.shared.rows import Row
from dyups.upstream.queue import Queue
from dyups.upstream.tally import Tally


class IdleLink(Protocol):
    """An idle connection to a server, as a peer keeps it."""

    @property
    def channel(self) -> object:
        """What it may be used for again: None for a plain connection."""
        ...

    def discard(self) -> None:
        """Close it; it is in no pool any more."""
        ...


class Pool(balancing.Tally):
    """What the peers of one upstream count together: idle connections, and failures."""

    __slots__ = ("idle", "lasts", "limit", "most_requests", "queue", "waits")

    def __init__(
        self, limit: int, most_requests: int = 1000, lasts: float = 3600.0, waits: float = 60.0
    ) -> None:
        super().__init__()
        self.most_requests = most_requests
        """On one connection (``keepalive_requests``)."""
        self.lasts = lasts
        """Seconds for which a connection may be used (``keepalive_time``)."""
        self.waits = waits
        """Seconds for which it may be idle (``keepalive_timeout``)."""
        self.limit = limit
        """How many idle connections the upstream may keep (``keepalive``)."""
        self.idle = 0
        """How many it keeps: those of all its peers."""
        self.queue: Queue | None = None
        """Requests that wait for room (``queue``)."""


class Peer:
    """A server with its live state.  Counters are this worker's, but for what ``row`` shares with all of them."""

    __slots__ = (
        "accessed",
        "active",
        "address",
        "checked",
        "down",
        "effective_weight",
        "fail_timeout",
        "failed",
        "fails",
        "idle",
        "max_conns",
        "max_fails",
        "name",
        "pool",
        "requests",
        "retired",
        "rising",
        "row",
        "slow_start",
        "spec",
        "tally",
        "times",
        "unwell",
        "weight",
    )

    def __init__(self, spec: ServerSpec, address: Address, pool: Pool) -> None:
        self.spec = spec
        self.address = address
        self.name = str(address).encode()
        """The address as ``$upstream_addr`` shows it."""
        self.weight = spec.weight
        self.effective_weight = spec.weight
        self.max_conns = spec.max_conns
        self.max_fails = spec.max_fails
        self.fail_timeout = spec.fail_timeout
        self.down = spec.down or spec.drain
        """Not to be asked: the configuration says so, or :meth:`judge` was told."""
        self.slow_start = spec.slow_start
        self.rising = 0.0
        """When it recovered, while its weight grows (``balancing.slow_start``)."""
        self.times: Times | None = None
        """How long its answers take, where the balancing method goes by that."""
        self.tally: Tally | None = None
        """Its answers, where a status page shows them."""
        self.unwell = False
        """What health checks say, where there are some."""
        self.row: Row | None = None
        """Where it is counted together with what other processes count (``upstream.sharing``)."""
        self.active = 0
        """Requests under way; with ``row`` those of all processes, as far as a choice of a server depends on it."""
        self.requests = 0
        self.fails = 0
        self.failed = 0
        self.checked = 0.0
        self.accessed = 0.0
        self.pool = pool
        self.idle: list[IdleLink] | None = None
        """Idle connections, the last used at the end; None until the first (most peers of a big map)."""
        self.retired = False

    def __repr__(self) -> str:
        return (
            f"<Peer {self.name.decode()} active={self.active} fails={self.fails} idle={len(self.idle or ())}>"
        )

    def weigh(self, weight: int) -> None:
        """Go by ``weight`` instead of the server's own (SRV records)."""
        if weight != self.weight:
            self.weight = self.effective_weight = weight

    def up(self, now: float) -> bool:
        """May it be asked at ``now`` (seconds): not down, not full, not out by ``max_fails``."""
        return is_open(self, now)

    def judge(self, unwell: bool) -> None:
        """Health checks say how it is; the balancers are to mind where that makes a difference."""
        if self.slow_start and self.unwell and not unwell:
            self.rising = JUST_NOW
        self.unwell = unwell
        down = unwell or self.spec.down or self.spec.drain
        if down != self.down:
            self.down = down
            self.pool.verdicts += 1
            self.pool.failures += 1

    def ended(self) -> None:
        """A request of ours is not under way any more.  (Who chose the peer has counted it in ``row``.)"""
        self.active -= 1
        if self.row is not None:
            self.row.less()

    def stay(self) -> None:
        """Keep a place for a request that is about to end, and to be sent again."""
        if self.row is not None:
            self.row.more()

    def leave(self) -> None:
        """Give up the place that was kept (:meth:`stay`)."""
        if self.row is not None:
            self.row.less()

    def note_failure(self, now: float) -> None:
        """Count a failed attempt (``ngx_http_upstream_free_round_robin_peer``)."""
        self.failed += 1
        self.pool.failures += 1
        if self.row is not None:
            self.heed(*self.row.failed(now))
        else:
            self.fails += 1
            self.accessed = self.checked = now
        if self.max_fails:
            self.effective_weight = max(0, self.effective_weight - self.weight // self.max_fails)

    def note_success(self) -> None:
        """A good answer ends a run of failures, if it is newer than the last of them."""
        if self.row is not None:
            self.heed(*self.row.succeeded())
        elif self.accessed < self.checked:
            self._end_of_failures()

    def _end_of_failures(self) -> None:
        if self.slow_start and self.max_fails and self.fails >= self.max_fails:
            self.rising = JUST_NOW
        self.fails = 0

    def heed(self, fails: int, accessed: float, checked: float) -> None:
        """This is what all processes have counted together: balancers are to mind it."""
        if fails != self.fails or checked != self.checked:
            self.pool.failures += 1
        if not fails:
            self._end_of_failures()
        self.fails = fails
        self.accessed = accessed
        self.checked = checked

    def count_here(self) -> None:
        """From now on it is counted by this process alone."""
        if self.row is not None:
            self.active = self.row.release()
            self.row = None

    @property
    def ours(self) -> int:
        """Requests of this process that are under way."""
        return self.active if self.row is None else self.row.held

    def take_idle(self, channel: object = None) -> IdleLink | None:
        """The idle connection of ``channel`` that was used last, or None."""
        idle = self.idle
        if not idle:
            return None
        if idle[-1].channel is channel:
            self.pool.idle -= 1
            return idle.pop()
        for link in reversed(idle):
            if link.channel is channel:
                self.drop_idle(link)
                return link
        return None

    def keep_idle(self, link: IdleLink) -> bool:
        """Keep ``link`` for the next request; False where it is not wanted (the caller closes it).

        When the upstream has ``keepalive`` idle connections already, this peer's oldest makes room, as in nginx the
        least recently used one does.
        """
        pool = self.pool
        if self.retired or not pool.limit:
            return False
        if self.idle is None:
            self.idle = []
        if pool.idle >= pool.limit:
            if not self.idle:
                return False
            oldest = self.idle.pop(0)
            self.idle.append(link)
            oldest.discard()
            return True
        self.idle.append(link)
        pool.idle += 1
        return True

    def drop_idle(self, link: IdleLink) -> None:
        """Forget an idle connection that its server, or its time limit, has closed."""
        if self.idle and link in self.idle:
            self.idle.remove(link)
            self.pool.idle -= 1

    def join(self, pool: Pool) -> None:
        """Move into the group that replaces the present one; idle connections come along as far as there is room."""
        idle = self.idle or []
        self.pool.idle -= len(idle)
        self.pool = pool
        too_many = max(0, pool.idle + len(idle) - pool.limit)
        oldest, idle[:too_many] = idle[:too_many], []
        pool.idle += len(idle)
        for link in oldest:
            link.discard()

    def retire(self) -> None:
        """The server is in no upstream any more: idle connections close, those in use close after their request."""
        self.retired = True
        idle, self.idle = self.idle or [], None
        self.pool.idle -= len(idle)
        for link in idle:
            link.discard()
