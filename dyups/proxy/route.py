"""Which server and which location a request is for, by nginx's rules; compiled once from the settings.

Server (``ngx_http_find_virtual_server``): exact name, longest leading wildcard, longest trailing wildcard, first
regular expression, default server.  Location (``ngx_http_core_find_location``): exact, else the longest prefix
remembered, ended there by ``^~``, else the first regular expression, else the prefix; nested locations by the same
rules within the one that was found.  ``downstream`` asks; what a location does is made by ``contents``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from dyups.config.matching import Regex
from dyups.config.model import (
    Listen,
    Location,
    LocationKind,
    LocationSettings,
    NameKind,
    ProxyPass,
    Server,
    ServerName,
)
from dyups.config.parser import encode
from dyups.errors import RegexFailed
from dyups.http1.request import Acceptance
from dyups.http1.target import escape
from dyups.proxy.access.realip import RealIp
from dyups.proxy.browsers import browsers_of
from dyups.proxy.client import ClientSide
from dyups.proxy.contents import Failing, SlashAdded
from dyups.proxy.deadlines import Deadlines
from dyups.proxy.errorpages import error_pages
from dyups.proxy.exchange import Exchange
from dyups.proxy.exchange import capture as capture
from dyups.proxy.filters.added import added_fields
from dyups.proxy.filters.answerhead import AnswerHead
from dyups.proxy.filters.bodies import body_filters
from dyups.proxy.filters.coding import Coder
from dyups.proxy.filters.pacing import Rates, SomeRates
from dyups.proxy.passage import Phase
from dyups.proxy.plane import complain
from dyups.proxy.rewrite.steps import OnlyInternal, Runnable, ready_steps
from dyups.proxy.searching import report
from dyups.proxy.serving import Serving


class AddedFields(Protocol):
    """Fields that are added to an answer."""

    def apply(self, exchange: Exchange, lines: bytes) -> bytes:
        """The lines of a head with what is added, each with its line end; ``exchange.status`` is the answer's."""
        ...

    def lines(self, exchange: Exchange) -> bytes:
        """What is added alone."""
        ...

    def trails(self, exchange: Exchange, status: int) -> bool:
        """Are fields added behind the body of an answer with ``status``, which has to be chunked then?"""
        ...

    def trailers(self, exchange: Exchange) -> bytes:
        """Their lines, each with its line end."""
        ...


class BodyChanges(Protocol):
    """What is changed of the bodies of answers; ``filters.bodies`` has the one that runs."""

    def whole(self, exchange: Exchange, lines: bytes, body: bytes) -> tuple[bytes, bytes | None]:
        """An answer that is there as a whole: the lines of its head, and its body if that becomes another one."""
        ...

    def begin(self, answer: AnswerHead) -> Coder | None:
        """What changes the body behind ``answer``, which is made to fit; None where the body stays what it is."""
        ...


class ErrorPages(Protocol):
    """What is answered instead of pages of our own."""

    def covers(self, status: int) -> bool:
        """Is there something for that status?"""
        ...

    def answer(self, client: ClientSide, status: int, held: bytes | None) -> bool:
        """Answer in place of the page of ``status``, if that is wanted; see :func:`dyups.proxy.answers.send_page`."""
        ...


class Maker(Protocol):
    """Makes of a location's settings what runs."""

    def serving(self, location: Location) -> Serving:
        """Its content."""
        ...

    def phases(self, location: Location) -> tuple[Phase, ...]:
        """What comes between the rewrite phase and the content; mostly nothing."""
        ...


class Route:
    """A location, ready to serve.  Limits are padded for the sweep, see :meth:`Deadlines.limit`."""

    __slots__ = (
        "adds",
        "bodies",
        "body_limit",
        "body_timeout",
        "browsers",
        "error_pages",
        "keepalive_limit",
        "keepalive_min",
        "keepalive_time",
        "keepalive_timeout",
        "kind",
        "level",
        "lingering_time",
        "lingering_timeout",
        "location",
        "logged",
        "phases",
        "plain",
        "rates",
        "send_timeout",
        "serving",
        "settings",
        "steps",
        "tail",
    )

    def __init__(
        self,
        location: Location,
        serving: Serving,
        deadlines: Deadlines,
        steps: tuple[Runnable, ...] = (),
        phases: tuple[Phase, ...] = (),
    ) -> None:
        settings = location.settings
        self.location = location
        self.kind = location.kind
        self.settings: LocationSettings = settings
        self.steps = steps
        """The rewrite phase."""
        self.phases = phases
        """What comes between it and the content."""
        self.plain = not (steps or phases)
        """There is nothing but content, as nearly everywhere."""
        self.serving = serving
        self.adds: AddedFields | None = added_fields(settings.answers)
        """Fields that the location adds to answers (``add_header``)."""
        self.bodies: BodyChanges | None = body_filters(settings)
        """What the location changes of bodies (``gzip``)."""
        self.error_pages: ErrorPages | None = error_pages(settings.answers)
        """What the location answers instead of error pages (``error_page``)."""
        self.rates: SomeRates | None = Rates.of(settings.proxying, forwards=False)
        self.level: Level | None = None
        self.logged = bool(settings.access_log) and None not in settings.access_log
        self.body_limit = settings.client_max_body_size or (1 << 62)
        self.body_timeout = deadlines.limit(settings.client_body_timeout)
        self.send_timeout = deadlines.limit(settings.send_timeout)
        self.lingering_time = deadlines.limit(settings.lingering_time)
        self.lingering_timeout = deadlines.limit(settings.lingering_timeout)
        self.keepalive_timeout = (
            deadlines.limit(settings.keepalive_timeout) if settings.keepalive_timeout else 0.0
        )
        seconds = settings.keepalive_timeout_header
        told = b"Keep-Alive: timeout=%d\r\n" % seconds if seconds else b""
        self.tail = b"Connection: keep-alive\r\n%b\r\n" % told
        """The end of a head that tells that the connection stays open."""
        self.keepalive_limit = settings.keepalive_requests
        self.keepalive_min = settings.keepalive_min_timeout
        self.browsers = browsers_of(settings.keepalive_disable)
        self.keepalive_time = settings.keepalive_time


