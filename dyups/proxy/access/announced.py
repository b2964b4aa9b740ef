"""``listen … proxy_protocol``: a proxy in front says first whose connection it is (HAProxy's PROXY protocol, 1 and 2).

:class:`Announced` stands before a client's connection (secured or not) until that line, or block, is whole.  Addresses
without such a listen never see it.
"""

from __future__ import annotations

import re
import socket
from typing import Any, Final, NamedTuple

from twisted.internet.interfaces import IProtocol, ITransport
from twisted.python.failure import Failure
from zope.interface import implementer

from dyups.config.values import is_ipv4, is_ipv6
from dyups.metrics.errorlog import placed
from dyups.proxy.context import printable
from dyups.proxy.deadlines import NEVER
from dyups.proxy.downstream import ClientConnection
from dyups.proxy.plane import complain

SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
#: The most bytes of a line of version 1, and of a block of version 2, that are taken.
LONGEST_LINE: Final = 107
LONGEST_BLOCK: Final = 4096
_LINE = re.compile(rb"PROXY TCP([46]) (\S+) (\S+) ([0-9]{1,5}) ([0-9]{1,5})\Z").match
_SIZES = {1: 4, 2: 16}
_NOBODY = (b"", 0)


class BadAnnouncement(ValueError):
    """What should be a header of the PROXY protocol is none."""


class Announcement(NamedTuple):
    """Whose connection it is: addresses and ports; empty where the proxy speaks for itself."""

    source: tuple[bytes, int] = _NOBODY
    destination: tuple[bytes, int] = _NOBODY
    tlvs: bytes = b""
    """What else the proxy says (``tlvs``)."""


def read_announcement(data: bytes) -> tuple[Announcement, int] | None:
    """The announcement at the beginning of ``data`` and its length; None where more must come.

    Raises :class:`BadAnnouncement`.
    """
    if data.startswith(SIGNATURE[: len(data)]):
        return _read_block(data)
    if not data.startswith(b"PROXY "[: len(data)]):
        raise BadAnnouncement
    end = data.find(b"\r\n", 0, LONGEST_LINE)
    if end < 0:
        if len(data) >= LONGEST_LINE:
            raise BadAnnouncement
        return None
    return _read_line(data[:end]), end + 2


def _read_line(line: bytes) -> Announcement:
    if line == b"PROXY UNKNOWN" or line.startswith(b"PROXY UNKNOWN "):
        return Announcement()
    match = _LINE(line)
    if match is None:
        raise BadAnnouncement
    is_address = is_ipv4 if match[1] == b"4" else is_ipv6
    ports = int(match[4]), int(match[5])
    if not all(is_address(match[n].decode("latin-1")) for n in (2, 3)) or max(ports) > 65535:
        raise BadAnnouncement
    return Announcement((match[2], ports[0]), (match[3], ports[1]))


def _read_block(data: bytes) -> tuple[Announcement, int] | None:
    if len(data) < 16:
        return None
    version, command = data[12] >> 4, data[12] & 15
    size = int.from_bytes(data[14:16], "big")
    if version != 2 or command > 1 or size > LONGEST_BLOCK:
        raise BadAnnouncement
    if len(data) < 16 + size:
        return None
    return _addresses(data[13] >> 4, data[16 : 16 + size]) if command else Announcement(), 16 + size


def _addresses(family: int, body: bytes) -> Announcement:
    """Of IPv4 and IPv6; whoever comes from elsewhere has no address."""
    size = _SIZES.get(family)
    if size is None:
        return Announcement()
    if len(body) < 2 * size + 4:
        raise BadAnnouncement
    kind = socket.AF_INET if family == 1 else socket.AF_INET6
    hosts = [socket.inet_ntop(kind, body[n : n + size]).encode() for n in (0, size)]
    ports = [int.from_bytes(body[n : n + 2], "big") for n in (2 * size, 2 * size + 2)]
    return Announcement((hosts[0], ports[0]), (hosts[1], ports[1]), body[2 * size + 4 :])


@implementer(IProtocol)
class Announced:
    """Reads the announcement, then lets ``inner`` have the connection of ``client``."""

    def __init__(self, client: ClientConnection, inner: Any) -> None:
        self._client = client
        self._inner = inner
        self._held = b""
        self._begun = False
        self._transport: Any = None
        self.deadline = NEVER

    def makeConnection(self, transport: ITransport) -> None:
        """The proxy connected."""
        self._transport = transport
        deadlines = self._client.plane.deadlines
        self.deadline = deadlines.now + self._client.routes.header_timeout
        deadlines.watch(self)

    def connectionMade(self) -> None:
        """``makeConnection`` does it all."""

    def dataReceived(self, data: bytes) -> None:
        """Bytes from the proxy, then from the client."""
        if self._begun:
            self._inner.dataReceived(data)
            return
        data = self._held + data
        try:
            found = read_announcement(data)
        except BadAnnouncement:
            shown = printable(data[:LONGEST_LINE])
            text = f'broken header: "{shown}" while reading PROXY protocol'
            complain("error", placed(text, self._client.exchange.route.settings.error_log))
            self._transport.loseConnection()
            return
        if found is None:
            self._held = data
            return
        self._begin(found[0], data[found[1] :])

    def _begin(self, announcement: Announcement, rest: bytes) -> None:
        self._begun = True
        self._held = b""
        self._client.plane.deadlines.forget(self)
        self._client.announced = announcement
        self._inner.makeConnection(self._transport)
        if rest:
            self._inner.dataReceived(rest)

    def connectionLost(self, reason: Failure) -> None:
        """Whoever connected is gone."""
        if self._begun:
            self._inner.connectionLost(reason)
        else:
            self._client.plane.deadlines.forget(self)

    def timed_out(self) -> None:
        """The announcement did not come in time."""
        self._transport.abortConnection()
