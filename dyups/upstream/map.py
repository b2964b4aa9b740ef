"""The dynamic upstream map: name to group.  The one thing that data plane and control plane share.

Replacing and deleting are O(1) in the number of upstreams.  Names compare without case (as nginx compares them);
the latest spelling is shown; the order is that of definition, a replaced upstream keeps its place.
"""

from __future__ import annotations

from collections.abc import Iterator

from dyups.config.model import UpstreamSpec, fold
from dyups.interfaces import Resolved
from dyups.upstream.group import Group


class UpstreamMap:
    """All upstreams of this process.

    ``get`` is the data plane's look-up: it takes the name as lower-case bytes and gives the group or None.
    """

    def __init__(self) -> None:
        self._groups: dict[bytes, Group] = {}
        self.get = self._groups.get
        self.sequence = 0
        """The number of the last change that was applied."""

    def __len__(self) -> int:
        return len(self._groups)

    def find(self, name: str) -> Group | None:
        """The group called ``name``, in any case, or None."""
        return self._groups.get(fold(name))

    def replace(self, spec: UpstreamSpec, resolved: Resolved) -> Group:
        """Create the upstream or replace it whole; servers that stay the same keep their live state."""
        key = fold(spec.name)
        group = Group(spec, resolved, self._groups.get(key))
        self._groups[key] = group
        return group

    def delete(self, name: str) -> bool:
        """Take the upstream away; False where there is none of that name."""
        group = self._groups.pop(fold(name), None)
        if group is None:
            return False
        group.retire()
        return True

    def groups(self) -> Iterator[Group]:
        """Every group in order of definition."""
        return iter(self._groups.values())

    def specs(self) -> Iterator[UpstreamSpec]:
        """What was said of each upstream, in order of definition."""
        return (group.spec for group in self._groups.values())