class Level:
    """The locations of one block, in the order they are looked at."""

    __slots__ = ("_deadlines", "_exact", "_only", "_prefixes", "_regexes")

    def __init__(self, routes: Sequence[Route], deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        prefixes = [r for r in routes if r.kind in (LocationKind.PREFIX, LocationKind.PREFIX_FIRST)]
        self._prefixes = [(encode(r.location.pattern), r) for r in prefixes]
        self._prefixes.sort(key=lambda item: len(item[0]), reverse=True)
        self._exact = _slashless(routes, deadlines)
        for pattern, _ in self._prefixes:
            self._exact.pop(pattern, None)
        self._exact |= {encode(r.location.pattern): r for r in routes if r.kind is LocationKind.EXACT}
        self._regexes = [r for r in routes if r.location.regex is not None]
        # The commonest block of all: one location, "/", with nothing inside.
        whole = [r for pattern, r in self._prefixes if pattern == b"/" and r.level is None]
        self._only = whole[0] if whole and len(routes) == 1 else None

    def find(self, exchange: Exchange) -> Route | None:
        """The location for ``exchange.uri``, or None where this block has none.

        A regular expression that takes too long ends the request with 500 (``ngx_http_core_find_config_phase``).
        """
        if self._only is not None:
            return self._only
        try:
            return self._find(exchange)[0]
        except RegexFailed as failure:
            report(exchange, failure)
            return Route(exchange.server.root.location, Failing(), self._deadlines)

    def _find(self, exchange: Exchange) -> tuple[Route | None, bool]:
        """The location, and whether it is final: no regular expression further out may replace it."""
        uri = exchange.uri
        exact = self._exact.get(uri)
        if exact is not None:
            return exact, True
        found: Route | None = None
        regexes = self._regexes
        for pattern, route in self._prefixes:
            if uri.startswith(pattern):
                found, final = _within(route, exchange)
                if final:
                    return found, True
                if route.kind is LocationKind.PREFIX_FIRST:
                    regexes = []
                break
        for route in regexes:
            assert route.location.regex is not None
            match = route.location.regex.search(uri)
            if match is not None:
                capture(exchange, match)
                return _within(route, exchange)[0], True
        return found, False


def _slashless(routes: Sequence[Route], deadlines: Deadlines) -> dict[bytes, Route]:
    """``/path`` for each ``/path/`` that is passed on: it leads there, before any regular expression is tried."""
    found: dict[bytes, Route] = {}
    for route in routes:
        path = encode(route.location.pattern)
        prefix = route.kind not in (LocationKind.REGEX, LocationKind.REGEX_CASELESS, LocationKind.NAMED)
        if isinstance(route.location.content, ProxyPass) and prefix and len(path) > 1 and path.endswith(b"/"):
            hidden = tuple(step for step in route.steps if isinstance(step, OnlyInternal))
            found[path[:-1]] = Route(route.location, SlashAdded(escape(path)), deadlines, hidden)
    return found


def _within(route: Route, exchange: Exchange) -> tuple[Route, bool]:
    """``route``, or what its nested locations have for the request, and whether that is final."""
    if route.level is None:
        return route, False
    inner, final = route.level._find(exchange)
    return (route, False) if inner is None else (inner, final)


class ServerRoutes:
    """A server, ready to serve."""

    __slots__ = ("acceptance", "level", "merge_slashes", "name", "named", "root", "steps", "tls")

    def __init__(self, server: Server, make: Maker, deadlines: Deadlines) -> None:
        self.name = _shown(server.names[0]) if server.names else b""
        self.steps = ready_steps(server.steps, lambda location: _route(location, make, deadlines))
        if server.settings.realip.set_real_ip_from:
            self.steps = (RealIp(server.settings.realip), *self.steps)
        self.merge_slashes = server.server.merge_slashes
        self.tls = server.tls
        self.acceptance = Acceptance(
            ignore_invalid_headers=server.server.ignore_invalid_headers,
            underscores_in_headers=server.server.underscores_in_headers,
            max_headers=server.server.max_headers,
        )
        routes = [_route(item, make, deadlines) for item in server.locations]
        self.level = Level([route for route in routes if route.kind is not LocationKind.NAMED], deadlines)
        self.named = {
            encode(route.location.pattern): route for route in routes if route.kind is LocationKind.NAMED
        }
        """Locations that only redirects lead to, by name with ``@``."""
        self.root = _route(Location(LocationKind.PREFIX, "", server.settings), make, deadlines)
        """What serves a request that no location is for: the server's own settings, without content."""


def _shown(name: ServerName) -> bytes:
    """``$server_name``: lower case, and ``.example.com`` without its dot, but a regular expression as written."""
    if name.kind is NameKind.REGEX:
        return encode(name.text)
    before, after = {NameKind.LEADING: ("*.", ""), NameKind.TRAILING: ("", ".*")}.get(name.kind, ("", ""))
    return encode(before + name.key + after)


def _route(location: Location, make: Maker, deadlines: Deadlines, internal: bool = False) -> Route:
    internal = internal or location.internal
    steps = ready_steps(location.steps, lambda inner: _route(inner, make, deadlines, internal))
    if location.settings.realip.set_real_ip_from:
        steps = (RealIp(location.settings.realip), *steps)
    if internal:
        steps = (OnlyInternal(), *steps)
    route = Route(location, make.serving(location), deadlines, steps, make.phases(location))
    if location.locations:
        inner = [_route(item, make, deadlines, internal) for item in location.locations]
        route.level = Level(inner, deadlines)
    return route


class ListenRoutes:
    """The servers behind one listening address."""

    __slots__ = (
        "_exact",
        "_exact_only",
        "_leading",
        "_regexes",
        "_trailing",
        "default",
        "head_limit",
        "header_timeout",
        "line_limit",
        "no_delay",
    )

    def __init__(self, listen: Listen, make: Maker, deadlines: Deadlines) -> None:
        ready = {id(server): ServerRoutes(server, make, deadlines) for server in listen.servers}
        self.default = ready[id(listen.default_server)]
        self._exact: dict[bytes, ServerRoutes] = {}
        self._leading: dict[bytes, ServerRoutes] = {}
        self._trailing: dict[bytes, ServerRoutes] = {}
        self._regexes: list[tuple[Regex, ServerRoutes]] = []
        for server in listen.servers:
            self._add_names(server, ready[id(server)])
        self._exact_only = not (self._leading or self._trailing or self._regexes)
        settings = listen.default_server.server
        number, size = settings.large_client_header_buffers
        self.line_limit = size
        self.head_limit = number * size
        self.header_timeout = deadlines.limit(settings.client_header_timeout)
        self.no_delay = listen.default_server.settings.tcp_nodelay

    def _add_names(self, server: Server, routes: ServerRoutes) -> None:
        for name in server.names:
            key = encode(name.key)
            if name.kind is NameKind.EXACT:
                self._exact.setdefault(key, routes)
            elif name.kind is NameKind.LEADING:
                self._leading.setdefault(key, routes)
            elif name.kind is NameKind.TRAILING:
                self._trailing.setdefault(key, routes)
            elif name.regex is not None:
                self._regexes.append((name.regex, routes))

    def server_for(self, exchange: Exchange) -> ServerRoutes:
        """The server for the request's host.  Raises RegexFailed."""
        host = exchange.head.host
        routes = self._exact.get(host)
        if routes is not None:
            return routes
        return self.default if self._exact_only else self._search(host, exchange)

    def known_as(self, name: bytes, exchange: Exchange) -> ServerRoutes:
        """The server of that name, for a client that has sent no request yet (SNI)."""
        try:
            return self._exact.get(name) or (
                self.default if self._exact_only else self._search(name, exchange)
            )
        except RegexFailed as failure:
            complain("alert", str(failure))
            return self.default

    def _search(self, host: bytes, exchange: Exchange) -> ServerRoutes:
        for names, cuts in ((self._leading, _endings), (self._trailing, _beginnings)):
            for part in cuts(host) if names else ():
                routes = names.get(part)
                if routes is not None:
                    return routes
        for regex, routes in self._regexes:
            match = regex.search(host)
            if match is not None:
                capture(exchange, match)
                return routes
        return self.default


def _endings(host: bytes) -> Iterator[bytes]:
    """``b.c`` and ``c`` for ``a.b.c``: what may follow ``*.``, the longest first."""
    dot = host.find(b".")
    while dot >= 0:
        if dot:
            yield host[dot + 1 :]
        dot = host.find(b".", dot + 1)


def _beginnings(host: bytes) -> Iterator[bytes]:
    """``a.b`` and ``a`` for ``a.b.c``: what may stand before ``.*``, the longest first."""
    dot = host.rfind(b".")
    while dot >= 0:
        if dot + 1 < len(host):
            yield host[:dot]
        dot = host.rfind(b".", 0, dot)
