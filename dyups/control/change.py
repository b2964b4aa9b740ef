"""The only way by which the upstreams change while running.

Takes the lock, checks the whole command, looks its host names up, has it on disk, applies it: in this order, so that
a command which fails at any step has changed nothing.  ``admin`` calls :meth:`ChangePath.update` and
:meth:`ChangePath.delete`; ``persist.watch`` is handed :meth:`ChangePath.adopt`.  Parsing is ``config.upstreams``',
disks are ``persist``'s, the map is ``upstream``'s.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from dyups.config.model import UpstreamSpec
from dyups.config.upstreams import check_name, parse_commands
from dyups.control.command import Command, Delete, Update
from dyups.control.lock import ChangeLock
from dyups.errors import ChangeFailed, CommandRefused, ConfigError, UnknownUpstream
from dyups.upstream.map import UpstreamMap
from dyups.upstream.resolve import Lookup

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


class ChangePath:
    """Makes changes, one at a time, each everywhere or nowhere.

    A change may be cancelled while it waits or looks names up; from the moment its command goes to disk it completes,
    and cancelling only means that nobody hears of it.
    """

    def __init__(self, upstreams: UpstreamMap, lock: ChangeLock, store: Store, lookup: Lookup) -> None:
        self._upstreams = upstreams
        self._lock = lock
        self._store = store
        self._lookup = lookup

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
        await self._lock.wait()
        try:
            for spec in specs:
                await self._adopt(spec)
            for name in deleted:
                self._upstreams.delete(name)
            self._upstreams.sequence += 1
        finally:
            self._lock.release()

    async def _adopt(self, spec: UpstreamSpec) -> None:
        try:
            resolved = await self._lookup(spec)
        except ConfigError as error:
            _log.warn("dump file: {name}: {error}; it stays as it was", name=spec.name, error=str(error))
        else:
            self._upstreams.replace(spec, resolved)

    async def _locked(self, steps: Steps, attempt: _Attempt) -> None:
        await self._lock.acquire()
        try:
            await steps(attempt)
        finally:
            self._lock.release()

    async def _update(self, command: Update, attempt: _Attempt) -> None:
        try:
            spec = _checked(command)
            resolved = await self._lookup(spec)
        except ConfigError as error:
            raise CommandRefused(f"{REFUSED}{error}") from error
        await self._commit(command, attempt)
        self._upstreams.replace(spec, resolved)
        self._applied()

    async def _delete(self, command: Delete, attempt: _Attempt) -> None:
        try:
            check_name(command.name)
        except ConfigError as error:
            raise CommandRefused(str(error)) from error
        if self._upstreams.find(command.name) is None:
            raise UnknownUpstream(UNKNOWN)
        await self._commit(command, attempt)
        self._upstreams.delete(command.name)
        self._applied()

    async def _commit(self, command: Command, attempt: _Attempt) -> None:
        """Have the command on disk.  There is no way back from here but the store's refusal."""
        attempt.cancellable = False
        try:
            await self._store.append(self._upstreams.sequence + 1, command.encode())
        except OSError as error:
            reason = error.strerror or str(error)
            _log.error("a change of {name} could not be stored: {error}", name=command.name, error=str(error))
            raise ChangeFailed(f"could not store the change: {reason}") from error

    def _applied(self) -> None:
        self._upstreams.sequence += 1
        self._store.applied()


def _checked(command: Update) -> UpstreamSpec:
    """What the command says.  Raises :class:`ConfigError`."""
    check_name(command.name)
    if "\0" in command.body:
        raise ConfigError("null character", line=command.body[: command.body.index("\0")].count("\n") + 1)
    return parse_commands(command.name, command.body)


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
