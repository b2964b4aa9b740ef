"""Variables of the client's connection and of the time: ``$tcpinfo_…``, ``$request_port``, ``$date_gmt`` …

A part of the table of ``variables``.
"""

from __future__ import annotations

import re
import socket
import struct
import time

from dyups.interfaces import Getter
from dyups.proxy.access.referers import invalid_referer
from dyups.proxy.access.securelinks import secure_link, secure_link_expires
from dyups.proxy.exchange import Exchange
from dyups.proxy.files.bodyfiles import BODY_FILE

#: What ``struct tcp_info`` of <linux/tcp.h> begins with: eight bytes, then numbers of four.
_NUMBERS = struct.Struct("8x23I")
#: Which of the numbers a variable is.
_TCP_INFO = {"tcpinfo_rtt": 15, "tcpinfo_rttvar": 16, "tcpinfo_snd_cwnd": 18, "tcpinfo_rcv_space": 22}
_PORT = re.compile(rb":([0-9]{1,5})\Z").search
_AUTHORITY = re.compile(rb"\S+ +[A-Za-z][A-Za-z0-9+.-]*://([^/?# ]*)").match


def _tcp_info(index: int) -> Getter:
    """One of the system's numbers about the connection; empty where there are none (a unix socket)."""

    def read(x: Exchange) -> bytes:
        fileno = getattr(getattr(x.client, "transport", None), "fileno", None)
        if fileno is None:
            return b""
        try:
            found = _asked(fileno())
        except (OSError, ValueError, AttributeError, struct.error):
            return b""
        return b"%d" % found[index]

    return read


def _asked(descriptor: int) -> tuple[int, ...]:
    connection = socket.socket(fileno=descriptor)
    try:
        return _NUMBERS.unpack(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _NUMBERS.size))
    finally:
        connection.detach()


def _request_port(x: Exchange) -> bytes:
    """The port that the request names: in its line, else in ``Host``; empty where it names none."""
    absolute = _AUTHORITY(x.head.line)
    found = _PORT(absolute[1] if absolute is not None else x.head.raw_host)
    return b"" if found is None else found[1]


def _date(now: time.struct_time, zone: str) -> bytes:
    """As nginx's ``ssi`` writes a date unless ``timefmt`` says otherwise."""
    return time.strftime(f"%A, %d-%b-%Y %H:%M:%S {zone}", now).encode()


GETTERS: dict[str, Getter] = {
    **{name: _tcp_info(index) for name, index in _TCP_INFO.items()},
    "date_gmt": lambda x: _date(time.gmtime(), "GMT"),
    "date_local": lambda x: _date(time.localtime(), "%Z"),
    "http3": lambda x: b"",
    "invalid_referer": invalid_referer,
    "is_request_port": lambda x: b":" if _request_port(x) else b"",
    "request_body_file": lambda x: x.user.get(BODY_FILE, b""),
    "request_port": _request_port,
    "secure_link": secure_link,
    "secure_link_expires": secure_link_expires,
}
