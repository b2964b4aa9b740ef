"""Journal and dump together: where acknowledged changes survive.

``control.change`` appends to it and says when the map has changed; ``workers`` opens and closes it.  A change goes to
the journal before it is applied.  A moment after changes settle the whole map is dumped, and then the journal forgets
what the dump has.  A crash between these steps loses nothing: records up to the dump's sequence number are ignored.

A dump that somebody else has changed is not written over: what was edited by hand is taken in by the next reload or
start, and until then the journal keeps every change.

All disk work runs through the injected runner, the reactor never waits for it; the map is read on the reactor thread,
as an unchangeable snapshot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twisted.internet.defer import Deferred, DeferredLock, maybeDeferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from dyups.config.model import DyupsSettings, UpstreamSpec
from dyups.config.written import Said
from dyups.persist.dumpfile import is_dump, print_dump, write_dump
from dyups.persist.files import Files, Runner, Stamp
from dyups.persist.journal import SUFFIX, Journal
from dyups.persist.reload import Restored

QUIET = 1.0
"""Seconds without a change after which the dump is written."""
LATEST = 10.0
"""Seconds after the first change after which it is written even so, and before a failed one is tried again."""
EARLY = 0.001
"""Seconds that are not worth to wait again."""

Snapshot = Callable[[], tuple[int, Sequence[Said]]]
"""The map's sequence number with its upstreams, in order."""

_log = Logger()


class NoStore:
    """No dump file, or one that is left to a third party (``dyups_dump off``): nothing is written."""

    def append(self, sequence: int, payload: bytes) -> Deferred[None]:
        """There is nothing to wait for."""
        return succeed(None)

    def applied(self) -> None:
        """There is nothing to do."""

    def close(self) -> Deferred[None]:
        """There is nothing to wait for."""
        return succeed(None)

    def pause(self) -> Deferred[None]:
        """There is nothing to wait for."""
        return succeed(None)

    def resume(self) -> None:
        """There is nothing to do."""

    def abandon(self) -> Deferred[None]:
        """There is nothing to wait for."""
        return succeed(None)


