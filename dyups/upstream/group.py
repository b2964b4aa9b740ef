"""One upstream as the data plane uses it: its peers, its balancer, its pool.

A group is made whole from an :class:`~dyups.config.model.UpstreamSpec` and never edited: a change makes another group
and swaps it in ``upstream.map``.  Requests under way keep the group they began with.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any, Protocol

from dyups.balancing.base import Balancer, forgive
from dyups.balancing.methods import balancer_for, binding_for, key_for, measures
from dyups.balancing.sticky import Binding, StickyFirst
from dyups.config.checks import CheckSpec
from dyups.config.model import ServerSpec, UpstreamSpec, fold
from dyups.config.variables import NO_VARIABLES
from dyups.interfaces import Address, Getter, Resolved, VariableTable
from dyups.upstream.peer import Peer, Pool
from dyups.upstream.places import looked_up, places
from dyups.upstream.queue import BehindQueue, Queue

NOBODY: tuple[Peer, ...] = ()


def _by_server(group: Group | None) -> dict[tuple[Address, ServerSpec], list[Peer]]:
    """The peers of ``group`` by what makes a server the same; one that is written twice has two."""
    found: dict[tuple[Address, ServerSpec], list[Peer]] = {}
    if group is not None:
        for peer in group.all_peers():
            found.setdefault((peer.address, peer.spec), []).append(peer)
    return found


def _begin_verdicts(check: CheckSpec | None, peers: list[Peer], before: Group | None) -> None:
    """Servers that were checked before are as they were found, others begin by ``default_down``."""
    found: dict[Address, bool] = {}
    if check is not None and before is not None and before.spec.check is not None:
        found = {peer.address: peer.unwell for peer in before.all_peers()}
    default = check is not None and check.default_down
    for peer in peers:
        peer.judge(found.get(peer.address, default))


class Shared(Protocol):
    """How servers stand that all processes count together (``upstream.sharing``)."""

    def around(self, balancer: Balancer) -> Balancer:
        """The balancer that minds what others do."""
        ...

    def look(self) -> None:
        """Bring what the peers say up to date."""
        ...

    def forgive(self) -> None:
        """Peers without failures shall have none for the others either."""
        ...


class Group:
    """An upstream, replaced whole.

    ``spec`` is what was said; ``peers`` are the primaries and ``backups`` the servers marked ``backup``, in order of
    definition, each name with all its addresses.  ``variables`` are those that ``spec`` was checked with: others
    may raise ConfigError.
    """

    __slots__ = (
        "_backup_balancer",
        "_balancer",
        "backups",
        "followed",
        "key",
        "measures",
        "peers",
        "pool",
        "resolved",
        "shared",
        "spec",
        "sticky",
    )

    def __init__(
        self,
        spec: UpstreamSpec,
        resolved: Resolved,
        before: Group | None = None,
        variables: VariableTable = NO_VARIABLES,
    ) -> None:
        key = key_for(spec.balancing, variables)  # may fail, so before any peer moves
        self.sticky: Binding | None = binding_for(
            spec.sticky, variables, None if before is None else before.sticky
        )
        """Sessions that belong to a server; None ordinarily."""
        self.spec = spec
        self.key = fold(spec.name)
        self.resolved = looked_up(resolved)
        """The addresses of names that the group was made with."""
        self.pool = Pool(spec.keepalive, spec.keepalive_requests, spec.keepalive_time, spec.keepalive_timeout)
        self.measures = measures(spec.balancing)
        """The times of its servers are to be kept (``least_time``)."""
        self.followed = False
        """Some of its names are looked up while running (``resolve``)."""
        known = _by_server(before)
        primaries: list[Peer] = []
        backups: list[Peer] = []
        for server in spec.servers:
            if server.resolve and server.followed:
                self.followed = True
            for address, weight, backup in places(server, resolved):
                same = known.get((address, server))
                if same:
                    peer = same.pop(0)
                    peer.join(self.pool)
                else:
                    peer = Peer(server, address, self.pool)
                if weight:
                    peer.weigh(weight)
                (backups if backup else primaries).append(peer)
        if spec.check is not None or (before is not None and before.spec.check is not None):
            _begin_verdicts(spec.check, [*primaries, *backups], before)
        self.peers = tuple(primaries)
        self.backups = tuple(backups) if backups else NOBODY
        if spec.queue is not None:
            self.pool.queue = Queue(spec.queue.limit, spec.queue.timeout)
        self._balancer: Balancer = self._make(key, variables, self.peers, alone=not backups)
        self._backup_balancer: Balancer | None = None
        self.shared: Shared | None = None
        """What other processes count too; None ordinarily."""
        if backups:
            self._backup_balancer = self._make(key, variables, self.backups, alone=False)
        for gone in known.values():
            for peer in gone:
                peer.retire()

    def _make(self, key: Getter, variables: VariableTable, peers: Sequence[Peer], *, alone: bool) -> Balancer:
        """The balancer over ``peers``, with what stands before the method."""
        balancer = balancer_for(self.spec.balancing, peers, self.pool, key, alone=alone, variables=variables)
        if self.sticky is not None:
            balancer = StickyFirst(balancer, peers, self.sticky)
        queue = self.pool.queue
        return balancer if queue is None else BehindQueue(balancer, queue)

    def share(self, shared: Shared) -> None:
        """Choose by what all processes count; to be called before the first choice."""
        self.shared = shared
        self._balancer = shared.around(self._balancer)
        if self._backup_balancer is not None:
            self._backup_balancer = shared.around(self._backup_balancer)
        if self.pool.queue is not None:
            self.pool.queue.everywhere = True

    def look(self) -> None:
        """Have the peers say what all processes count, for whoever shows it."""
        if self.shared is not None:
            self.shared.look()

    def __repr__(self) -> str:
        return f"<Group {self.spec.name} {[*self.all_peers()]}>"

    def all_peers(self) -> Iterator[Peer]:
        """Primaries, then backups."""
        yield from self.peers
        yield from self.backups

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> Peer | None:
        """A peer for the request that is none of ``tried``; a backup only where no primary may be asked.

        Where nobody at all may be asked, those that are out for their failures are all tried again.
        """
        peer: Peer | None = self._balancer.pick(exchange, tried, now)
        if peer is None and self._backup_balancer is not None:
            peer = self._backup_balancer.pick(exchange, tried, now)
        if peer is not None:
            if peer.row is not None and self.shared is None:
                peer.row.more()  # it is shared by the group that has replaced this one
            return peer
        if not tried and forgive(self.all_peers(), now):
            if self.shared is not None:
                self.shared.forgive()
            return self.pick(exchange, tried, now)
        return None

    def retire(self) -> None:
        """The upstream was deleted: nothing new is sent to its servers."""
        for peer in self.all_peers():
            peer.retire()
