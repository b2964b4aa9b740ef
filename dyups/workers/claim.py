"""One process for one dump file: two that change the same upstreams would each undo what the other was told.

Ports usually keep a second start away, but with ``listen … reuseport``, or on other ports, nothing does.  So whoever
writes a dump holds a lock on ``PATH.lock``, which the kernel gives up with the process, however it ends.  ``master``
and ``process`` claim before they read dump and journal.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable

from dyups.config.model import DyupsSettings
from dyups.errors import ConfigError

SUFFIX = ".lock"
#: How often it is tried, and how long between, in seconds: a process that quits may have much to write to a slow disk.
TRIES = 50
BETWEEN = 0.1


class Claim:
    """The right to write the dump file at ``path``; nothing at all for the empty path.

    Made, it is ours; raises ConfigError where another process has it.
    """

    def __init__(self, path: str, sleep: Callable[[float], None]) -> None:
        self.path = path
        self._handle = -1
        if path:
            self._handle = _opened(path + SUFFIX)
        if self._handle >= 0:
            self._lock(sleep)

    def _lock(self, sleep: Callable[[float], None]) -> None:
        for number in range(TRIES):
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if number < TRIES - 1:
                    sleep(BETWEEN)
            else:
                return
        self.release()
        raise ConfigError(f'"{self.path}" is in use by another process, which holds "{self.path}{SUFFIX}"')

    def release_unless(self, kept: Claim) -> None:
        """Release it, if it is another one than ``kept``."""
        if self is not kept:
            self.release()

    def release(self) -> None:
        """Whoever comes may write it now."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)


def _opened(path: str) -> int:
    """The lock file; -1 where none can be: in a folder that takes nothing nobody can write a dump either."""
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return -1


def written_by(dyups: DyupsSettings) -> str:
    """The dump file that a process with these settings writes; empty for none."""
    return dyups.dyups_upstream_conf if dyups.dyups_dump else ""
