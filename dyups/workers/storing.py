"""What a process keeps on disk, wired: the store of its changes, and the watch on a dump file that others write.

``master`` calls it at the start and at each reload, ``process`` at the start.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.threads import deferToThreadPool

from dyups.config.model import UpstreamSpec
from dyups.control.change import ChangePath
from dyups.persist.store import NoStore, Store, open_store
from dyups.persist.watch import DumpWatch
from dyups.workers.claim import Claim, written_by
from dyups.workers.configuration import Source, read_configuration
from dyups.workers.diskthread import DiskThread
from dyups.workers.truth import Truth, establish

T = TypeVar("T")


class Closed(NoStore):
    """The store of a process that ends: whoever starts next writes the files now."""

    def append(self, sequence: int, payload: bytes) -> Deferred[None]:
        """Nothing is taken any more."""
        return fail(OSError(errno.ESHUTDOWN, "the process is about to end"))


class InThread(Protocol):
    """Runs calls that block; the reactor goes on meanwhile."""

    def __call__(self, call: Callable[..., T], /, *arguments: Any) -> Deferred[T]:
        """Fires with what the call returns."""
        ...


def threads_of(reactor: Any) -> InThread:
    """The reactor's own threads."""

    def run(call: Callable[..., T], /, *arguments: Any) -> Deferred[T]:
        return deferToThreadPool(reactor, reactor.getThreadPool(), call, *arguments)

    return run


def read_claimed(source: Source, present: Claim) -> tuple[Claim, Truth]:
    """What the files say now, and the right to write the dump among them: ``present``, where that is the same.

    Blocks; raises ConfigError, and then nothing is held but ``present``.
    """
    configuration = read_configuration(source)
    path = written_by(configuration.http.dyups)
    claim = present if path == present.path else Claim(path, time.sleep)
    try:
        return claim, establish(configuration)
    except BaseException:
        claim.release_unless(present)
        raise


def store_of(truth: Truth, reactor: Any, in_thread: InThread) -> Store | NoStore:
    """Where the changes of a map are kept."""
    dyups = truth.configuration.http.dyups
    disk = DiskThread(reactor)
    return open_store(dyups, truth.restored, truth.upstreams.snapshot, reactor, in_thread, appender=disk)


def watch_of(truth: Truth, changes: ChangePath, reactor: Any, in_thread: InThread) -> DumpWatch | None:
    """Somebody else writes the dump file (``dyups_dump off``): follow it."""
    dyups = truth.configuration.http.dyups
    if dyups.dyups_dump or not dyups.dyups_upstream_conf:
        return None

    async def adopt(specs: Sequence[UpstreamSpec], deleted: Sequence[str]) -> None:
        await changes.adopt(specs, deleted)
        truth.file_says(specs, deleted)

    return DumpWatch(
        dyups.dyups_upstream_conf,
        truth.restored.dump,
        adopt,
        reactor,
        dyups.dyups_read_msg_timeout,
        in_thread,
        variables=truth.upstreams.variables,
    )
