"""A dump file that a third party writes (``dyups_dump off``), as the C module has it: looked at on a timer.

What the file says anew since it was last looked at is brought into the map; what it says unchanged is left alone, so
that a change made through the interface is not undone by a file that is a moment old.  ``workers`` makes and starts
the watch; the door to the map (``control.change``'s ``adopt``, which takes the change lock) is handed in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from dyups.config.model import UpstreamSpec, fold
from dyups.config.variables import NO_VARIABLES
from dyups.config.written import spec_of
from dyups.errors import ConfigError
from dyups.interfaces import VariableTable
from dyups.persist.dumpfile import Dump, read_dump
from dyups.persist.files import Files, Runner, Stamp

Adopt = Callable[[Sequence[UpstreamSpec], Sequence[str]], Awaitable[None]]
"""Puts upstreams into the map, and takes away those of the names given."""

_log = Logger()


class DumpWatch:
    """Brings a replaced dump file into the map.

    ``seen`` is the file as the start read it; ``period`` (``dyups_read_msg_timeout``) is in seconds;
    ``variables`` are the map's.
    """

    def __init__(
        self,
        path: str,
        seen: Dump | None,
        adopt: Adopt,
        clock: IReactorTime,
        period: float,
        runner: Runner,
        files: Files | None = None,
        variables: VariableTable = NO_VARIABLES,
    ) -> None:
        self._path = path
        self._seen = seen
        self._stamp: Stamp | None = None if seen is None else seen.stamp
        self._adopt = adopt
        self._runner = runner
        self._files = files or Files()
        self._variables = variables
        self._period = period
        self._loop = LoopingCall(self._look)
        self._loop.clock = clock
        self._over: Deferred[None] = succeed(None)

    def start(self) -> None:
        """Look now, and then every period."""
        self._over = self._loop.start(self._period).addCallback(lambda _: None)

    def stop(self) -> Deferred[None]:
        """Look no more; fires when a look under way is over."""
        if self._loop.running:
            self._loop.stop()
        return self._over

    def _look(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._bring_in()).addErrback(_report)

    async def _bring_in(self) -> None:
        """One look.  A file that is away, or cannot be read, is waited for."""
        try:
            dump = await self._runner(self._changed)
        except (ConfigError, OSError) as error:
            _log.warn("the upstreams stay as they are: {error}", error=str(error))
            return
        if dump is not None:
            await self._adopt(*_differences(self._seen, dump))
            self._seen = dump

    def _changed(self) -> Dump | None:
        """The file if it is another one than at the last look.  Reports a bad file once, until it changes again."""
        stamp = self._files.stamp(self._path)
        if stamp is None or stamp == self._stamp:
            return None
        self._stamp = stamp
        dump = read_dump(self._files, self._path, self._variables)
        if dump is not None:
            self._stamp = dump.stamp
        return dump


def _differences(before: Dump | None, now: Dump) -> tuple[list[UpstreamSpec], list[str]]:
    """The upstreams that the file says anew, and the names that it says no more."""
    old = {} if before is None else {fold(spec.name): spec for spec in before.specs}
    new = {fold(spec.name): spec for spec in now.specs}
    changed = [spec_of(spec) for key, spec in new.items() if old.get(key) != spec]
    return changed, [spec.name for key, spec in old.items() if key not in new]


def _report(failure: Failure) -> None:
    _log.failure("the dump file could not be brought in", failure)
