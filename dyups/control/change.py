"""The only way by which the upstreams change while running.

Takes the lock, checks the whole command, looks its host names up, makes sure that it can be published, has it on disk,
applies it, publishes it: in this order, so that a command which fails at any step has changed nothing.  ``admin``
calls :meth:`ChangePath.update` and :meth:`ChangePath.delete`; ``persist.watch`` is handed :meth:`ChangePath.adopt`.
Parsing is ``config.upstreams``', disks are ``persist``'s, the map is ``upstream``'s, other processes are ``publish``'s.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.logger import Logger
from twisted.python.failure import Failure

from dyups.config.model import UpstreamSpec
from dyups.config.upstreams import check_name, parse_commands, print_commands
from dyups.control.command import Command, Delete, Update
from dyups.control.lock import ChangeLock
from dyups.control.publish import NoPublisher, Publisher, encode_notice
from dyups.errors import ChangeFailed, CommandRefused, ConfigError, UnknownUpstream
from dyups.interfaces import Resolved, VariableTable
from dyups.upstream.map import UpstreamMap
from dyups.upstream.resolve import Lookup

T = TypeVar("T")

_log = Logger()

REFUSED = "add server failed: "
UNKNOWN = "not found upstream"


class Store(Protocol):
    """Where acknowledged commands survive; ``persist.store`` has the ones that exist."""

    def append(self, sequence: int, payload: bytes) -> Deferred[None]:
        """Fires when the command is on disk for good; fails with OSError where it is not, and will not be."""
        ...

    def applied(self) -> None:
        """The map has changed."""
        ...


class Changes(Protocol):
    """Makes changes: a :class:`ChangePath`, here or, by way of ``control.remote``, in another process."""

    def update(self, name: str, body: str) -> Deferred[None]:
        """Create or replace the upstream ``name`` by the commands of ``body``.  Fails with a ``ChangeError``."""
        ...

    def delete(self, name: str) -> Deferred[None]:
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

    def update(self, name: str, body: str) -> Deferred[None]:
        """Create or replace the upstream ``name`` by the commands of ``body``.

        Fails with :class:`CommandRefused`, :class:`~dyups.errors.LockHeld` or :class:`ChangeFailed`.
        """
        return _Attempt(partial(self._locked, partial(self._update, Update(name, body)))).result

    def delete(self, name: str) -> Deferred[None]:
        """Take the upstream ``name`` away.

        Fails with :class:`UnknownUpstream`, :class:`CommandRefused` (a name that none can have),
        :class:`~dyups.errors.LockHeld` or :class:`ChangeFailed`.
        """
        return _Attempt(partial(self._locked, partial(self._delete, Delete(name)))).result

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

    async def _update(self, command: Update, attempt: _Attempt) -> None:
        try:
            spec = _checked(command, self._upstreams.variables)
            resolved = await self._lookup(spec)
        except ConfigError as error:
            raise CommandRefused(f"{REFUSED}{error}") from error
        notice = await self._commit(command, resolved, attempt)
        self._upstreams.replace(spec, resolved)
        await self._applied(notice)

    async def _delete(self, command: Delete, attempt: _Attempt) -> None:
        try:
            check_name(command.name)
        except ConfigError as error:
            raise CommandRefused(str(error)) from error
        if self._upstreams.find(command.name) is None:
            raise UnknownUpstream(UNKNOWN)
        notice = await self._commit(command, {}, attempt)
        self._upstreams.delete(command.name)
        await self._applied(notice)

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

    async def _applied(self, notice: bytes) -> None:
        """The map has changed: everybody else is to follow."""
        self._upstreams.sequence += 1
        self._store.applied()
        await self._publisher.publish(self._upstreams.sequence, notice)


def _checked(command: Update, variables: VariableTable) -> UpstreamSpec:
    """What the command says.  Raises :class:`ConfigError`."""
    check_name(command.name)
    if "\0" in command.body:
        raise ConfigError("null character", line=command.body[: command.body.index("\0")].count("\n") + 1)
    return parse_commands(command.name, command.body, variables)


class _Attempt:
    """One change under way, and who waits for it.

    The caller has ``result``; the steps run behind it and are not cancelled once ``cancellable`` is false.
    """

    __slots__ = ("_steps", "cancellable", "result")

    def __init__(self, steps: Steps) -> None:
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
