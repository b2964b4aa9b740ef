"""What changed at an admin interface, from one look to the next.

:class:`Watch` keeps what it saw last and looks again by entity tag, so that a look at what has not changed costs one
small answer.  It compares what was said of upstreams, not their counters.  Changes that are undone between two looks
are not seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

from twisted.internet.task import deferLater

#: By default so many seconds pass between two looks.
INTERVAL = 1.0

#: Name to commands, as they may be posted.
Seen = dict[str, tuple[str, ...]]


class Change(NamedTuple):
    """One upstream that came, went or became another."""

    sequence: int
    """The number of the last change that was made when it was seen."""
    kind: str
    """``created``, ``deleted`` or ``changed``."""
    name: str
    added: tuple[str, ...]
    """Commands (``server 127.0.0.1:8088 weight=2;``) that it has and had not."""
    removed: tuple[str, ...]
    """Commands that it had and has not."""


class Watched(Protocol):
    """What a watch needs of a :class:`~dyups.client.rest.Client`."""

    reactor: Any

    async def detail_unless(self, etag: str) -> tuple[str, dict[str, Any] | None]:
        """See :meth:`Client.detail_unless <dyups.client.rest.Client.detail_unless>`."""
        ...


class Watch:
    """Looks every ``interval`` seconds."""

    def __init__(self, client: Watched, interval: float = INTERVAL) -> None:
        self._client = client
        self._interval = interval
        self._etag = ""
        self._seen: Seen | None = None

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> list[Change]:
        return await self.next()

    async def next(self) -> list[Change]:
        """The next changes, in order of definition; waits until there are some.

        The first call looks at once, to have something to compare with.  Raises what the client raises, and may be
        called again then: what happened meanwhile is seen.
        """
        if self._seen is None:
            await self._look()
        while True:
            changes = await self._look()
            if changes:
                return changes
            await deferLater(self._client.reactor, self._interval, lambda: None)

    async def _look(self) -> list[Change]:
        etag, detail = await self._client.detail_unless(self._etag)
        if detail is None:
            return []
        before, now = self._seen, seen_in(detail)
        self._etag, self._seen = etag, now
        return [] if before is None else differences(before, now, detail["sequence"])


def seen_in(detail: Mapping[str, Any]) -> Seen:
    """What was said of each upstream."""
    return {
        upstream["name"]: (
            *upstream["commands"],
            *(server["command"] for server in upstream["servers"]),
        )
        for upstream in detail["upstreams"]
    }


def differences(before: Seen, now: Seen, sequence: int) -> list[Change]:
    """What made ``now`` of ``before``: what went first, then the rest in order of definition.

    The order of servers is a difference without commands that came or went.
    """
    changes = [
        Change(sequence, "deleted", name, (), commands)
        for name, commands in before.items()
        if name not in now
    ]
    for name, commands in now.items():
        had = before.get(name)
        if had is None:
            changes.append(Change(sequence, "created", name, commands, ()))
        elif had != commands:
            changes.append(Change(sequence, "changed", name, _less(commands, had), _less(had, commands)))
    return changes


def _less(commands: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """``commands`` without those of ``others``; one that stands twice is two."""
    left = Counter(others)
    found = []
    for command in commands:
        if left[command]:
            left[command] -= 1
        else:
            found.append(command)
    return tuple(found)
