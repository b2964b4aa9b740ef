"""What health checks found, where balancers see it: on the peers.

``group`` begins a group with what is known, ``workers`` brings what the checker finds (:class:`Judge`).  Which
servers are checked, and how, is ``health``'s; here is only up and down.
"""

from __future__ import annotations

from collections.abc import Iterable

from dyups.interfaces import Address
from dyups.upstream.group import Group
from dyups.upstream.map import UpstreamMap
from dyups.upstream.peer import Peer

#: Groups with more peers than this have their addresses looked up, not searched.
SMALL = 32


#: The key of an upstream, an address as text, and whether the server there is down.
Verdict = tuple[bytes, str, bool]


def checked_addresses(group: Group) -> dict[Address, None]:
    """The addresses of a group that are to be checked: all but those of servers marked ``down`` (as in Tengine)."""
    return {peer.address: None for peer in group.all_peers() if not peer.spec.down}


class Judge:
    """Applies verdicts to a map; remembers how the last big group is looked up, since verdicts come in rows."""

    def __init__(self, upstreams: UpstreamMap) -> None:
        self._upstreams = upstreams
        self._group: Group | None = None
        self._by_name: dict[bytes, list[Peer]] = {}

    def judge(self, verdicts: Iterable[Verdict]) -> None:
        """Have balancers mind them; what is not there, or not checked any more, is passed over."""
        for upstream, address, down in verdicts:
            group = self._upstreams.get(upstream)
            if group is not None and group.spec.check is not None:
                for peer in self._peers_at(group, address.encode()):
                    peer.judge(down)

    def _peers_at(self, group: Group, name: bytes) -> Iterable[Peer]:
        if len(group.peers) + len(group.backups) <= SMALL:
            return (peer for peer in group.all_peers() if peer.name == name)
        if self._group is not group:
            self._group = group
            self._by_name = {}
            for peer in group.all_peers():
                self._by_name.setdefault(peer.name, []).append(peer)
        return self._by_name.get(name, ())
