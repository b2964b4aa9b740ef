"""Tengine's ``session_sticky`` (``ngx_http_upstream_session_sticky_module.c``).

``insert`` adds a cookie of ours, which may also say when the session was first and last seen (``maxidle``,
``maxlife``); ``rewrite`` puts the server's name into a cookie that the server sets; ``prefix`` puts it before that
cookie's value, with ``~``.  Answers from 400 on pass as they are.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from hashlib import md5
from typing import Any, NamedTuple

from dyups.balancing.sticky import Bound, cookie_getter, cookie_time
from dyups.config.sticky import SessionSticky
from dyups.interfaces import VariableTable

#: ``NGX_MAX_INT32_VALUE``: what the one of ``maxidle`` and ``maxlife`` is that is not said.
ENDLESS = 0x7FFFFFFF
#: How far ahead of ours a clock may have been that wrote a cookie, in seconds.
AHEAD = 86400


class Seen(NamedTuple):
    """What a request's cookie says."""

    server: bytes
    first: int
    """When the session began, in seconds since 1970."""


class TengineSticky:
    """:class:`~dyups.balancing.sticky.Binding` of one upstream."""

    def __init__(
        self, spec: SessionSticky, variables: VariableTable, wall: Callable[[], float] = time.time
    ) -> None:
        self.strict = not spec.fallback
        self._spec = spec
        self._wall = wall
        self._cookie = spec.cookie.encode()
        self._read = cookie_getter(spec.cookie, variables)
        self._timed = spec.mode == "insert" and (spec.maxidle is not None or spec.maxlife is not None)
        self._maxidle = ENDLESS if spec.maxidle is None else spec.maxidle
        self._maxlife = ENDLESS if spec.maxlife is None else spec.maxlife
        self._hides = spec.mode == "prefix" or (spec.indirect and spec.mode == "insert")

    def id_of(self, exchange: Any) -> bytes:
        """See :class:`~dyups.balancing.sticky.Binding`."""
        return self._seen(exchange).server

    def name_of(self, peer: Bound) -> bytes:
        """See :class:`~dyups.balancing.sticky.Binding`."""
        if not self._spec.plain:
            return md5(peer.name, usedforsecurity=False).hexdigest().encode()
        route: str = peer.spec.route
        return route.encode() or peer.name

    def _seen(self, exchange: Any) -> Seen:
        value = self._read(exchange)
        now = int(self._wall())
        if self._spec.mode == "prefix":
            server, tilde, _ = value.partition(b"~")
            return Seen(server if tilde else b"", now)
        if not self._timed or not value:
            return Seen(value, now)
        server, *times = value.split(b"|")
        if len(times) != 2 or not all(text.isdigit() and len(text) < 12 for text in times):
            return Seen(b"", now)
        last, first = map(int, times)
        if not -AHEAD <= now - last <= self._maxidle or not -AHEAD <= now - first <= self._maxlife:
            return Seen(b"", now)
        return Seen(server, first)

    def answer(self, exchange: Any, peer: Bound, status: int, lines: bytes) -> bytes:
        """See :class:`~dyups.balancing.sticky.Binding`."""
        if status >= 400:
            return lines
        if self._hides and not exchange.route.settings.session_sticky_hide_cookie:
            return lines
        server = self.name_of(peer)
        if self._spec.mode == "insert":
            return self._insert(server, self._seen(exchange), lines)
        return self._change(server, lines)

    # -- what servers set ----------------------------------------------------------------------------------------

    def _change(self, server: bytes, lines: bytes) -> bytes:
        """The first cookie of our name that the server sets, rewritten or prefixed."""
        found = lines.split(b"\r\n")
        for number, line in enumerate(found):
            value = self._value_start(line)
            if value < 0:
                continue
            if self._spec.mode == "prefix":
                found[number] = line[:value] + server + b"~" + line[value:]
            else:
                end = line.find(b";", value)
                found[number] = line[:value] + server + (line[end:] if end >= 0 else b"")
            break
        return b"\r\n".join(found)

    def _value_start(self, line: bytes) -> int:
        """Where the value begins in a ``Set-Cookie`` line of our cookie; -1 in any other line."""
        name, colon, rest = line.partition(b":")
        if not colon or name.lower() != b"set-cookie":
            return -1
        key, equals, _ = rest.partition(b"=")
        if not equals or key.strip().lower() != self._cookie.lower():
            return -1
        return len(name) + len(key) + 2

    # -- what we set ---------------------------------------------------------------------------------------------

    def _insert(self, server: bytes, seen: Seen, lines: bytes) -> bytes:
        if seen.server == server and not self._timed:
            return lines
        if self._spec.indirect:
            kept = [line for line in lines.split(b"\r\n") if self._value_start(line) < 0]
            lines = b"\r\n".join(kept)
        return b"%bSet-Cookie: %b=%b%b\r\n" % (lines, self._cookie, server, self._attributes(seen.first))

    def _attributes(self, first: int) -> bytes:
        spec = self._spec
        now = int(self._wall())
        parts = [b"|%d|%d" % (now, first)] if self._timed else []
        if spec.domain:
            parts.append(b"; Domain=" + spec.domain.encode())
        parts.append(b"; Path=" + spec.path.encode())
        if spec.maxage is not None and not self._timed:
            parts.append(b"; Max-Age=%d; Expires=%b" % (spec.maxage, cookie_time(now + spec.maxage)))
        return b"".join(parts)

    # -- what servers get ----------------------------------------------------------------------------------------

    def without(self, cookies: bytes) -> bytes:
        """See :class:`~dyups.balancing.sticky.Binding`."""
        if not self._hides:
            return cookies
        kept: list[bytes] = []
        for pair in cookies.split(b";"):
            key, equals, value = pair.strip().partition(b"=")
            if not equals or key.rstrip().lower() != self._cookie.lower():
                kept.append(pair.strip())
            elif self._spec.mode == "prefix":
                _, tilde, rest = value.partition(b"~")
                kept.append(key + b"=" + rest if tilde else pair.strip())
        return b"; ".join(kept)
