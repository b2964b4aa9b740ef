"""The only way by which the upstreams change while running.

Takes the lock, checks condition and command, looks its host names up, makes sure that it can be published, has it on
disk, applies it, publishes it: in this order, so that a command which fails at any step has changed nothing.  ``admin``
and ``script`` come in by the calls of :class:`Changes`; ``persist.watch`` is handed :meth:`ChangePath.adopt`.  What a
command says is read by ``reading``, disks are ``persist``'s, the map is ``upstream``'s, other processes are
``publish``'s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from dyups.config.model import UpstreamSpec
from dyups.config.upstreams import print_commands
from dyups.control.command import Command, Delete, Update
from dyups.control.condition import ALWAYS, Condition
from dyups.control.lock import ChangeLock
from dyups.control.publish import Asker, NoPublisher, Publisher, encode_notice
from dyups.control.reading import PATCH_REFUSED, REFUSED, known, read_patch, read_update
from dyups.errors import ChangeFailed, CommandRefused, ConfigError
from dyups.interfaces import Resolved
from dyups.upstream.map import UpstreamMap
from dyups.upstream.resolve import Lookup

T = TypeVar("T")

_log = Logger()


class Store(Protocol):
    """Where acknowledged commands survive; ``persist.store`` has the ones that exist."""

    def append(self, sequence: int, payload: bytes) -> Deferred[None]:
        """Fires when the command is on disk for good; fails with OSError where it is not, and will not be."""
        ...

    def applied(self) -> None:
        """The map has changed."""
        ...


class Changes(Protocol):
    """Makes changes: a :class:`ChangePath`, here or, by way of ``control.remote``, in another process.

    A change is made only where its ``condition`` holds when its turn has come; otherwise it fails with
    :class:`~dyups.errors.LostRace`.
    """

    def update(self, name: str, body: str, condition: Condition = ALWAYS) -> Deferred[None]:
        """Create or replace the upstream ``name`` by the commands of ``body``.  Fails with a ``ChangeError``."""
        ...

    def patch(self, name: str, commands: str, condition: Condition = ALWAYS) -> Deferred[None]:
        """Change servers of the upstream ``name`` (``control.patch``).  Fails with a ``ChangeError``."""
        ...

    def delete(self, name: str, condition: Condition = ALWAYS) -> Deferred[None]:
        """Take the upstream ``name`` away.  Fails with a ``ChangeError``."""
        ...


class ChangePath:
    """Makes changes, one at a time, each everywhere or nowhere.

    A change may be cancelled while it waits or looks names up; from the moment its command goes to disk it completes,
    and cancelling only means that nobody hears of it.
    """

    def __init__(
        self,
        upstreams: UpstreamMap,
        lock: ChangeLock,
        store: Store,
        lookup: Lookup,
        publisher: Publisher | None = None,
    ) -> None:
        self._upstreams = upstreams
        self._lock = lock
        self._store = store
        self._lookup = lookup
        self._publisher: Publisher = publisher or NoPublisher()

    def update(
        self, name: str, body: str, condition: Condition = ALWAYS, asker: Asker | None = None
    ) -> Deferred[None]:
        """Create or replace the upstream ``name`` by the commands of ``body``.

        ``asker`` is who asked, where the publisher knows it (:meth:`Publisher.publish`).  Fails with
        :class:`CommandRefused`, :class:`~dyups.errors.LostRace`, :class:`~dyups.errors.LockHeld` or
        :class:`ChangeFailed`.
        """
        return _Attempt(
            partial(self._locked, partial(self._update, Update(name, body), condition)), asker
        ).result

    def patch(
        self, name: str, commands: str, condition: Condition = ALWAYS, asker: Asker | None = None
    ) -> Deferred[None]:
        """Change servers of the upstream ``name``, by all of ``commands`` or by none.

        They are applied to what the upstream is when the lock is ours, and what comes out is an update like any
        other: journal and workers know no patches.  Fails as :meth:`update` and :meth:`delete` do.
        """
        return _Attempt(partial(self._locked, partial(self._patch, name, commands, condition)), asker).result

    def delete(self, name: str, condition: Condition = ALWAYS, asker: Asker | None = None) -> Deferred[None]:
        """Take the upstream ``name`` away.

        Fails with :class:`~dyups.errors.UnknownUpstream`, :class:`CommandRefused` (a name that none can have),
        :class:`~dyups.errors.LostRace`, :class:`~dyups.errors.LockHeld` or :class:`ChangeFailed`.
        """
        return _Attempt(partial(self._locked, partial(self._delete, Delete(name), condition)), asker).result

    async def adopt(self, specs: Sequence[UpstreamSpec], deleted: Sequence[str]) -> None:
        """Take over what a third party wrote to the dump file (``dyups_dump off``); nothing is stored.

        An upstream whose host names cannot be looked up keeps what it has, and the log says so.
        """
        await self.alone(partial(self._adopt_all, specs, deleted))

    async def _adopt_all(self, specs: Sequence[UpstreamSpec], deleted: Sequence[str]) -> None:
        heard: list[Deferred[None]] = []
        for spec in specs:
            heard += await self._adopt(spec)
        for name in deleted:
            if self._upstreams.find(name) is not None:
                heard += await self._adopt_command(Delete(name), {}, partial(self._upstreams.delete, name))
        await gatherResults(heard)

    async def _adopt(self, spec: UpstreamSpec) -> list[Deferred[None]]:
        try:
            resolved = await self._lookup(spec)
        except ConfigError as error:
            _log.warn("dump file: {name}: {error}; it stays as it was", name=spec.name, error=str(error))
            return []
        apply = partial(self._upstreams.replace, spec, resolved)
        return await self._adopt_command(Update(spec.name, print_commands(spec)), resolved, apply)

    async def _adopt_command(
        self, command: Command, resolved: Resolved, apply: Callable[[], object]
    ) -> list[Deferred[None]]:
        """One change of the dump file; the Deferred that comes back fires when everybody has it."""
        notice = encode_notice(command, resolved)
        try:
            await self._publisher.reserve(len(notice))
        except ChangeFailed as error:
            _log.warn("dump file: {name}: {error}; it stays as it was", name=command.name, error=error.reason)
            return []
        apply()
        self._upstreams.sequence += 1
        return [self._publisher.publish(self._upstreams.sequence, notice)]

    async def readdress(self, spec: UpstreamSpec, resolved: Resolved) -> None:
        """The names of an upstream have other addresses: the upstream is replaced by itself, and nothing is stored.

        One that has been changed meanwhile was looked up by that change.  Fails with :class:`ChangeFailed`.
        """
        await gatherResults(await self.alone(partial(self._readdress, spec, resolved)))

    async def _readdress(self, spec: UpstreamSpec, resolved: Resolved) -> list[Deferred[None]]:
        group = self._upstreams.find(spec.name)
        if group is None or group.spec is not spec:
            return []
        notice = encode_notice(Update(spec.name, print_commands(spec)), resolved)
        await self._publisher.reserve(len(notice))
        self._upstreams.replace(spec, resolved)
        self._upstreams.sequence += 1
        return [self._publisher.publish(self._upstreams.sequence, notice)]

    async def alone(self, steps: Callable[[], Awaitable[T]]) -> T:
        """Run ``steps`` when no change is under way; none begins until they are done."""
        await self._lock.wait()
        try:
            return await steps()
        finally:
            self._lock.release()

    def renew(self, upstreams: UpstreamMap, store: Store, *, trylock: bool) -> None:
        """Go on with another map and another store (a reload); to be called inside :meth:`alone`."""
        self._upstreams = upstreams
        self._store = store
        self._lock.trylock = trylock

    async def _locked(self, steps: Steps, attempt: _Attempt) -> None:
        await self._lock.acquire()
        try:
            await steps(attempt)
        finally:
            self._lock.release()

    async def _update(self, command: Update, condition: Condition, attempt: _Attempt) -> None:
        # RFC 9110 section 13.2.1: the condition comes before the content.
        if condition != ALWAYS:  # to find an upstream that is text still means to read it
            before = self._upstreams.find(command.name)
            condition.require(None if before is None else before.spec)
        spec = read_update(self._upstreams, command.name, command.body)
        await self._replace(command, spec, REFUSED, attempt)

    async def _patch(self, name: str, commands: str, condition: Condition, attempt: _Attempt) -> None:
        before = known(self._upstreams, name).spec
        condition.require(before)
        spec = read_patch(self._upstreams, before, commands)
        await self._replace(Update(spec.name, print_commands(spec)), spec, PATCH_REFUSED, attempt)

    async def _replace(self, command: Update, spec: UpstreamSpec, refused: str, attempt: _Attempt) -> None:
        try:
            resolved = await self._lookup(spec)
        except ConfigError as error:
            raise CommandRefused(f"{refused}{error}") from error
        notice = await self._commit(command, resolved, attempt)
        self._upstreams.replace(spec, resolved)
        await self._applied(notice, attempt)

    async def _delete(self, command: Delete, condition: Condition, attempt: _Attempt) -> None:
        condition.require(known(self._upstreams, command.name).spec)
        notice = await self._commit(command, {}, attempt)
        self._upstreams.delete(command.name)
        await self._applied(notice, attempt)

    async def _commit(self, command: Command, resolved: Resolved, attempt: _Attempt) -> bytes:
        """Have the command on disk; what is to be published then.

        From the store's first byte on there is no way back but its refusal.
        """
        notice = encode_notice(command, resolved)
        await self._publisher.reserve(len(notice))
        attempt.cancellable = False
        try:
            await self._store.append(self._upstreams.sequence + 1, command.encode())
        except OSError as error:
            reason = error.strerror or str(error)
            _log.error("a change of {name} could not be stored: {error}", name=command.name, error=str(error))
            raise ChangeFailed(f"could not store the change: {reason}") from error
        return notice

    async def _applied(self, notice: bytes, attempt: _Attempt) -> None:
        """The map has changed: everybody else is to follow."""
        self._upstreams.sequence += 1
        self._store.applied()
        # Who was told already that his client has left hears no outcome any more.
        asker = None if attempt.result.called else attempt.asker
        await self._publisher.publish(self._upstreams.sequence, notice, asker)


class _Attempt:
    """One change under way, who asked for it, and who waits for it.

    The caller has ``result``; the steps run behind it and are not cancelled once ``cancellable`` is false.
    """

    __slots__ = ("_steps", "asker", "cancellable", "result")

    def __init__(self, steps: Steps, asker: Asker | None) -> None:
        self.asker = asker
        self.cancellable = True
        self.result: Deferred[None] = Deferred(self._cancel)
        self._steps = Deferred.fromCoroutine(steps(self))
        self._steps.addBoth(self._report)

    def _cancel(self, _result: Deferred[None]) -> None:
        if self.cancellable:
            self._steps.cancel()

    def _report(self, outcome: Failure | None) -> None:
        if not self.result.called and isinstance(outcome, Failure):
            self.result.errback(outcome)
        elif not self.result.called:
            self.result.callback(None)
        elif isinstance(outcome, Failure) and not isinstance(outcome.value, CancelledError):
            _log.warn("a change whose client has left failed: {error}", error=outcome.getErrorMessage())


Steps = Callable[[_Attempt], Coroutine[Any, Any, None]]
