"""What names have, kept for as long as DNS says: one cache for each ``resolver`` of a process.

Owns how long an answer holds and that a name is asked for once at a time; ``dns`` asks.  ``following`` keeps the
names of upstreams here, ``proxy.resolving`` those that requests bring.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from dyups.config.model import ResolverSpec
from dyups.errors import NameUnresolved
from dyups.interfaces import Clock
from dyups.upstream.dns import Answer, DnsClient, InThread

#: An answer holds this long at least, in seconds, whatever its TTL.
LEAST_TTL = 1.0
#: How long nobody asks again for a name after one failure, after two in a row, …, in seconds; then the last.
AFTER_FAILURES = (1.0, 2.0, 4.0)
#: What a cache holds; beyond that the oldest goes.
MOST_NAMES = 4096

Ask = Callable[[str], Deferred[Answer]]


class Entry:
    """What is known of one name."""

    __slots__ = ("asked", "expires", "failure", "failures", "found", "waiting")

    def __init__(self) -> None:
        self.found: tuple[str, ...] | None = None
        """The last good answer; None before the first."""
        self.failure: NameUnresolved | None = None
        """What the last question came to, where it failed."""
        self.failures = 0
        """How many failed in a row."""
        self.expires = 0.0
        """Seconds on the clock from which on DNS has to be asked again."""
        self.asked = False
        """A question is under way."""
        self.waiting: list[Deferred[tuple[str, ...]]] = []


class NameCache:
    """Names, asked for by ``ask``; ``valid`` is how long every answer holds, 0 for its own TTL."""

    def __init__(self, ask: Ask, clock: Clock, valid: float = 0.0, limit: int = MOST_NAMES) -> None:
        self._ask = ask
        self._clock = clock
        self._valid = valid
        self._limit = limit
        self._entries: dict[str, Entry] = {}

    def entry(self, name: str) -> Entry | None:
        """What is known of ``name``, valid or not."""
        return self._entries.get(name)

    def fresh(self, name: str) -> tuple[str, ...] | None:
        """What ``name`` has, as far as nobody has to be asked for it."""
        entry = self._entries.get(name)
        if entry is None or entry.failure is not None or entry.expires <= self._clock.seconds():
            return None
        return entry.found

    def get(self, name: str) -> Deferred[tuple[str, ...]]:
        """What ``name`` has; all who want to know share one question.

        Fails with :class:`~dyups.errors.NameUnresolved`, for a moment without asking again.
        """
        entry = self.renew(name)
        if entry.asked:
            heard: Deferred[tuple[str, ...]] = Deferred()
            entry.waiting.append(heard)
            return heard
        return _outcome(entry)

    def renew(self, name: str) -> Entry:
        """Ask for ``name``, unless what is known of it holds still; what is known meanwhile."""
        entry = self._entries.get(name)
        if entry is None:
            self._make_room()
            entry = self._entries[name] = Entry()
        if not entry.asked and entry.expires <= self._clock.seconds():
            entry.asked = True
            asked = self._ask(name)
            asked.addCallbacks(self._answered, self._failed, (entry,), {}, (entry,), {})
        return entry

    def _make_room(self) -> None:
        if len(self._entries) >= self._limit:
            oldest = next((name for name, entry in self._entries.items() if not entry.asked), None)
            if oldest is not None:
                del self._entries[oldest]

    def _answered(self, answer: Answer, entry: Entry) -> None:
        entry.found = answer.found
        entry.failure = None
        entry.failures = 0
        entry.expires = self._clock.seconds() + max(self._valid or answer.ttl, LEAST_TTL)
        self._tell(entry)

    def _failed(self, failure: Failure, entry: Entry) -> None:
        failure.trap(NameUnresolved)
        why = failure.value
        assert isinstance(why, NameUnresolved)
        entry.failure = why
        entry.expires = self._clock.seconds() + AFTER_FAILURES[min(entry.failures, len(AFTER_FAILURES) - 1)]
        entry.failures += 1
        self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        entry.asked = False
        waiting, entry.waiting = entry.waiting, []
        for heard in waiting:
            _outcome(entry).chainDeferred(heard)


def _outcome(entry: Entry) -> Deferred[tuple[str, ...]]:
    told: Deferred[tuple[str, ...]] = succeed(entry.found or ())
    if entry.failure is not None:
        failure = Failure(entry.failure)
        told.addCallback(lambda _: failure)
    return told


class Caches(NamedTuple):
    """The two kinds of questions to the servers of one ``resolver``."""

    addresses: NameCache
    services: NameCache


class CachesOf(Protocol):
    """Gives the caches of a ``resolver``: :class:`Resolvers`, or what a test has."""

    def __call__(self, spec: ResolverSpec, timeout: float) -> Caches:
        """``timeout`` is ``resolver_timeout``, in seconds."""
        ...


class Resolvers:
    """The caches of a process, one pair for each ``resolver`` that is said, however often."""

    def __init__(self, reactor: Any, in_thread: InThread) -> None:
        self._reactor = reactor
        self._in_thread = in_thread
        self._made: dict[tuple[ResolverSpec, float], Caches] = {}

    def __call__(self, spec: ResolverSpec, timeout: float) -> Caches:
        """See :class:`CachesOf`."""
        made = self._made.get((spec, timeout))
        if made is None:
            client = DnsClient(spec, timeout, self._reactor, self._in_thread)
            made = self._made[spec, timeout] = Caches(
                NameCache(client.addresses, self._reactor, spec.valid),
                NameCache(client.services, self._reactor, spec.valid),
            )
        return made
