"""``gzip_static``: a file's compressed copy beside it (``ngx_http_gzip_static_module``).

``plain`` asks before it opens a file.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple

from dyups.config.compression import CompressionSettings
from dyups.proxy.exchange import Exchange
from dyups.proxy.filters.accepting import Acceptance
from dyups.proxy.plane import complain

_METHODS = frozenset({b"GET", b"HEAD"})
_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
_VARY = b"Vary: Accept-Encoding\r\n"
_ENCODED = b"Content-Encoding: gzip\r\n"


class Copy(NamedTuple):
    """What there is in place of a file."""

    fd: int = -1
    """The open copy; -1 where the file itself is sent."""
    lines: bytes = b""
    """What the head says of it, each line with its end."""
    vary: bytes = b""
    """What it says whatever is sent of it."""


NO_COPY = Copy()


class Precompressed:
    """One location's copies."""

    __slots__ = ("_acceptance", "_always", "_vary")

    def __init__(self, settings: CompressionSettings) -> None:
        self._acceptance = Acceptance(settings)
        self._always = settings.gzip_static == "always"
        self._vary = settings.gzip_vary and not self._always

    def copy(self, exchange: Exchange, path: bytes) -> Copy:
        """What is to be sent in place of the file ``path``."""
        if exchange.head.method not in _METHODS:
            return NO_COPY
        wanted = self._always or self._acceptance.ok(exchange)
        if not wanted and not self._vary:
            return NO_COPY
        fd = _opened(exchange, path + b".gz")
        if fd < 0:
            return NO_COPY
        vary = _VARY if self._vary else b""
        if wanted and stat.S_ISREG(os.fstat(fd).st_mode):
            return Copy(fd, _ENCODED, vary)
        os.close(fd)
        return Copy(vary=vary)


def _opened(exchange: Exchange, path: bytes) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else None
        if number is not None and number not in _MISSING:
            shown = path.decode("utf-8", "replace")
            reason = f"{number}: {os.strerror(number)}"
            level = "error" if number == errno.EACCES else "crit"
            complain(level, exchange.client.context(f'open() "{shown}" failed ({reason})'))
        return -1


def precompressed(settings: CompressionSettings) -> Precompressed | None:
    """The copies of a location; None where there are none."""
    return None if settings.gzip_static == "off" else Precompressed(settings)
