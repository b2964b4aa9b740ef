"""What the workers of a crew share about the servers of upstreams that have a ``zone``, and ``sticky learn`` sessions.

The memory is a ledger (``shared.ledger``); here is what its rows stand for: one for each upstream with a zone, one for
each of its servers (the same address with the same parameters is the same server, as for ``group``), and one for the
sessions of each ``sticky learn``.  The master gives the rows away as it makes groups (:class:`Allotting`), so they are
there before a worker hears of the change; workers find them (:class:`Counting`).

In such a group the choice of a server sees requests under way and failures of all processes (:class:`SharedChoice`), as
in nginx (``ngx_http_upstream_zone_module``).  Where the choice depends on numbers that others change (``max_conns``,
``least_conn`` and the like, or a failure), it is made under the upstream's lock and counted before that is given up,
so that two processes never take the same last place, nor both try a server that may have recovered.  Otherwise no lock
is needed.  Weights of the moment are each worker's own.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any

from twisted.logger import Logger

from dyups.balancing.base import Balancer
from dyups.balancing.sticky import Learned
from dyups.config.servers import print_server
from dyups.config.sticky import StickyLearn
from dyups.shared.ledger import Column, Ledger
from dyups.shared.rows import Head, Row
from dyups.shared.sessions import SharedSessions
from dyups.upstream.group import Group
from dyups.upstream.peer import Peer

#: The methods that go by requests under way, beside those that plugins have.
_BY_LOAD = ("balancer", "least_conn", "least_time")

_log = Logger()


def goes_by_load(group: Group) -> bool:
    """Does the choice depend on how many requests are under way?"""
    balancing = group.spec.balancing
    by_load = balancing.method in _BY_LOAD or (balancing.method == "random" and bool(balancing.args))
    return by_load or any(peer.max_conns for peer in group.all_peers())


# -- keys --------------------------------------------------------------------------------------------------------


def head_key(group: Group) -> bytes:
    """The key of the upstream's own row."""
    return b"upstream\0" + group.key


def server_keys(group: Group) -> list[bytes]:
    """The keys of its servers' rows, in the order of its peers; one that is written twice has two."""
    seen: dict[bytes, int] = {}
    keys: list[bytes] = []
    for peer in group.all_peers():
        said = print_server(peer.spec).encode("utf-8", "surrogateescape")
        key = b"\0".join((b"server", group.key, peer.name, said))
        number = seen[key] = seen.get(key, 0) + 1
        keys.append(b"%b\0%d" % (key, number))
    return keys


def sessions_key(group: Group, spec: StickyLearn) -> bytes:
    """The key of its sessions: another zone, or another size, begins with none."""
    zone = spec.zone.encode("utf-8", "surrogateescape")
    return b"\0".join((b"sessions", group.key, zone, b"%d" % spec.size))


def keys_of(group: Group) -> dict[bytes, int]:
    """Every key that the group has, with the bytes of the area that it needs."""
    keys: dict[bytes, int] = {}
    if group.spec.zone:
        keys = dict.fromkeys((head_key(group), *server_keys(group)), 0)
    if isinstance(group.spec.sticky, StickyLearn):
        keys[sessions_key(group, group.spec.sticky)] = group.spec.sticky.size
    return keys


# -- the master's side -------------------------------------------------------------------------------------------


class Allotting:
    """Gives rows to the groups of the master's map (:class:`~dyups.upstream.map.Sharing`)."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def made(self, group: Group, before: Group | None) -> None:
        """The group has, and keeps, what it needs; what only ``before`` had is given back."""
        keys = keys_of(group)
        for key, area in keys.items():
            self._allot(group, key, area)
        if before is not None:
            self._ledger.let_go(keys_of(before).keys() - keys.keys())

    def _allot(self, group: Group, key: bytes, area: int) -> None:
        reason = "the ledger is full"
        try:
            if self._ledger.row(key, area) >= 0:
                return
        except OSError as error:
            reason = str(error)
        _log.error(
            "workers count for upstream {name} each by itself: {reason}", name=group.spec.name, reason=reason
        )

    def gone(self, group: Group) -> None:
        """The upstream was deleted."""
        self._ledger.let_go(keys_of(group))

    def keep_only(self, groups: Iterable[Group]) -> None:
        """There are no others any more, in any worker."""
        self._ledger.keep_only(key for group in groups for key in keys_of(group))


# -- the workers' side -------------------------------------------------------------------------------------------


class Counting:
    """Has the groups of a worker's map count in its column (:class:`~dyups.upstream.map.Sharing`)."""

    def __init__(self, column: Column) -> None:
        self._column = column
        self._sessions: dict[bytes, SharedSessions] = {}

    def made(self, group: Group, before: Group | None) -> None:
        """See :class:`Allotting`.  What has no row is counted by this worker alone."""
        head = self._column.find(head_key(group)) if group.spec.zone else -1
        if head >= 0:
            self._count(group, Head(self._column, head))
        else:
            _stop(group)
        if isinstance(group.sticky, Learned):
            self._remember(group, group.sticky)

    def _count(self, group: Group, head: Head) -> None:
        for peer, key in zip(group.all_peers(), server_keys(group), strict=True):
            if peer.row is None and (row := self._column.find(key)) >= 0:
                peer.row = Row(self._column, row, head)
                for _ in range(peer.active):
                    peer.row.more()
        group.share(Together(group, self._column, head))

    def _remember(self, group: Group, learned: Learned) -> None:
        assert isinstance(group.spec.sticky, StickyLearn)
        key = sessions_key(group, group.spec.sticky)
        sessions = self._sessions.get(key)
        if sessions is None and (row := self._column.find(key)) >= 0:
            try:
                sessions = SharedSessions(self._column.fd, self._column.locks, *self._column.area(row))
            except (OSError, ValueError) as error:
                _log.error("sessions of upstream {name}: {error}", name=group.spec.name, error=error)
                return
            self._sessions[key] = sessions
        if sessions is not None:
            learned.sessions = sessions

    def gone(self, group: Group) -> None:
        """Requests under way end as they began; sessions are forgotten."""
        if isinstance(group.spec.sticky, StickyLearn):
            self._sessions.pop(sessions_key(group, group.spec.sticky), None)


