"""The upstreams as the interface shows them: text as the seed has it, and facts for JSON.

Reads the map and changes nothing.  How a server or a command is written is ``config.upstreams``'; status codes and
fields are ``admin.answers``'.  ``admin.resource`` calls in here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from dyups.config.model import ServerSpec, UpstreamSpec
from dyups.config.upstreams import print_server, print_server_verbose
from dyups.control.condition import etag_of
from dyups.upstream.group import Group
from dyups.upstream.map import UpstreamMap
from dyups.upstream.peer import Peer


def map_tag(upstreams: UpstreamMap) -> str:
    """The entity tag of all upstreams together: equal tags, equal upstreams in equal order."""
    return f'"{upstreams.sequence}-{upstreams.digest:032x}"'


def list_text(upstreams: UpstreamMap) -> str:
    """``/list``: one name a line."""
    return "".join(f"{name}\n" for name in upstreams.names())


def detail_text(upstreams: UpstreamMap, verbose: bool) -> str:
    """``/detail``: of each upstream its name, its servers, an empty line."""
    return "".join(f"{spec.name}\n{_servers(spec, verbose)}\n" for spec in upstreams.specs())


def upstream_text(group: Group, verbose: bool) -> str:
    """``/upstream/NAME``: the servers, then the other commands."""
    commands = "".join(f"{command}\n" for command in group.spec.commands)
    return _servers(group.spec, verbose) + commands


def _servers(spec: UpstreamSpec, verbose: bool) -> str:
    line: Callable[[ServerSpec], str] = print_server_verbose if verbose else print_server
    return "".join(f"{line(server)}\n" for server in spec.servers)


def list_facts(upstreams: UpstreamMap) -> dict[str, Any]:
    """The facts of ``/list``."""
    return {"upstreams": [*upstreams.names()]}


def detail_facts(upstreams: UpstreamMap, now: float) -> dict[str, Any]:
    """The facts of ``/detail``: every upstream, and the number of the last change."""
    facts = [upstream_facts(group, now) for group in upstreams.groups()]
    return {"sequence": upstreams.sequence, "upstreams": facts}


def workers_text(facts: Iterable[Mapping[str, Any]]) -> str:
    """``/detail?workers=1``: one line for each worker.

    ``sequence`` is the last change that it routes by, ``digest`` stands for its whole map (equal maps have equal
    digests), ``heartbeat`` is how many seconds ago it said so.
    """
    return "".join(
        f"worker {worker['pid']} sequence {worker['sequence']} digest {worker['digest']} "
        f"heartbeat {worker['heartbeat']} {worker['state']}\n"
        for worker in facts
    )


def own_facts(pid: int, upstreams: UpstreamMap) -> dict[str, Any]:
    """The facts of a process that is alone: ``workers.child`` has those of a worker."""
    return {
        "pid": pid,
        "sequence": upstreams.sequence,
        "digest": f"{upstreams.digest:032x}",
        "heartbeat": 0.0,
        "state": "accepting",
    }


def upstream_facts(group: Group, now: float) -> dict[str, Any]:
    """The facts of one upstream; ``now`` is the data plane's clock, in seconds.  Times are in seconds."""
    spec = group.spec
    group.look()
    return {
        "name": spec.name,
        "etag": etag_of(spec),
        "balancing": {"method": spec.balancing.method, "args": [*spec.balancing.args]},
        "keepalive": spec.keepalive,
        "keepalive_timeout": spec.keepalive_timeout,
        "keepalive_requests": spec.keepalive_requests,
        "keepalive_time": spec.keepalive_time,
        "commands": [*spec.commands],
        "servers": [
            _server_facts(server, peers, now)
            for server, peers in zip(spec.servers, _peers_of(group), strict=True)
        ],
    }


def _server_facts(server: ServerSpec, peers: Sequence[Peer], now: float) -> dict[str, Any]:
    return {
        "server": server.address,
        "command": f"{print_server(server)};",
        "weight": server.weight,
        "max_conns": server.max_conns,
        "max_fails": server.max_fails,
        "fail_timeout": server.fail_timeout,
        "backup": server.backup,
        "down": server.down,
        "drain": server.drain,
        "resolve": server.resolve,
        "route": server.route,
        "service": server.service,
        "slow_start": server.slow_start,
        "peers": [_peer_facts(peer, now) for peer in peers],
    }


def _peer_facts(peer: Peer, now: float) -> dict[str, Any]:
    return {
        "address": str(peer.address),
        "up": peer.up(now),
        "active": peer.active,
        "requests": peer.requests,
        "fails": peer.fails,
        "idle": len(peer.idle or ()),
    }


def _peers_of(group: Group) -> Iterator[list[Peer]]:
    """The peers of each server in order of definition.

    A name has as many peers as addresses; servers that are written alike share theirs evenly.
    """
    found: dict[ServerSpec, list[Peer]] = {}
    for peer in (*group.peers, *group.backups):
        found.setdefault(peer.spec, []).append(peer)
    left = Counter(group.spec.servers)
    for server in group.spec.servers:
        peers = found.get(server, [])
        share = len(peers) // left[server]
        left[server] -= 1
        yield peers[:share]
        del peers[:share]
