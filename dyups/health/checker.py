"""All servers under check: which they are, how many checks at once, and who hears of changes.

The process that makes changes has one (the master, or the only process).  It is told what an upstream's servers are,
each time they change, and keeps the state of those that stay: same upstream, same address.  Where only the settings
of the check are others, a server is up or down as before, but its checks are counted anew.  With ``unique`` the
upstream does not count: one check serves all that ask for the same.

What it finds goes out in batches, a moment after it is found: every server that turned up or down, and every server
that is new, so that whoever listens is right after each batch whatever was on the way before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from random import random
from typing import Any, NamedTuple

from twisted.internet.interfaces import IReactorTime

from dyups.config.checks import CheckSpec
from dyups.health.link import Lines
from dyups.health.schedule import Schedule
from dyups.health.target import Target
from dyups.interfaces import Address

#: Servers that are there from the start are spread over their interval, but over a second at least.
LEAST_SPREAD = 1.0


class Limits(NamedTuple):
    """How much at once."""

    busy: int = 1000
    """Checks under way; the others wait for their turn."""
    kept: int = 10_000
    """Connections that are kept between checks, or open for one."""


LIMITS = Limits()


class Finding(NamedTuple):
    """The state of one server of one upstream."""

    upstream: bytes
    """The upstream's name as names are compared."""
    address: str
    down: bool


#: Takes a batch to everybody who routes.
Tell = Callable[[list[Finding]], None]


class Checker:
    """See the module.  Also the :class:`~dyups.health.target.House` of its targets."""

    def __init__(
        self,
        lines: Lines,
        clock: IReactorTime,
        tell: Tell,
        say: Callable[[str, str], None],
        limits: Limits = LIMITS,
        draw: Callable[[], float] = random,
    ) -> None:
        self.lines = lines
        self.clock = clock
        self.schedule = Schedule(clock)
        self.say = say
        self._tell = tell
        self._limits = limits
        self._draw = draw
        self._by_upstream: dict[bytes, dict[Address, Target]] = {}
        self._shared: dict[tuple[Address, CheckSpec], Target] = {}
        self._next_index = 0
        self._busy = 0
        self._waiting: deque[Target] = deque()
        self._open = 0
        self._found: list[Finding] = []
        self._telling: Any = None

    # -- what is checked ---------------------------------------------------------------------------------------

    def want(
        self,
        key: bytes,
        name: str,
        check: CheckSpec | None,
        addresses: Iterable[Address],
        *,
        spread: bool = False,
    ) -> None:
        """The servers of an upstream are these now; without a ``check`` none of them is checked.

        ``spread`` is for many at once: their first checks come in the course of an interval, else at once.
        """
        before = self._by_upstream.pop(key, {})
        after: dict[Address, Target] = {}
        if check is not None:
            for address in addresses:
                target = before.get(address)
                if target is None or target.check != check:
                    target = self._target(address, check, spread, target)
                    self._found.append(Finding(key, str(address), target.verdict.down))
                target.names[key] = name
                after[address] = target
        if after:
            self._by_upstream[key] = after
        for address, target in before.items():
            if after.get(address) is not target:
                self._leave(target, key)
        if self._found:
            self._tell_soon()

    def _target(self, address: Address, check: CheckSpec, spread: bool, before: Target | None) -> Target:
        shared = self._shared.get((address, check)) if check.unique else None
        if shared is not None:
            return shared
        target = Target(address, check, self._next_index, self)
        self._next_index += 1
        if before is not None:
            target.verdict.down = before.verdict.down
        if check.unique:
            self._shared[address, check] = target
        delay = self._draw() * max(check.interval, LEAST_SPREAD) if spread else 0.0
        target.start(self.clock.seconds() + delay)
        return target

    def _leave(self, target: Target, key: bytes) -> None:
        """The upstream does not have it any more; who has it?"""
        target.names.pop(key, None)
        if target.names:
            return
        target.remove()
        if target.check.unique:
            del self._shared[target.peer, target.check]

    def keep_only(self, keys: Iterable[bytes]) -> None:
        """Other upstreams are there no longer (a reload)."""
        kept = set(keys)
        for key in [key for key in self._by_upstream if key not in kept]:
            self.want(key, "", None, ())

    def stop(self) -> None:
        """Check nothing any more."""
        self.keep_only(())
        self.schedule.stop()
        self._waiting.clear()
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None

    # -- what is known -----------------------------------------------------------------------------------------

    def findings(self) -> list[Finding]:
        """Every server that is not as ``default_down`` says: all that somebody needs who has just begun."""
        return [
            Finding(key, str(address), target.verdict.down)
            for key, targets in self._by_upstream.items()
            for address, target in targets.items()
            if target.verdict.down != target.check.default_down
        ]

    def facts(self) -> list[dict[str, Any]]:
        """What ``check_status`` shows of each server, in the order in which they came."""
        targets = {id(target): target for found in self._by_upstream.values() for target in found.values()}
        return [_facts(target) for target in sorted(targets.values(), key=lambda target: target.index)]

    # -- target.House ------------------------------------------------------------------------------------------

    def enter(self, target: Target) -> bool:
        """See :class:`~dyups.health.target.House`."""
        if self._busy < self._limits.busy:
            self._busy += 1
            return True
        self._waiting.append(target)
        return False

    def leave(self) -> None:
        """See :class:`~dyups.health.target.House`; the place goes to who waits longest."""
        self._busy -= 1
        if self._waiting:
            self._busy += 1
            self.schedule.at(self.clock.seconds(), self._admit)

    def _admit(self, when: float) -> None:
        if self._waiting:
            self._waiting.popleft().go()
        else:
            self._busy -= 1

    def opened(self) -> None:
        """See :class:`~dyups.health.target.House`."""
        self._open += 1

    def closed(self) -> None:
        """See :class:`~dyups.health.target.House`."""
        self._open -= 1

    def may_keep(self) -> bool:
        """See :class:`~dyups.health.target.House`."""
        return self._open <= self._limits.kept

    def turned(self, target: Target) -> None:
        """See :class:`~dyups.health.target.House`."""
        address = str(target.peer)
        self._found += [Finding(key, address, target.verdict.down) for key in target.names]
        self._tell_soon()

    def _tell_soon(self) -> None:
        """At the reactor's next turn: a change that is being made is complete then, and many go out together."""
        if self._telling is None:
            self._telling = self.clock.callLater(0, self._tell_now)

    def _tell_now(self) -> None:
        self._telling = None
        found, self._found = self._found, []
        self._tell(found)


def _facts(target: Target) -> dict[str, Any]:
    verdict = target.verdict
    return {
        "index": target.index,
        "upstream": next(iter(target.names.values())),
        "name": str(target.peer),
        "status": "down" if verdict.down else "up",
        "rise": verdict.rises,
        "fall": verdict.falls,
        "type": target.check.type,
        "port": target.check.port,
    }
