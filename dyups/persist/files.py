"""The few calls to the operating system that persistence is made of.

:class:`Files` is the seam: tests hand in a disk that fills up, fails at fsync or loses power at any step.  Every
method raises OSError as the call below it does.  :func:`install` is the one way in which a file is replaced.
Journal, dump and watch call in here, from the reactor's threads as well: nothing here has state.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Protocol, TypeVar

from twisted.internet.defer import Deferred

T = TypeVar("T")

ASIDE = ".new"


#: ``fdatasync``, where the system has it: one write less for a record than ``fsync``, which has the times written, too.
_sync = getattr(os, "fdatasync", os.fsync)


class Runner(Protocol):
    """Runs a blocking call off the reactor thread: ``twisted.internet.threads.deferToThread``.

    Tests hand in ``twisted.internet.defer.execute``, which runs it here and now.
    """

    def __call__(self, call: Callable[[], T], /) -> Deferred[T]:
        """Fires with the result of ``call``, or fails with what it raised."""
        ...


class Stamp(NamedTuple):
    """What tells one version of a file from another."""

    inode: int
    size: int
    modified: int
    """Nanoseconds since the epoch."""
    mode: int
    """Permission bits."""


class Files:
    """The operating system's files."""

    def read(self, path: str) -> tuple[bytes, Stamp]:
        """The content with the stamp of exactly this content's file."""
        with open(path, "rb") as file:
            data = file.read()
            return data, _stamp(os.fstat(file.fileno()))

    def stamp(self, path: str) -> Stamp | None:
        """The stamp of what stands there now; None where nothing does."""
        try:
            return _stamp(os.stat(path))
        except FileNotFoundError:
            return None

    def create(self, path: str, mode: int) -> int:
        """A file that was not there, empty, open for writing."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        handle = os.open(path, flags, mode)
        os.fchmod(handle, mode)
        return handle

    def append_to(self, path: str) -> int:
        """The file, open for writing at its end."""
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def write(self, handle: int, data: bytes) -> int:
        """Write some of ``data``; the number of bytes that were taken."""
        return os.write(handle, data)

    def truncate(self, handle: int, size: int) -> None:
        """Cut the file to ``size`` bytes."""
        os.ftruncate(handle, size)

    def fsync(self, handle: int) -> None:
        """Return when the file's content is on disk, with all that it takes to read it; its times may come later."""
        _sync(handle)

    def close(self, handle: int) -> None:
        """Give the handle back."""
        os.close(handle)

    def rename(self, old: str, new: str) -> None:
        """Put ``old`` in the place of ``new``, at once."""
        os.replace(old, new)

    def fsync_folder(self, path: str) -> None:
        """Return when the folder that holds ``path`` is on disk: creations and renames are in the folder."""
        handle = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def remove(self, path: str) -> None:
        """Take the file away."""
        os.unlink(path)

    def target(self, path: str) -> str:
        """Where ``path`` leads to when symbolic links are followed: a link stays, its target is replaced."""
        return os.path.realpath(path)


def _stamp(facts: os.stat_result) -> Stamp:
    return Stamp(facts.st_ino, facts.st_size, facts.st_mtime_ns, stat.S_IMODE(facts.st_mode))


def write_all(files: Files, handle: int, data: bytes) -> None:
    """Write the whole of ``data``, in as many calls as the system needs."""
    view = memoryview(data)
    while view:
        taken = files.write(handle, bytes(view) if len(view) < len(data) else data)
        view = view[taken:]


def install(files: Files, path: str, data: bytes, mode: int) -> None:
    """Make ``data`` the content of ``path``, atomically and for good: the old content or the new, never a part.

    Write aside, fsync, rename, fsync the folder.  When this raises before the rename, ``path`` is as it was; an error
    of the folder's fsync leaves the new content in place, only not yet for good.
    """
    path = files.target(path)
    aside = path + ASIDE
    try:
        _write_aside(files, aside, data, mode)
        files.rename(aside, path)
    except OSError:
        with suppress(OSError):
            files.remove(aside)
        raise
    files.fsync_folder(path)


def _write_aside(files: Files, path: str, data: bytes, mode: int) -> None:
    # What an earlier attempt left here may have failed its fsync: never write into that file again.
    with suppress(FileNotFoundError):
        files.remove(path)
    handle = files.create(path, mode)
    try:
        write_all(files, handle, data)
        files.fsync(handle)
    finally:
        files.close(handle)
