"""Sticky sessions: the same server for the requests of one session, before any balancing method.

A :class:`Binding` says which server a request belongs to and what goes out with the answer; :class:`StickyFirst` asks
that server, and leaves to the method whom it gives nobody: a session's first request, and those whose server cannot be
asked.  A server that is to drain is asked here and nowhere else.  ``proxy.relay`` has the answers' heads pass through
:meth:`Binding.answer`.

A server's name is its ``route``, or the MD5 of its address in hexadecimal, as in nginx: the same in every worker and
after every restart.  ``session_sticky`` is in ``session_sticky``.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Container, Sequence
from email.utils import formatdate
from hashlib import md5
from typing import Any, Protocol

from dyups.balancing.base import Balancer, begin_trial, is_out
from dyups.config.sticky import SAMESITE, StickyCookie, StickyLearn, StickyRoute
from dyups.config.variables import compile_template
from dyups.http1.fields import clean
from dyups.interfaces import Getter, VariableTable

#: Bytes of a zone for each session that is remembered.
PER_SESSION = 128
_FOR_EVER = b"; expires=Thu, 31-Dec-37 23:55:55 GMT; max-age=315360000"


class Bound(Protocol):
    """A peer as a binding sees it."""

    name: bytes
    """Its address."""
    spec: Any
    """What the configuration says of it: ``down`` and ``route``."""
    unwell: bool


class Binding(Protocol):
    """Which server a request belongs to."""

    strict: bool
    """A request that belongs to a server is answered by that one or by nobody."""

    def id_of(self, exchange: Any) -> bytes:
        """The name of the request's server, empty where it belongs to none."""
        ...

    def name_of(self, peer: Bound) -> bytes:
        """What ``peer`` is called in sessions."""
        ...

    def answer(self, exchange: Any, peer: Bound, status: int, lines: bytes) -> bytes:
        """``peer`` has answered: the lines of its head that the client gets, each with its line end."""
        ...

    def without(self, cookies: bytes) -> bytes:
        """The request's cookies as servers may see them (``session_sticky_hide_cookie``)."""
        ...


class StickyFirst:
    """The balancer of a group with sticky sessions, in front of that of its method."""

    __slots__ = ("_binding", "_inner", "_names", "_peers")

    def __init__(self, inner: Balancer, peers: Sequence[Any], binding: Binding) -> None:
        self._inner = inner
        self._peers = peers
        self._binding = binding
        self._names: dict[bytes, Any] | None = None
        """Made when the first request needs them."""

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> Any | None:
        """The session's peer, else the method's; see :class:`~dyups.balancing.base.Balancer`."""
        wanted = self._binding.id_of(exchange)
        if wanted:
            peer = self._by_name().get(wanted)
            if peer is not None and peer not in tried and _may_be_asked(peer, now):
                begin_trial(peer, now)
                return peer
            if self._binding.strict:
                return None
        return self._inner.pick(exchange, tried, now)

    def _by_name(self) -> dict[bytes, Any]:
        names = self._names
        if names is None:
            names = self._names = {}
            for peer in self._peers:
                names.setdefault(self._binding.name_of(peer), peer)
        return names


def _may_be_asked(peer: Any, now: float) -> bool:
    """As other servers, but that draining is no reason not to."""
    full = peer.max_conns and peer.active >= peer.max_conns
    return not (peer.spec.down or peer.unwell or full or is_out(peer, now))


def name_of(peer: Bound) -> bytes:
    """``route``, or the MD5 of the address in hexadecimal."""
    route: str = peer.spec.route
    return route.encode() if route else md5(peer.name, usedforsecurity=False).hexdigest().encode()


class FirstOf:
    """The first of some variables that is not empty."""

    __slots__ = ("_getters",)

    def __init__(self, variables: Sequence[str], table: VariableTable) -> None:
        self._getters = [compile_template(text, table, ()).render for text in variables]

    def read(self, exchange: Any) -> bytes:
        """Its value."""
        for getter in self._getters:
            if value := getter(exchange):
                return value
        return b""


class Route:
    """``sticky route``."""

    strict = False

    def __init__(self, spec: StickyRoute, variables: VariableTable) -> None:
        self._names = FirstOf(spec.variables, variables)

    def id_of(self, exchange: Any) -> bytes:
        """See :class:`Binding`."""
        return self._names.read(exchange)

    def name_of(self, peer: Bound) -> bytes:
        """See :class:`Binding`."""
        return name_of(peer)

    def answer(self, exchange: Any, peer: Bound, status: int, lines: bytes) -> bytes:
        """See :class:`Binding`."""
        return lines

    def without(self, cookies: bytes) -> bytes:
        """See :class:`Binding`."""
        return cookies


