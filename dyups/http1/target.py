"""The request-target: where it points, normalised as nginx normalises it (``ngx_http_parse_complex_uri``).

``%41`` becomes ``A``, ``//`` becomes ``/`` (``merge_slashes``), ``.`` and ``..`` segments are resolved, a fragment is
dropped.  A path that would climb above the root, a bad percent-encoding and ``%00`` are errors.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

# Anything that makes the path differ from its normal form, or needs a closer look.
_ODD = re.compile(rb"[%#]|//|/\.").search
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})|%00").search
_ABSOLUTE = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)(.*)", re.DOTALL).fullmatch
# NGX_ESCAPE_URI: what may not stand as it is in a path that is sent on.
_TO_ESCAPE = re.compile(rb'[\x00-\x20"#%<>?\\^`{|}\x7f-\xff]')


class BadTarget(ValueError):
    """The request-target is not one; the argument is the reason."""


def split_absolute(target: bytes) -> tuple[bytes, bytes]:
    """``http://host:port/path`` to (authority, path); RFC 9112 section 3.2.2.  Raises :class:`BadTarget`."""
    match = _ABSOLUTE(target)
    if match is None or match[1].lower() not in (b"http", b"https") or not match[2]:
        raise BadTarget("invalid request-target")
    path = match[3]
    return match[2], path if path[:1] == b"/" else b"/" + path


def normalise(target: bytes, *, merge_slashes: bool = True) -> tuple[bytes, bytes]:
    """``/a/../b%20c?x=1`` to (``/b c``, ``x=1``): the path as ``$uri``, the arguments as ``$args``."""
    path, _, args = target.partition(b"?")
    if _ODD(target) is None:
        return path, args
    return _normalise(target, merge_slashes)


def _normalise(target: bytes, merge_slashes: bool) -> tuple[bytes, bytes]:
    target = target.partition(b"#")[0]
    raw_path, _, args = target.partition(b"?")
    if _BAD_ESCAPE(raw_path):
        raise BadTarget("invalid percent-encoding")
    decoded = unquote_to_bytes(raw_path)
    kept: list[bytes] = []
    segments = decoded.split(b"/")[1:]
    last = len(segments) - 1
    for index, segment in enumerate(segments):
        ends = index == last
        if segment == b"..":
            if not kept:
                raise BadTarget("path climbs above the root")
            kept.pop()
            if ends:
                kept.append(b"")
        elif segment == b".":
            if ends:
                kept.append(b"")
        elif segment or ends or not merge_slashes:
            kept.append(segment)
    return b"/" + b"/".join(kept), args


def escape(path: bytes) -> bytes:
    """A decoded path as it may stand in a request line (nginx's ``NGX_ESCAPE_URI``)."""
    return _TO_ESCAPE.sub(lambda match: b"%%%02X" % match[0][0], path)
