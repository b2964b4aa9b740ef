"""``$secure_link``: was a link made by somebody who knows the secret (``ngx_http_secure_link_module``).

A part of the table of ``variables``; ``config.visiting`` has what the configuration says.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from base64 import urlsafe_b64decode

from dyups.config.parser import encode
from dyups.proxy.exchange import Exchange

_CODED = re.compile(rb"[A-Za-z0-9_-]*\Z").match
_DIGITS = re.compile(rb"[0-9]{1,18}\Z").match
_LONGEST = 24
_PATH = re.compile(rb"/[^/]*/([0-9a-fA-F]{32})/(.+)\Z", re.DOTALL).match


def secure_link(x: Exchange) -> bytes:
    """The link of a path with a checksum; or ``1`` where the checksum is right, ``0`` if it has expired."""
    settings = x.route.settings.visiting
    if settings.secure_link_secret:
        return _link_in_path(x.head.target, encode(settings.secure_link_secret))
    if settings.secure_link is None or settings.secure_link_md5 is None:
        return b""
    coded, expires = _parted(settings.secure_link.render(x))
    if expires == 0 or _decoded(coded) != _md5(settings.secure_link_md5.render(x)):
        return b""
    return b"0" if expires is not None and expires < time.time() else b"1"


def secure_link_expires(x: Exchange) -> bytes:
    """Until when the link holds, as it says itself; empty where it does not."""
    said = x.route.settings.visiting.secure_link
    if said is None:
        return b""
    value = said.render(x)
    return value.partition(b",")[2] if _parted(value)[1] else b""


def _link_in_path(target: bytes, secret: bytes) -> bytes:
    match = _PATH(target)
    if match is None:
        return b""
    right = hashlib.md5(match[2] + secret, usedforsecurity=False).hexdigest().encode()
    return match[2] if hmac.compare_digest(right, match[1].lower()) else b""


def _parted(value: bytes) -> tuple[bytes, int | None]:
    """The checksum, and when it expires: None for never, 0 for what is no time."""
    coded, comma, text = value.partition(b",")
    if not comma:
        return coded, None
    return coded, int(text) if _DIGITS(text) else 0


def _decoded(coded: bytes) -> bytes:
    """The sixteen bytes of a checksum; empty for what is none.  ``=`` ends it (``ngx_decode_base64url``)."""
    text = coded.partition(b"=")[0]
    if len(coded) > _LONGEST or _CODED(text) is None or len(text) % 4 == 1:
        return b""
    found = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    return found if len(found) == 16 else b""


def _md5(value: bytes) -> bytes:
    return hashlib.md5(value, usedforsecurity=False).digest()