def _stop(group: Group) -> None:
    """Servers that were counted with others' until now are counted by this worker alone."""
    for peer in group.all_peers():
        peer.count_here()


class Together:
    """A group's servers as all processes count them (:class:`~dyups.upstream.group.Shared`)."""

    __slots__ = ("_by_load", "_column", "_failing", "_head", "_peers", "_seen")

    def __init__(self, group: Group, column: Column, head: Head) -> None:
        self._column = column
        self._head = head
        self._peers: Sequence[tuple[Peer, Row]] = [
            (peer, peer.row) for peer in group.all_peers() if peer.row is not None
        ]
        self._by_load = goes_by_load(group)
        self._failing = False
        """Some server has failures."""
        self._seen = -1
        """The stamp of what was read last."""

    def around(self, balancer: Balancer) -> Balancer:
        """The balancer that minds what others do."""
        return SharedChoice(balancer, self)

    def calm(self) -> bool:
        """Does the choice depend on nothing that others change?"""
        return not (self._by_load or self._failing or self._head.stamp != self._seen)

    def begin(self) -> None:
        """Take the lock, and read what others did."""
        self._head.lock()
        if self._by_load:
            self._read_load()
        if self._head.stamp != self._seen:
            self._read_failures()

    def end(self, chosen: Peer | None) -> None:
        """Count what was chosen, and give up the lock."""
        try:
            if chosen is not None and chosen.row is not None:
                chosen.row.more()
                if chosen.fails:
                    self._tell_of_trial(chosen, chosen.row)
        finally:
            self._head.unlock()

    def _tell_of_trial(self, peer: Peer, row: Row) -> None:
        """The request may be the one that tries it (``balancing.base.begin_trial``): no other is to."""
        faults = row.read()
        if peer.checked > faults.checked:
            row.write(faults._replace(checked=peer.checked))
            self._seen = self._head.stamp

    def _read_load(self) -> None:
        columns = self._column.in_use
        for peer, row in self._peers:
            if peer.row is row:  # it may be counted here alone by now, and this be a group that was replaced
                peer.active = row.total(columns)

    def _read_failures(self) -> None:
        self._failing = False
        self._seen = self._head.stamp
        for peer, row in self._peers:
            faults = row.read()
            if peer.row is row:
                peer.heed(*faults)
            if faults.fails:
                self._failing = True

    def look(self) -> None:
        """Bring what the peers say up to date, for whoever wants to show it."""
        self._head.lock()
        try:
            self._read_load()
            self._read_failures()
        finally:
            self._head.unlock()

    def forgive(self) -> None:
        """Have all servers asked again by everybody (``balancing.base.forgive``)."""
        for peer, row in self._peers:
            if not peer.fails:
                row.forgiven()


class SharedChoice:
    """The balancer of a group that is counted together, in front of the others."""

    __slots__ = ("_balancer", "_together")

    def __init__(self, balancer: Balancer, together: Together) -> None:
        self._balancer = balancer
        self._together = together

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> Any | None:
        """See :class:`~dyups.balancing.base.Balancer`.  Who is chosen has been counted (``Peer.row``)."""
        peer: Any | None = None
        together = self._together
        if together.calm():
            peer = self._balancer.pick(exchange, tried, now)
            if peer is not None and peer.row is not None:
                peer.row.more()
            return peer
        together.begin()
        try:
            peer = self._balancer.pick(exchange, tried, now)
        finally:
            together.end(peer)
        return peer
