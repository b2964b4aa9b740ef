"""Cookies that tell visitors apart: ``userid`` (``ngx_http_userid_filter_module``).

Sixteen bytes in base64: who gave the cookie, when, by which process, and a running number.  ``added`` puts them into
answers; ``$uid_got`` and ``$uid_set`` are parts of the table of ``variables``.
"""

from __future__ import annotations

import os
import time
from base64 import b64decode, b64encode
from functools import lru_cache
from ipaddress import ip_address
from itertools import count
from typing import Final

from dyups.config.parser import encode
from dyups.config.userid import FOREVER, UserIdSettings
from dyups.proxy.context import printable
from dyups.proxy.exchange import Exchange
from dyups.proxy.plane import complain

#: Where ``exchange.user`` has the identity that is set; no variable can have this name.
SET: Final = "uid set"
#: ``set $uid_reset``: neither empty nor ``0`` gives a visitor another identity.
RESET: Final = "uid_reset"

_CODED = 22
"""Characters of base64 that count, without the ``==`` behind them."""
_FIRST_V2 = 0x03030302
_NUMBERS_V1 = count(1, 0x100)
_NUMBERS_V2 = count(_FIRST_V2, 0x100)


@lru_cache(maxsize=1)
def _process() -> int:
    """What tells processes apart: the fraction of a second that it began with, and its number."""
    return ((time.time_ns() // 1000 % 1_000_000 // 20) << 16 | os.getpid() & 0xFFFF) & 0xFFFFFFFF


class Visitors:
    """One location's cookies."""

    __slots__ = ("_behind", "_said")

    def __init__(self, settings: UserIdSettings) -> None:
        self._said = settings
        domain = f"; domain={settings.userid_domain}" if settings.userid_domain else ""
        flags = "".join(f"; {flag}" for flag in settings.userid_flags)
        self._behind = encode(f"{domain}; path={settings.userid_path}{flags}")

    def lines(self, exchange: Exchange) -> bytes:
        """The lines that give a visitor an identity; none where it has one already."""
        said = self._said
        cookie = _cookie(exchange, said)
        uid = identity(exchange, said)
        if uid and not _is_reset(exchange):
            if not said.userid_mark or cookie[_CODED:][:2] == encode(said.userid_mark) + b"=":
                return b""
            value = cookie[:_CODED] + encode(said.userid_mark) + b"="
        else:
            uid = self._made(exchange)
            value = b64encode(uid)
            if said.userid_mark:
                value = value[:_CODED] + encode(said.userid_mark) + b"="
        exchange.user[SET] = uid
        line = b"Set-Cookie: %b=%b%b%b\r\n" % (
            encode(said.userid_name),
            value,
            self._expires(exchange),
            self._behind,
        )
        return line + (b"P3P: %b\r\n" % encode(said.userid_p3p) if said.userid_p3p else b"")

    def _expires(self, exchange: Exchange) -> bytes:
        seconds = self._said.userid_expires
        if not seconds:
            return b""
        if seconds == FOREVER:
            return b"; expires=Thu, 31-Dec-37 23:55:55 GMT"
        at = time.gmtime(exchange.client.plane.wall() + seconds)
        year = "%y" if at.tm_year < 2038 else "%Y"
        return time.strftime(f"; expires=%a, %d-%b-{year} %H:%M:%S GMT", at).encode()

    def _made(self, exchange: Exchange) -> bytes:
        """Another identity.  Version 1 has its numbers as the machine has them, version 2 as networks do."""
        said = self._said
        now = exchange.client.plane.wall()
        if said.userid == "v1":
            ours = (said.userid_service or 0, now, _process(), next(_NUMBERS_V1))
            return b"".join((number & 0xFFFFFFFF).to_bytes(4, "little") for number in ours)
        first = _address(exchange)
        if said.userid_service is not None:
            first = (said.userid_service & 0xFFFFFFFF).to_bytes(4, "big")
        theirs = (now, _process(), next(_NUMBERS_V2))
        return first + b"".join((number & 0xFFFFFFFF).to_bytes(4, "big") for number in theirs)


def _address(exchange: Exchange) -> bytes:
    """The last four bytes of where the client came to."""
    try:
        return ip_address(exchange.client.local_address()[0].decode("latin-1")).packed[-4:]
    except ValueError:
        return bytes(4)


def _is_reset(exchange: Exchange) -> bool:
    value = exchange.user.get(RESET, b"")
    if value in (b"", b"0"):
        return False
    if value == b"log":
        complain("notice", exchange.client.context("userid cookie was reset"))
    return True


def _cookie(exchange: Exchange, said: UserIdSettings) -> bytes:
    """The cookie that came, empty for none; names are compared without case."""
    wanted = encode(said.userid_name).lower()
    for field in exchange.head.fields:
        if field.name == b"cookie":
            for part in field.value.split(b";"):
                key, equals, value = part.strip().partition(b"=")
                if equals and key.rstrip().lower() == wanted:
                    return value.lstrip()
    return b""


def identity(exchange: Exchange, said: UserIdSettings) -> bytes:
    """The identity in the cookie that came; empty for none, and, told, for what is none."""
    cookie = _cookie(exchange, said)
    if not cookie:
        return b""
    problem = "short" if len(cookie) < _CODED else ""
    try:
        found = b"" if problem else b64decode(cookie[:_CODED] + b"==", validate=True)
    except ValueError:
        problem, found = "invalid", b""
    if problem:
        word = "too short" if problem == "short" else "invalid"
        text = f'client sent {word} userid cookie "{printable(exchange.head.value(b"cookie"))}"'
        complain("error", exchange.client.context(text))
    return found if any(found[12:]) else b""


def _shown(said: UserIdSettings, uid: bytes) -> bytes:
    """``uid=0100007F…``: four numbers as a little machine has them."""
    numbers = [int.from_bytes(uid[at : at + 4], "little") for at in range(0, 16, 4)]
    return b"%b=%b" % (encode(said.userid_name), b"".join(b"%08X" % number for number in numbers))


def uid_got(x: Exchange) -> bytes:
    """``$uid_got``."""
    said = x.route.settings.answers.userid
    uid = b"" if said.userid == "off" else identity(x, said)
    return _shown(said, uid) if uid else b""


def uid_set(x: Exchange) -> bytes:
    """``$uid_set``; empty before there is an answer."""
    uid = x.user.get(SET, b"")
    return _shown(x.route.settings.answers.userid, uid) if uid else b""


def visitors(settings: UserIdSettings) -> Visitors | None:
    """What a location sets; None where that is nothing."""
    return Visitors(settings) if settings.userid in ("on", "v1") else None
