"""What the workers have counted, gathered by the master for whoever asks.

A worker that does not answer in time is left out, so that a busy one does not keep the page from the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime

#: Seconds that a worker has to answer.
PATIENCE = 2.0


class Counting(Protocol):
    """A worker as the master knows it (``child.Child``)."""

    def count(self) -> Deferred[dict[str, Any]] | None:
        """What it has counted; None where it cannot be asked."""
        ...


def gathered(workers: Iterable[Counting], clock: IReactorTime) -> Deferred[list[dict[str, Any]]]:
    """Fires with what each has counted that can be asked, and answers within :data:`PATIENCE`."""
    asked = [found.addTimeout(PATIENCE, clock) for worker in workers if (found := worker.count()) is not None]
    return DeferredList(asked, consumeErrors=True).addCallback(
        lambda results: [facts for good, facts in results if good]
    )