class Cookie(Route):
    """``sticky cookie``: every answer names its server (``ngx_http_upstream_sticky_cookie_insert``)."""

    def __init__(
        self, spec: StickyCookie, variables: VariableTable, wall: Callable[[], float] = time.time
    ) -> None:
        self._spec = spec
        self._wall = wall
        self._start = b"Set-Cookie: " + spec.name.encode() + b"="
        self._domain = compile_template(spec.domain, variables, ()).render
        self._samesite = compile_template(spec.samesite, variables, ()).render
        self._read = cookie_getter(spec.name, variables)

    def id_of(self, exchange: Any) -> bytes:
        """See :class:`Binding`."""
        return self._read(exchange)

    def answer(self, exchange: Any, peer: Bound, status: int, lines: bytes) -> bytes:
        """See :class:`Binding`."""
        return b"%b%b%b%b\r\n" % (lines, self._start, name_of(peer), self._attributes(exchange))

    def _attributes(self, exchange: Any) -> bytes:
        spec = self._spec
        parts = [self._expires(spec.expires)]
        if domain := clean(self._domain(exchange)):
            parts.append(b"; domain=" + domain)
        if spec.httponly:
            parts.append(b"; httponly")
        if spec.secure:
            parts.append(b"; secure")
        if samesite := self._samesite(exchange):
            known = samesite.lower().decode("latin-1") in SAMESITE
            parts.append(b"; samesite=" + (samesite if known else b"strict"))
        if spec.path:
            parts.append(b"; path=" + spec.path.encode())
        return b"".join(parts)

    def _expires(self, expires: float | None) -> bytes:
        if expires is None:
            return b""
        if expires == math.inf:
            return _FOR_EVER
        return b"; expires=%b; max-age=%d" % (cookie_time(self._wall() + expires), expires)


def cookie_time(moment: float) -> bytes:
    """``Thu, 31-Dec-37 23:55:55 GMT`` (``ngx_http_cookie_time``), four digits of the year from 2038 on."""
    day, rest = formatdate(moment, usegmt=True).split(", ")
    number, month, year, clock, zone = rest.split(" ")
    return f"{day}, {number}-{month}-{year if int(year) > 2037 else year[2:]} {clock} {zone}".encode()


def cookie_getter(name: str, variables: VariableTable) -> Getter:
    """Reads the request's cookie of that name, which need not be one that a variable's may be."""
    return variables.lookup("cookie_" + name.lower()) or _nothing


def _nothing(exchange: Any) -> bytes:
    return b""


class SessionTable(Protocol):
    """Sessions and their servers: as many as there is room for, those used last.  Seconds are of one clock."""

    def called(self, server: bytes) -> bytes:
        """What :meth:`find` gives for a server of that name."""
        ...

    def find(self, session: bytes, now: float, timeout: float) -> bytes:
        """The server of ``session``; empty where it is not known, or was not used for ``timeout`` seconds."""
        ...

    def note(self, session: bytes, server: bytes, now: float, limit: int) -> None:
        """``server`` has created ``session``; a table that does not know its size holds ``limit`` at most."""
        ...

    def touch(self, session: bytes, server: bytes, now: float) -> None:
        """``server`` has answered for ``session``: it is the session's from now on, if that is known."""
        ...


class Sessions:
    """The sessions that one process knows."""

    def __init__(self) -> None:
        self._servers: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()

    def find(self, session: bytes, now: float, timeout: float) -> bytes:
        """See :class:`SessionTable`."""
        server, used = self._servers.get(_key(session), (b"", 0.0))
        return server if now - used <= timeout else b""

    def called(self, server: bytes) -> bytes:
        """See :class:`SessionTable`."""
        return server

    def touch(self, session: bytes, server: bytes, now: float) -> None:
        """See :class:`SessionTable`."""
        key = _key(session)
        if key in self._servers:
            self._servers[key] = server, now
            self._servers.move_to_end(key)

    def note(self, session: bytes, server: bytes, now: float, limit: int) -> None:
        """See :class:`SessionTable`."""
        servers = self._servers
        key = _key(session)
        servers[key] = server, now
        servers.move_to_end(key)
        while len(servers) > limit:
            servers.popitem(last=False)


def _key(session: bytes) -> bytes:
    """A session's name may be of any length."""
    return md5(session, usedforsecurity=False).digest()


class Learned(Route):
    """``sticky learn``: servers' own sessions."""

    def __init__(
        self,
        spec: StickyLearn,
        variables: VariableTable,
        before: Any = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._spec = spec
        self._clock = clock
        self._created = FirstOf(spec.create, variables)
        self._wanted = FirstOf(spec.lookup, variables)
        same = isinstance(before, Learned) and before._spec.zone == spec.zone
        self.sessions: SessionTable = before.sessions if same else Sessions()
        """A change of the upstream leaves them as they are; ``upstream.sharing`` has those of all processes."""

    def id_of(self, exchange: Any) -> bytes:
        """See :class:`Binding`."""
        session = self._wanted.read(exchange)
        return self.sessions.find(session, self._clock(), self._spec.timeout) if session else b""

    def name_of(self, peer: Bound) -> bytes:
        """See :class:`Binding`."""
        return self.sessions.called(name_of(peer))

    def answer(self, exchange: Any, peer: Bound, status: int, lines: bytes) -> bytes:
        """See :class:`Binding`."""
        if session := self._created.read(exchange):
            self.sessions.note(session, name_of(peer), self._clock(), self._spec.size // PER_SESSION)
        elif session := self._wanted.read(exchange):
            self.sessions.touch(session, name_of(peer), self._clock())
        return lines
