"""What a change would change, for ``?dry_run=1``: servers that come, go or are altered, and keys that move.

Reads two states of an upstream and touches neither; ``admin.resource`` asks.  Host names are not looked up: those that
the upstream has now keep the addresses that it knows, new ones count as one address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address
from typing import Any, NamedTuple

from dyups.config.model import ServerSpec, UpstreamSpec
from dyups.config.upstreams import print_server
from dyups.control.condition import etag_of
from dyups.interfaces import Getter, Resolved
from dyups.upstream.group import Group

#: Keys that are tried: the same ones each time, enough for an error of about one percent.
SAMPLE = 4096
_CLIENT = "$remote_addr"
# Spreads consecutive numbers over all 32 bits (Knuth's multiplicative hash), so that clients come from everywhere.
_SPREAD = 2654435761


class Preview(NamedTuple):
    """The difference between two states of an upstream; None stands for one that does not exist."""

    name: str
    action: str
    """``create``, ``replace``, ``delete``, or ``nothing`` where both are the same."""
    added: tuple[str, ...]
    removed: tuple[str, ...]
    altered: tuple[tuple[str, str], ...]
    """Servers whose address stays and whose parameters do not, before and after."""
    commands_added: tuple[str, ...]
    commands_removed: tuple[str, ...]
    moved: float | None
    """The share of keys, from 0 to 1, that another server would get; None where servers are not chosen by a key, or by
    another key than before."""
    etag: str | None
    """The tag of what is there now."""


def preview(name: str, before: Group | None, after: UpstreamSpec | None) -> Preview:
    """What would change if ``after`` took the place of ``before``."""
    spec = None if before is None else before.spec
    old, new = _servers(spec), _servers(after)
    altered, removed, added = _paired(old, new)
    old_commands, new_commands = _commands(spec), _commands(after)
    return Preview(
        name=name,
        action=_action(spec, after),
        added=tuple(map(print_server, added)),
        removed=tuple(map(print_server, removed)),
        altered=tuple((print_server(was), print_server(shall)) for was, shall in altered),
        commands_added=tuple(command for command in new_commands if command not in old_commands),
        commands_removed=tuple(command for command in old_commands if command not in new_commands),
        moved=None if before is None or after is None else moved_share(before, after),
        etag=None if spec is None else etag_of(spec),
    )


def preview_text(found: Preview) -> str:
    """One line that says what, then ``+`` for what comes, ``-`` for what goes, ``~`` for what is altered."""
    lines = [f"would {_PHRASES[found.action].format(found.name)}"]
    lines += [f"- {server}" for server in found.removed]
    lines += [f"~ {was} -> {shall.removeprefix('server ')}" for was, shall in found.altered]
    lines += [f"+ {server}" for server in found.added]
    lines += [f"- {command}" for command in found.commands_removed]
    lines += [f"+ {command}" for command in found.commands_added]
    if found.moved is not None:
        lines.append(f"keys that move: {found.moved:.1%}")
    return "".join(f"{line}\n" for line in lines)


def preview_facts(found: Preview) -> dict[str, Any]:
    """The same as facts for JSON."""
    return {
        "name": found.name,
        "action": found.action,
        "servers": {
            "added": [*found.added],
            "removed": [*found.removed],
            "altered": [{"before": was, "after": shall} for was, shall in found.altered],
        },
        "commands": {"added": [*found.commands_added], "removed": [*found.commands_removed]},
        "moved": None if found.moved is None else round(found.moved, 4),
        "etag": found.etag,
    }


_PHRASES = {
    "create": "create upstream {}",
    "replace": "replace upstream {}",
    "delete": "delete upstream {}",
    "nothing": "change nothing in upstream {}",
}


def _action(before: UpstreamSpec | None, after: UpstreamSpec | None) -> str:
    if before is None or after is None:
        return "delete" if before is not None else "create"
    return "nothing" if before == after else "replace"


def _servers(spec: UpstreamSpec | None) -> tuple[ServerSpec, ...]:
    return () if spec is None else spec.servers


def _commands(spec: UpstreamSpec | None) -> tuple[str, ...]:
    return () if spec is None else spec.commands


def _paired(
    old: Sequence[ServerSpec], new: Sequence[ServerSpec]
) -> tuple[list[tuple[ServerSpec, ServerSpec]], list[ServerSpec], list[ServerSpec]]:
    """The altered, the removed, the added; servers that are written alike are no difference, wherever they stand."""
    removed, added = _less(old, new), _less(new, old)
    gone: dict[object, list[ServerSpec]] = {}
    for server in removed:
        gone.setdefault(_key(server), []).append(server)
    altered = [(same.pop(0), server) for server in added if (same := gone.get(_key(server)))]
    paired, left = [server for _, server in altered], [was for was, _ in altered]
    return altered, _less(removed, left), _less(added, paired)


def _less(servers: Sequence[ServerSpec], others: Sequence[ServerSpec]) -> list[ServerSpec]:
    """``servers`` without ``others``, in order; one that stands twice is two."""
    left = Counter(others)
    found = []
    for server in servers:
        if left[server]:
            left[server] -= 1
        else:
            found.append(server)
    return found


def _key(server: ServerSpec) -> tuple[str, int, str]:
    return server.host.lower(), server.port, server.path


# -- keys that move --------------------------------------------------------------------------------------------


class _OneKey:
    """A table in which every variable is the key under test: what :meth:`Group.pick` is given for a request."""

    def lookup(self, name: str) -> Getter | None:
        """See :class:`~dyups.interfaces.VariableTable`."""
        return _itself


def _itself(key: bytes) -> bytes:
    return key


def moved_share(before: Group, after: UpstreamSpec) -> float | None:
    """The share of sample keys that ``after`` gives to another server, all of them being up; see :class:`Preview`."""
    source = _key_source(before.spec)
    if source is None or source != _key_source(after):
        return None
    one, other = (_choices(spec, before.resolved, source) for spec in (before.spec, after))
    return sum(was != shall for was, shall in zip(one, other, strict=True)) / SAMPLE


def _key_source(spec: UpstreamSpec) -> str | None:
    """What servers are chosen by, if they are chosen by a key."""
    match spec.balancing.method:
        case "hash" | "consistent_hash":
            return spec.balancing.args[0]
        case "ip_hash":
            return _CLIENT
    return None


def _choices(spec: UpstreamSpec, known: Resolved, source: str) -> Iterator[str]:
    """The address, as written, of the server that each sample key gets."""
    # Servers and method alone: health checks, queues and sticky sessions are not asked.
    bare = UpstreamSpec(spec.name, spec.servers, spec.balancing)
    addresses = {server.host: (server.host,) for server in spec.servers if server.host}
    group = Group(bare, {**addresses, **known}, None, _OneKey())
    for number in range(SAMPLE):
        peer = group.pick(_sample(number, source), (), 0.0)
        yield "" if peer is None else peer.spec.address


def _sample(number: int, source: str) -> bytes:
    if source == _CLIENT:
        return str(IPv4Address(number * _SPREAD % (1 << 32))).encode()
    return b"key-%d" % number
