"""The dynamic upstream map: name to group.  The one thing that data plane and control plane share.

Replacing and deleting are O(1) in the number of upstreams.  An upstream of the dump is kept as it is written until
somebody asks for it: a start does not wait for 100,000 groups to be made.

Names compare without case (as nginx compares them); the latest spelling is shown; the order is that of definition, a
replaced upstream keeps its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Protocol

from dyups.config.model import UpstreamSpec, fold
from dyups.config.variables import NO_VARIABLES
from dyups.config.written import Said, Written, spec_of, text_of
from dyups.interfaces import Resolved, VariableTable
from dyups.upstream.group import Group

#: How many digests there are.
DIGESTS = 1 << 128


#: Called with the key of an upstream, and the group that it has now, or None where it was deleted.
Watch = Callable[[bytes, Group | None], None]


class Sharing(Protocol):
    """What has groups counted together with those of other processes (``upstream.sharing``)."""

    def made(self, group: Group, before: Group | None) -> None:
        """A group that takes the place of ``before``, if of any; nobody has used it yet."""
        ...

    def gone(self, group: Group) -> None:
        """A group that was deleted."""
        ...


def digest_of(said: Said) -> int:
    """128 bits that stand for the upstream's name and commands."""
    text = text_of(said).encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(text, digest_size=16).digest(), "big")


class UpstreamMap:
    """All upstreams of this process.

    ``get`` is the data plane's look-up: it takes the name as lower-case bytes and gives the group or None.  None is
    also what it gives for an upstream that nobody has asked for yet: :meth:`wake` knows.
    """

    def __init__(self, variables: VariableTable = NO_VARIABLES) -> None:
        self.variables = variables
        """What the key of a balancing method may read: whoever checks a command for this map does it with these."""
        self._entries: dict[bytes, Group | Written] = {}
        """Every upstream in order."""
        self._groups: dict[bytes, Group] = {}
        """Those that are made."""
        self.followed: dict[bytes, Group] = {}
        """The upstreams whose names are looked up again and again (``resolve``)."""
        self.get = self._groups.get
        self.watch: Watch | None = None
        """Hears of every change."""
        self._sharing: Sharing | None = None
        self.sequence = 0
        """The number of the last change that was applied."""
        self._digest: int | None = None

    def __len__(self) -> int:
        return len(self._entries)

    def share(self, sharing: Sharing) -> None:
        """Have the groups, and those to come, counted together with other processes'; before the first request."""
        self._sharing = sharing
        for group in self.made():
            sharing.made(group, None)

    def find(self, name: str) -> Group | None:
        """The group called ``name``, in any case, or None."""
        key = fold(name)
        return self._groups.get(key) or self.wake(key)

    def wake(self, key: bytes) -> Group | None:
        """The group of that name (lower case), made now if need be, or None."""
        entry = self._entries.get(key)
        if isinstance(entry, Written):
            entry = self._entries[key] = self._groups[key] = Group(entry.spec(), {}, None, self.variables)
        return entry

    def keep(self, written: Written) -> None:
        """Take in an upstream as it is written, in place of any of its name."""
        key = fold(written.name)
        self._forget(key)
        self._digest = None
        self._entries[key] = written

    def replace(self, spec: UpstreamSpec, resolved: Resolved) -> Group:
        """Create the upstream or replace it whole; servers that stay the same keep their live state."""
        key = fold(spec.name)
        before = self._groups.get(key)
        group = Group(spec, resolved, before, self.variables)
        if self._sharing is not None:
            self._sharing.made(group, before)
        replaced = self._entries.get(key)
        self._entries[key] = self._groups[key] = group
        if before is not None and before.pool.queue is not None:
            before.pool.queue.moved()
        if group.followed:
            self.followed[key] = group
        elif before is not None and before.followed:
            del self.followed[key]
        if self._digest is not None:
            gone = 0 if replaced is None else digest_of(_said(replaced))
            self._digest = (self._digest - gone + digest_of(spec)) % DIGESTS
        if self.watch is not None:
            self.watch(key, group)
        return group

    def delete(self, name: str) -> bool:
        """Take the upstream away; False where there is none of that name."""
        key = fold(name)
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        self._forget(key)
        if self._digest is not None:
            self._digest = (self._digest - digest_of(_said(entry))) % DIGESTS
        if self.watch is not None:
            self.watch(key, None)
        return True

    def _forget(self, key: bytes) -> None:
        """The group of that name, if it is made, serves no more."""
        group = self._groups.pop(key, None)
        self.followed.pop(key, None)
        if group is not None:
            group.retire()
            if self._sharing is not None:
                self._sharing.gone(group)
            if group.pool.queue is not None:
                group.pool.queue.moved()

    @property
    def digest(self) -> int:
        """A number of 128 bits that is the same for maps which say the same, in whatever order.

        From the first time it is asked for, a change moves it on at the cost of that one upstream.
        """
        if self._digest is None:
            self._digest = sum(map(digest_of, self.said())) % DIGESTS
        return self._digest

    def groups(self) -> Iterator[Group]:
        """Every group in order of definition; those that are not made yet are made."""
        for key in [*self._entries]:
            group = self._groups.get(key) or self.wake(key)
            if group is not None:
                yield group

    def made(self) -> Iterator[Group]:
        """The groups that somebody has asked for, or that are more than a list of literal addresses."""
        return iter([*self._groups.values()])

    def names(self) -> Iterator[str]:
        """The names in order of definition."""
        return (said.name for said in self.said())

    def specs(self) -> Iterator[UpstreamSpec]:
        """What was said of each upstream, in order of definition."""
        return map(spec_of, self.said())

    def said(self) -> Iterator[Said]:
        """As :meth:`specs`, but what nobody has asked for stays as it is written."""
        return map(_said, self._entries.values())

    def snapshot(self) -> tuple[int, list[Said]]:
        """The number of the last change, and what the map says then; a later change does not touch it."""
        return self.sequence, [*self.said()]

    def addressed(self) -> Iterator[tuple[Said, Resolved]]:
        """As :meth:`said`, with the addresses that names had."""
        for entry in self._entries.values():
            yield (entry, {}) if isinstance(entry, Written) else (entry.spec, entry.resolved)

    def fill(self, upstreams: Iterable[tuple[Said, Resolved]], sequence: int) -> None:
        """Take in what another map gave as :meth:`addressed`."""
        for said, resolved in upstreams:
            if isinstance(said, Written):
                self.keep(said)
            else:
                self.replace(said, resolved)
        self.sequence = sequence


def _said(entry: Group | Written) -> Said:
    return entry if isinstance(entry, Written) else entry.spec
