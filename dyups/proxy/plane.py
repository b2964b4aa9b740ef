"""What all connections of a process share: the map, the clock, the way out, counters, our name and the date.

Made once by the wiring floor; held by every connection.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IConnector
from twisted.logger import Logger, LogLevel

from dyups._version import VERSION
from dyups.interfaces import Address
from dyups.metrics.errorlog import placed_as
from dyups.proxy.deadlines import Deadlines
from dyups.upstream.map import UpstreamMap

if TYPE_CHECKING:
    from dyups.config.model import Location, Template
    from dyups.config.tls import ProxyTls
    from dyups.proxy.access.limits import LimitTables
    from dyups.proxy.exchange import Exchange
    from dyups.proxy.forward.plan import Channels, HeadEdits
    from dyups.proxy.forward.resolving import TargetNames

_log = Logger(namespace="dyups.proxy")

#: nginx's level names to Twisted's; the event carries nginx's own name for the error log.
LEVELS = {
    "debug": LogLevel.debug,
    "info": LogLevel.info,
    "notice": LogLevel.info,
    "warn": LogLevel.warn,
    "error": LogLevel.error,
    "crit": LogLevel.critical,
    "alert": LogLevel.critical,
    "emerg": LogLevel.critical,
}


class Dial(Protocol):
    """Opens a connection: ``net`` has the one that uses the reactor, tests have one in memory."""

    def __call__(self, address: Address, factory: Any, timeout: float, source: str = "") -> IConnector:
        """Begin to connect; the factory (``IProtocolFactory``) hears of the outcome.  ``timeout`` in seconds.

        ``source`` is the local address of a TCP connection; where it is empty the system chooses.
        """
        ...


class TlsSettings(Protocol):
    """Makes TLS towards servers of what the configuration says; ``securedial`` has the one that runs."""

    def of(self, tls: ProxyTls, bind: Template | None = None) -> Channels:
        """The channels of a location with these settings, and of its ``proxy_bind``; raises ConfigError."""
        ...


class Counters:
    """This worker's totals, as nginx's ``stub_status`` names them; plain integers, added up when somebody asks."""

    __slots__ = ("accepted", "active", "requests")

    def __init__(self) -> None:
        self.accepted = 0
        self.active = 0
        self.requests = 0


class DataPlane:
    """The shared things of one process."""

    __slots__ = (
        "_date",
        "_heads",
        "_second",
        "_wall",
        "attempts_wanted",
        "bodies_wanted",
        "channels",
        "counters",
        "deadlines",
        "dial",
        "draining",
        "edits",
        "in_thread",
        "limits",
        "log",
        "names",
        "tallied",
        "upstreams",
        "version",
    )

    def __init__(
        self,
        upstreams: UpstreamMap,
        deadlines: Deadlines,
        dial: Dial,
        *,
        attempts_wanted: bool = False,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.upstreams = upstreams
        self.deadlines = deadlines
        self.dial = dial
        self.counters = Counters()
        self.channels: TlsSettings | None = None
        """TLS towards servers; ``forwards`` makes it where nobody else has."""
        self.draining = False
        """The process is to end: connections close after the answer under way."""
        self.attempts_wanted = attempts_wanted
        """Some text of the configuration reads ``$upstream_*`` variables."""
        self.bodies_wanted = False
        """Some text of the configuration reads ``$request_body``."""
        self.edits: Callable[[Location], HeadEdits | None] = _unedited
        """What scripts and hooks of a location change in heads of servers."""
        self.names: TargetNames | None = None
        """Looks names up that requests bring, where a ``resolver`` is set."""
        self.in_thread: Callable[[Callable[[], Any]], Deferred[Any]] = maybeDeferred
        """Runs a call that takes its time on a thread; the Deferred fires here with what it returns."""
        self.limits: LimitTables | None = None
        """What ``limit_req`` and ``limit_conn`` count."""
        self.tallied = False
        """Some location shows how servers answer (``dyups_status``)."""
        self.version = VERSION
        self.log: Callable[[Exchange], None] = _unlogged
        """Writes a complete request to the access logs of its location."""
        self._wall = wall
        self._heads: dict[tuple[bytes, bool], bytes] = {}
        self._second = -1
        self.tick()

    def tick(self) -> None:
        """Once a second or oftener: a new second has a new ``Date``."""
        second = int(self._wall())
        if second != self._second:
            self._second = second
            self._date = formatdate(second, usegmt=True).encode()
            self._heads = {}

    def wall(self) -> int:
        """What the clock on the wall says, in seconds, as of the last tick."""
        return self._second

    def head_start(self, status_line: bytes, tokens: bool) -> bytes:
        """``status_line`` with ``Server`` and ``Date``, ended; ``tokens`` is ``server_tokens``."""
        key = (status_line, tokens)
        start = self._heads.get(key)
        if start is None:
            name = b"dyups/" + self.version.encode() if tokens else b"dyups"
            start = b"%b\r\nServer: %b\r\nDate: %b\r\n" % (status_line, name, self._date)
            if len(self._heads) < 1024:
                self._heads[key] = start
        return start

    def server_name(self, tokens: bool) -> bytes:
        """What stands below the rule of an error page."""
        return b"dyups/" + self.version.encode() if tokens else b"dyups"


def _unedited(location: Location) -> HeadEdits | None:
    """There are no scripts."""
    return None


def _unlogged(exchange: Exchange) -> None:
    """Nobody keeps access logs."""


def system_words(error: object) -> str:
    """What the system says of an error, in nginx's form (``111: Connection refused``), or else its own text."""
    number = getattr(error, "osError", None) or getattr(error, "errno", None)
    return f"{number}: {os.strerror(number)}" if isinstance(number, int) else str(error)


def complain(level: str, text: str) -> None:
    """Write ``text`` to the error log at nginx's ``level``."""
    _log.emit(LEVELS[level], "{text}", text=text, nginx_level=level)


def complain_lines(level: str, start: str, text: str, end: str = "") -> None:
    """Write several lines as one entry: ``end`` goes with the first line of ``text``, the further ones are indented."""
    first, *further = text.split("\n")
    _log.emit(
        LEVELS[level],
        "{text}",
        text=placed_as(text, start + first + end),
        nginx_level=level,
        further=[line.expandtabs(4) for line in further],
    )
