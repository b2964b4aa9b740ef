"""Health checks, wired: for the process that makes changes.

The master has one for all of its workers; so has a process that is alone.  It follows the map, has the servers checked
that an upstream with ``check`` has, and hands what is found to ``tell``, which takes it to whoever serves.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from functools import partial
from typing import Any

from dyups.health.checker import LIMITS, Checker, Limits
from dyups.health.polls import polls_of
from dyups.health.wire import Wire
from dyups.proxy.plane import complain
from dyups.upstream.group import Group
from dyups.upstream.map import UpstreamMap
from dyups.upstream.verdicts import Verdict, checked_addresses


def limits_for(files: int) -> Limits:
    """How much at once where a process may have so many files open: others need some, too."""
    return Limits(max(1, min(LIMITS.busy, files // 4)), max(1, min(LIMITS.kept, files // 2)))


class Checking:
    """See the module."""

    def __init__(self, reactor: Any, tell: Callable[[list[Verdict]], None]) -> None:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        limits = limits_for(files) if files != resource.RLIM_INFINITY else LIMITS
        self._checker = Checker(
            partial(Wire, polls_of(reactor)), reactor, lambda found: tell([*found]), complain, limits
        )
        self._upstreams: UpstreamMap | None = None
        self._generation = 0

    def follow(self, upstreams: UpstreamMap) -> None:
        """Check the servers of this map from now on (a start, or a reload); those that stay keep their state."""
        if self._upstreams is not None:
            self._upstreams.watch = None
        self._upstreams = upstreams
        self._generation += 1
        checked = [group for group in upstreams.made() if group.spec.check is not None]
        self._checker.keep_only(group.key for group in checked)
        for group in checked:
            self._want(group, spread=True)
        upstreams.watch = self._changed

    def _changed(self, key: bytes, group: Group | None) -> None:
        if group is None:
            self._checker.want(key, "", None, ())
        else:
            self._want(group)

    def _want(self, group: Group, *, spread: bool = False) -> None:
        spec = group.spec
        addresses = checked_addresses(group) if spec.check is not None else ()
        self._checker.want(group.key, spec.name, spec.check, addresses, spread=spread)

    def verdicts(self) -> list[Verdict]:
        """All that somebody needs to know who has just begun to serve."""
        return [*self._checker.findings()]

    def report(self) -> dict[str, Any]:
        """What ``check_status`` shows; the generation is the number of the start or reload, from 1."""
        return {"generation": self._generation, "servers": self._checker.facts()}

    def stop(self) -> None:
        """Check nothing any more."""
        if self._upstreams is not None:
            self._upstreams.watch = None
        self._checker.stop()
