"""How much a connection still holds of what was written to it: whether a slow client takes anything at all.

``answering`` asks before it gives a client up.
"""

from __future__ import annotations

import sys
from fcntl import ioctl
from struct import pack, unpack
from termios import TIOCOUTQ


def unsent_bytes(transport: object) -> int:
    """Bytes that the transport still holds; -1 where it cannot say."""
    size = getattr(transport, "get_write_buffer_size", None)
    if size is not None:
        return int(size())
    held = getattr(transport, "dataBuffer", None)
    if held is None:
        return -1
    return len(held) - int(getattr(transport, "offset", 0)) + int(getattr(transport, "_tempDataLen", 0))


def in_flight(transport: object) -> int:
    """As :func:`unsent_bytes`, with what the system holds and the client has not acknowledged.

    The system asks for more only when a good part of what it holds is gone, and on a fast network it holds megabytes:
    a slow client may take some for minutes before our own buffer shrinks.
    """
    held = unsent_bytes(transport)
    fileno = getattr(transport, "fileno", None)
    if held < 0 or fileno is None or sys.platform != "linux":
        return held
    try:
        queued: int = unpack("i", ioctl(fileno(), TIOCOUTQ, pack("i", 0)))[0]
    except (OSError, ValueError):  # closed
        return held
    return held + queued
