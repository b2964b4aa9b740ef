"""Names of upstreams that are looked up while running: ``server NAME resolve`` and ``service=``.

One process does it for all (the master, or the one there is): it asks when a TTL has passed, and where the answer is
another one it has the upstream replaced by itself with other addresses, by way of ``publish``, as any change reaches
all workers.  What did not change keeps its state, for that is how groups are replaced.

DNS that does not answer, or says that it cannot, changes nothing; that there is no such name is an answer, and leaves
the server without addresses (``ngx_http_upstream_zone_resolve_handler``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from dyups.config.model import ResolverSpec, ServerSpec, UpstreamSpec
from dyups.errors import ConfigError, NameUnresolved
from dyups.interfaces import Resolved
from dyups.upstream.dns import NOT_FOUND
from dyups.upstream.map import UpstreamMap
from dyups.upstream.names import CachesOf, Entry, NameCache
from dyups.upstream.places import name_of
from dyups.upstream.resolve import Lookup

#: How often to look whether the time of an answer is over, in seconds.
LOOK = 0.5

_log = Logger()

#: How long a change waits for the first answer, in seconds; the lock is held meanwhile.
FIRST_ANSWER = 5.0

#: Replaces an upstream by itself with other addresses, everywhere.
Publish = Callable[[UpstreamSpec, Resolved], Awaitable[None]]


class Asked:
    """Where the names of upstreams are looked up: the ``resolver`` of each, or the ``http`` block's."""

    def __init__(self, caches: CachesOf, resolver: ResolverSpec | None, timeout: float) -> None:
        self.caches = caches
        self._resolver = resolver
        self._timeout = timeout

    def renew(self, resolver: ResolverSpec | None, timeout: float) -> None:
        """Another configuration."""
        self._resolver, self._timeout = resolver, timeout

    def names(self, spec: UpstreamSpec) -> Iterator[tuple[str, NameCache]]:
        """The followed names of ``spec``, and who knows them.  Raises ConfigError where nobody is there to ask."""
        for server in spec.servers:
            if server.followed:
                yield name_of(server), self._cache(spec, server)

    def _cache(self, spec: UpstreamSpec, server: ServerSpec) -> NameCache:
        resolver = spec.resolver or self._resolver
        if resolver is None:
            message = f'no resolver defined to resolve names at run time in upstream "{spec.name}"'
            raise ConfigError(message, *spec.place)
        caches = self.caches(resolver, spec.resolver_timeout or self._timeout)
        return caches.services if server.service else caches.addresses


class FollowingLookup:
    """:class:`~dyups.upstream.resolve.Lookup` that also waits for the first answer of names that are followed.

    One that has none now is no error: it is asked for again.
    """

    def __init__(self, once: Lookup, asked: Asked, clock: IReactorTime) -> None:
        self._once = once
        self._asked = asked
        self._clock = clock

    def __call__(self, spec: UpstreamSpec) -> Deferred[Resolved]:
        """See :class:`~dyups.upstream.resolve.Lookup`."""
        if not any(server.followed for server in spec.servers):
            return self._once(spec)
        return Deferred.fromCoroutine(self._look_up(spec))

    async def _look_up(self, spec: UpstreamSpec) -> Resolved:
        names = dict(self._asked.names(spec))
        found = dict(await self._once(spec))
        asked = [cache.get(key_of(name)) for name, cache in names.items() if self._good(name, cache) is None]
        heard = DeferredList(asked, consumeErrors=True)
        heard.addTimeout(FIRST_ANSWER, self._clock, lambda late, _: late)
        await heard.addErrback(_late)
        return found | {name: self._good(name, cache) or () for name, cache in names.items()}

    def _good(self, name: str, cache: NameCache) -> tuple[str, ...] | None:
        return _good(cache.renew(key_of(name)))


class Following:
    """Keeps the names of ``upstreams`` as DNS has them; ``clock`` is the reactor."""

    def __init__(self, upstreams: UpstreamMap, asked: Asked, publish: Publish, clock: IReactorTime) -> None:
        self._upstreams = upstreams
        self._asked = asked
        self._publish = publish
        self._busy: set[bytes] = set()
        """Upstreams that are being replaced."""
        self._told: dict[str, NameUnresolved] = {}
        """Failures that the log has."""
        self._loop = LoopingCall(self._look_safely)
        self._loop.clock = clock

    def start(self) -> None:
        """Ask for what there is, and again whenever that is due."""
        self._loop.start(LOOK, now=True)

    def stop(self) -> None:
        """Ask no more."""
        if self._loop.running:
            self._loop.stop()

    def renew(self, upstreams: UpstreamMap) -> None:
        """Follow those of another map (a reload), which begin with what is known already."""
        self._upstreams = upstreams
        for group in [*upstreams.followed.values()]:
            resolved = self._known(group.spec, group.resolved)
            if resolved is not None and resolved != group.resolved:
                upstreams.replace(group.spec, resolved)

    def _look_safely(self) -> None:
        """An exception would end the loop, and with it the look-up of every name."""
        try:
            self.look()
        except Exception:
            _log.failure("names of upstreams could not be looked up")

    def look(self) -> None:
        """Ask for names whose time is over, and have upstreams replaced whose names have other addresses."""
        for key, group in [*self._upstreams.followed.items()]:
            resolved = self._known(group.spec, group.resolved)
            if resolved is not None and resolved != group.resolved and key not in self._busy:
                self._busy.add(key)
                replaced = Deferred.fromCoroutine(self._replace(group.spec, resolved))
                replaced.addErrback(_unpublished, group.spec.name).addBoth(self._done, key)

    async def _replace(self, spec: UpstreamSpec, resolved: Resolved) -> None:
        _log.info("names of {name} have other addresses", name=spec.name)
        await self._publish(spec, resolved)

    def _done(self, _: object, key: bytes) -> None:
        self._busy.discard(key)

    def _known(self, spec: UpstreamSpec, before: Resolved) -> Resolved | None:
        """What the names of ``spec`` have as far as is known, asking where that is due; None where nobody is there to
        ask."""
        resolved = dict(before)
        try:
            names = [*self._asked.names(spec)]
        except ConfigError:
            return None  # the start, or the change, said so
        for name, cache in names:
            entry = cache.renew(key_of(name))
            self._tell(name, entry)
            if (good := _good(entry)) is not None:
                resolved[name] = good
        return resolved

    def _tell(self, name: str, entry: Entry) -> None:
        """Say once in the log what a question came to."""
        failure = entry.failure
        if failure is None:
            self._told.pop(name, None)
        elif self._told.get(name) is not failure:
            self._told[name] = failure
            complain_of(failure)


def key_of(name: str) -> str:
    """The name as it is asked for."""
    return name.removeprefix("srv ")


def _good(entry: Entry) -> tuple[str, ...] | None:
    """What holds, as long as DNS does not say otherwise; None before the first answer."""
    if entry.failure is not None and entry.failure.code == NOT_FOUND:
        return ()
    return entry.found


def complain_of(failure: NameUnresolved) -> None:
    """Write it to the error log."""
    _log.error("{text}", text=str(failure))


def _late(failure: Failure) -> None:
    """There is no answer yet: the change does not wait for it any longer."""
    failure.trap(CancelledError)


def _unpublished(failure: object, name: str) -> None:
    _log.error(
        "{name}: its new addresses could not be told the workers: {failure}", name=name, failure=failure
    )
