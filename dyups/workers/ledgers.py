"""The memory in which workers count together: made by the master, and kept from one crew to the next.

So after a reload the new workers go on with what the old ones count, and know the sessions that those have learned.
Only where a configuration has more workers than the ledger has columns left, it gets another one, and begins anew.
One worker alone shares nothing.  ``master`` has one :class:`Ledgers`; crews give columns to their workers.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from dyups.errors import ConfigError
from dyups.shared.ledger import Ledger
from dyups.upstream.map import UpstreamMap
from dyups.upstream.sharing import Allotting
from dyups.workers.crew import Crew

#: Columns for each worker, so that some generations of them can finish what they have; and how many there are at least.
GENERATIONS = 4
LEAST = 32


class Ledgers:
    """See the module; ``now`` is the monotonic clock."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._made: list[Ledger] = []
        """The last is the one that crews get; those before it have workers yet."""

    def lend(self, crew: Crew, upstreams: UpstreamMap) -> None:
        """Have the workers of ``crew`` count together; ``upstreams``, which they follow, have their rows from now on.

        Raises ConfigError where there is no memory for it; then the crew is closed.
        """
        if crew.size < 2:
            return
        try:
            self._make_for(crew.size)
        except OSError as error:
            crew.close()
            reason = os.strerror(error.errno or 0)
            raise ConfigError(
                f"the memory that {crew.size} workers share cannot be made: {reason}"
            ) from error
        crew.ledger = self._made[-1]
        upstreams.share(Allotting(crew.ledger))

    def _make_for(self, size: int) -> None:
        if not self._made or self._made[-1].free < size:
            self._made.append(Ledger(max(LEAST, GENERATIONS * size), self._now))

    def settle(self, crew: Crew, upstreams: UpstreamMap) -> None:
        """No other crew is left, and it follows ``upstreams``: what nobody uses is free."""
        for ledger in self._made[:-1]:
            if ledger is not crew.ledger:
                ledger.close()
                self._made.remove(ledger)
        for ledger in self._made:
            Allotting(ledger).keep_only(upstreams.made())

    def close(self) -> None:
        """Let go of all of them."""
        while self._made:
            self._made.pop().close()