class Store:
    """A dump file and its journal.

    ``configured`` are the upstreams of the configuration outside the dump file, ``snapshot`` reads the map, ``seen``
    tells the dump file as it was read at the start.  ``runner`` runs what takes long, ``appender`` what changes wait
    for.
    """

    def __init__(
        self,
        path: str,
        configured: Sequence[UpstreamSpec],
        snapshot: Snapshot,
        clock: IReactorTime,
        runner: Runner,
        files: Files,
        seen: Stamp | None = None,
        appender: Runner | None = None,
    ) -> None:
        self._seen = seen
        """The file as we last knew it; None for none."""
        self._edited: Stamp | None = None
        """The file as somebody else left it, if we have said so."""
        self._tried = -1
        """The number of the last change in the dump that we wrote, or were writing when it failed."""
        self._path = path
        self._configured = configured
        self._snapshot = snapshot
        self._clock = clock
        self._runner = runner
        self._appender = appender or runner
        """What changes wait for, which must not wait for a dump."""
        self._files = files
        self._journal = Journal(path + SUFFIX, files)
        self._journal_lock = DeferredLock()
        self._dump_lock = DeferredLock()
        self._dirty = False
        self._first = self._last = 0.0
        """When the first change came that is not dumped, and when the last one."""
        self._timer: IDelayedCall | None = None

    def append(self, sequence: int, payload: bytes) -> Deferred[None]:
        """Fires when the command is on disk for good; fails with OSError where it is not, and will not be."""
        append = partial(self._journal.append, sequence, payload)
        if self._journal_lock.locked:
            return self._journal_lock.run(self._appender, append)
        self._journal_lock.acquire()
        return maybeDeferred(self._appender, append).addBoth(self._appended)

    def _appended(self, result: Failure | None) -> Failure | None:
        self._journal_lock.release()
        return result

    def applied(self) -> None:
        """The map has changed: a dump is due in a moment."""
        now = self._last = self._clock.seconds()
        if not self._dirty:
            self._dirty, self._first = True, now
        # Not set anew by each change: one that wakes too early looks again.
        if self._timer is None or self._timer.getTime() > self._due():
            self._wake_in(self._due() - now)

    def close(self) -> Deferred[None]:
        """Write what is not dumped yet and close; fires when that is done.  What fails is in the journal still."""
        return Deferred.fromCoroutine(self._close())

    def pause(self) -> Deferred[None]:
        """Fires when no dump is being written; none is until :meth:`resume` or :meth:`abandon`.

        For a reload, which reads dump and journal while no change is under way.
        """
        return self._dump_lock.acquire().addCallback(lambda _: None)

    def resume(self) -> None:
        """Go on after :meth:`pause`."""
        self._dump_lock.release()

    def abandon(self) -> Deferred[None]:
        """Close after :meth:`pause` without another dump: another store goes on with the same files."""
        self._sleep()
        self._dirty = False
        self._dump_lock.release()
        return self._journal_lock.run(self._runner, self._journal.close)

    async def _close(self) -> None:
        self._sleep()
        await self._dump_lock.run(self._dump)
        self._sleep()
        await self._journal_lock.run(self._runner, self._journal.close)

    def _wake_in(self, seconds: float) -> None:
        self._sleep()
        self._timer = self._clock.callLater(max(0.0, seconds), self._wake)

    def _sleep(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _due(self) -> float:
        return min(self._last + QUIET, self._first + LATEST)

    def _wake(self) -> None:
        self._timer = None
        early = self._due() - self._clock.seconds()
        if self._dirty and early > EARLY:
            self._wake_in(early)
            return
        self._dump_lock.run(self._dump)

    def _dump(self) -> Deferred[None]:
        """Dump the map if it has changed; one at a time."""
        if not self._dirty:
            return succeed(None)
        self._dirty = False
        return Deferred.fromCoroutine(self._dump_now()).addErrback(self._failed)

    async def _dump_now(self) -> None:
        sequence, specs = self._snapshot()
        if await self._runner(lambda: self._write(specs, sequence)):
            await self._forget(sequence)

    def _write(self, specs: Sequence[Said], sequence: int) -> bool:
        """Write the dump; False where the file is not ours any more."""
        if self._is_edited():
            return False
        self._tried = sequence
        write_dump(self._files, self._path, print_dump(specs, self._configured, sequence))
        self._seen = self._files.stamp(self._path)
        return True

    def _is_edited(self) -> bool:
        """Has somebody else changed the file since we knew it?  A file that is gone may be written anew."""
        stamp = self._files.stamp(self._path)
        if stamp in (None, self._seen):
            return False
        if stamp == self._edited:
            return True
        data, stamp = self._files.read(self._path)
        if is_dump(data, self._tried):
            self._seen = stamp
            return False
        self._edited = stamp
        _log.warn(
            "{path} was edited: it is not written over, the journal keeps the changes until a reload takes the edit in",
            path=self._path,
        )
        return True

    def _forget(self, sequence: int) -> Deferred[None]:
        """Once the dump is in place, the journal need not hold what is in it."""
        return self._journal_lock.run(self._runner, lambda: self._journal.drop(sequence))

    def _failed(self, failure: Failure) -> None:
        """Nothing is lost, the journal has every change; try again later."""
        if isinstance(failure.value, OSError):
            _log.error("{path} could not be written: {error}", path=self._path, error=str(failure.value))
        else:
            _log.failure("{path} could not be written", failure, path=self._path)
        if not self._dirty:
            self._dirty, self._first = True, self._clock.seconds()
        self._wake_in(LATEST)


def open_store(
    settings: DyupsSettings,
    restored: Restored,
    snapshot: Snapshot,
    clock: IReactorTime,
    runner: Runner,
    files: Files | None = None,
    appender: Runner | None = None,
) -> Store | NoStore:
    """The store that the settings ask for; changes that came from the journal make a new dump due."""
    if not settings.dyups_upstream_conf or not settings.dyups_dump:
        return NoStore()
    path = settings.dyups_upstream_conf
    seen = None if restored.dump is None else restored.dump.stamp
    store = Store(path, restored.configured, snapshot, clock, runner, files or Files(), seen, appender)
    if restored.replayed:
        store.applied()
    return store
