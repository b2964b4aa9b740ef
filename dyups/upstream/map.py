"""The dynamic upstream map: name to group.  The one thing that data plane and control plane share.

Replacing and deleting are O(1) in the number of upstreams.  Names compare without case (as nginx compares them);
the latest spelling is shown; the order is that of definition, a replaced upstream keeps its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import blake2b

from dyups.config.model import UpstreamSpec, fold
from dyups.config.upstreams import print_upstream
from dyups.config.variables import NO_VARIABLES
from dyups.interfaces import Resolved, VariableTable
from dyups.upstream.group import Group

#: How many digests there are.
DIGESTS = 1 << 128


#: Called with the key of an upstream, and the group that it has now, or None where it was deleted.
Watch = Callable[[bytes, Group | None], None]


def digest_of(spec: UpstreamSpec) -> int:
    """128 bits that stand for the upstream's name and commands."""
    text = print_upstream(spec).encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(text, digest_size=16).digest(), "big")


class UpstreamMap:
    """All upstreams of this process.

    ``get`` is the data plane's look-up: it takes the name as lower-case bytes and gives the group or None.
    """

    def __init__(self, variables: VariableTable = NO_VARIABLES) -> None:
        self.variables = variables
        """What the key of a balancing method may read: whoever checks a command for this map does it with these."""
        self._groups: dict[bytes, Group] = {}
        self.followed: dict[bytes, Group] = {}
        """The upstreams whose names are looked up again and again (``resolve``)."""
        self.get = self._groups.get
        self.watch: Watch | None = None
        """Hears of every change."""
        self.sequence = 0
        """The number of the last change that was applied."""
        self._digest: int | None = None

    def __len__(self) -> int:
        return len(self._groups)

    def find(self, name: str) -> Group | None:
        """The group called ``name``, in any case, or None."""
        return self._groups.get(fold(name))

    def replace(self, spec: UpstreamSpec, resolved: Resolved) -> Group:
        """Create the upstream or replace it whole; servers that stay the same keep their live state."""
        key = fold(spec.name)
        before = self._groups.get(key)
        group = Group(spec, resolved, before, self.variables)
        self._groups[key] = group
        if before is not None and before.pool.queue is not None:
            before.pool.queue.moved()
        if group.followed:
            self.followed[key] = group
        elif before is not None and before.followed:
            del self.followed[key]
        if self._digest is not None:
            replaced = 0 if before is None else digest_of(before.spec)
            self._digest = (self._digest - replaced + digest_of(spec)) % DIGESTS
        if self.watch is not None:
            self.watch(key, group)
        return group

    def delete(self, name: str) -> bool:
        """Take the upstream away; False where there is none of that name."""
        group = self._groups.pop(fold(name), None)
        if group is None:
            return False
        self.followed.pop(fold(name), None)
        group.retire()
        if group.pool.queue is not None:
            group.pool.queue.moved()
        if self._digest is not None:
            self._digest = (self._digest - digest_of(group.spec)) % DIGESTS
        if self.watch is not None:
            self.watch(group.key, None)
        return True

    @property
    def digest(self) -> int:
        """A number of 128 bits that is the same for maps which say the same, in whatever order.

        From the first time it is asked for, a change moves it on at the cost of that one upstream.
        """
        if self._digest is None:
            self._digest = sum(map(digest_of, self.specs())) % DIGESTS
        return self._digest

    def groups(self) -> Iterator[Group]:
        """Every group in order of definition."""
        return iter(self._groups.values())

    def specs(self) -> Iterator[UpstreamSpec]:
        """What was said of each upstream, in order of definition."""
        return (group.spec for group in self._groups.values())
