"""Files without a name, in memory: what a child gets by inheriting a descriptor.

``zone`` lies in one; ``workers`` hands a new worker its snapshot in another.
"""

from __future__ import annotations

import os
import tempfile


def anonymous_file(name: str, size: int = 0) -> int:
    """The descriptor of a new file of ``size`` zero bytes; it is not inherited unless made so.

    ``name`` is for people who look at ``/proc``.  Where the system has no files in memory, it is an unlinked temporary
    file.  Raises OSError.
    """
    create = getattr(os, "memfd_create", None)
    if create is not None:
        handle: int = create(name)
    else:
        with tempfile.TemporaryFile(prefix=f"{name}-") as file:
            handle = os.dup(file.fileno())
    try:
        os.ftruncate(handle, size)
    except BaseException:
        os.close(handle)
        raise
    return handle


def file_with(name: str, data: bytes) -> int:
    """The descriptor of a new file that holds ``data``.  Raises OSError."""
    handle = anonymous_file(name)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view) :]
    except BaseException:
        os.close(handle)
        raise
    return handle


def content(handle: int) -> bytes:
    """Everything in the file.  The place in it, which all who inherited the descriptor share, does not matter."""
    size = os.fstat(handle).st_size
    pieces: list[bytes] = []
    offset = 0
    while offset < size and (piece := os.pread(handle, size - offset, offset)):
        pieces.append(piece)
        offset += len(piece)
    return b"".join(pieces)
