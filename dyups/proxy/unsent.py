"""How much a connection still holds of what was written to it: whether a slow client takes anything at all.

``answering`` asks before it gives a client up.
"""

from __future__ import annotations


def unsent_bytes(transport: object) -> int:
    """Bytes that the transport still holds; -1 where it cannot say."""
    size = getattr(transport, "get_write_buffer_size", None)
    if size is not None:
        return int(size())
    held = getattr(transport, "dataBuffer", None)
    if held is None:
        return -1
    return len(held) - int(getattr(transport, "offset", 0)) + int(getattr(transport, "_tempDataLen", 0))
