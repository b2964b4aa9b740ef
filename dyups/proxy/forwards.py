"""``proxy_pass``: from its URL to the group that is asked and the target that is sent.

A name that stands in the configuration is looked up in the map by one key that never changes
(:class:`ConstantTarget`); one that comes with the request is rendered first (:class:`VariableTarget`).  Either way an
unknown name is 502 at once, unless the location has a ``resolver`` (``resolving``).  ``attempt`` does the forwarding.
"""

from __future__ import annotations

import re

from dyups.config.model import Location, LocationKind, ProxyPass, Template
from dyups.config.parser import encode
from dyups.http1.target import escape
from dyups.proxy import answers
from dyups.proxy.client import BodySink
from dyups.proxy.context import printable
from dyups.proxy.exchange import Exchange
from dyups.proxy.literals import ImplicitGroups, host_field
from dyups.proxy.plan import ForwardPlan
from dyups.proxy.plane import DataPlane, complain
from dyups.proxy.resolving import NamedTargets
from dyups.proxy.serving import DISCARD

_PREFIXED = (LocationKind.EXACT, LocationKind.PREFIX, LocationKind.PREFIX_FIRST)
_URI_START = re.compile(rb"[/?]").search
#: What a decoded variable may bring and no request line may hold: it would end the target, or the line.
_BREAKS_LINE = re.compile(rb"[\x00-\x20\x7f]")


class ConstantTarget:
    """``proxy_pass http://name/…``; the URI part may have variables."""

    __slots__ = ("_host", "_implicit", "_key", "_pass", "_plan", "_plane", "_prefix", "_uri")

    def __init__(
        self,
        content: ProxyPass,
        target: bytes,
        location: Location,
        plane: DataPlane,
        implicit: ImplicitGroups,
    ) -> None:
        self._pass = content
        self._plane = plane
        self._plan = ForwardPlan(location.settings, plane)
        self._key = target.lower()
        self._host = host_field(target)
        self._implicit = implicit.constant(self._key)
        self._uri = content.uri
        self._prefix = len(encode(location.pattern)) if location.kind in _PREFIXED else 0

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """Forward to the upstream of that name, else to the address itself."""
        group = self._plane.upstreams.get(self._key) or self._implicit
        if group is None:
            return _refuse(exchange, f'no host "{printable(self._key)}" to pass the request to')
        exchange.proxy_host = self._host
        uri = exchange.target if self._uri is None else self._replaced(exchange, self._uri)
        exchange.proxy_uri = uri
        return exchange.client.forward(self._plan, group, uri, body, ended)

    def _replaced(self, exchange: Exchange, template: Template) -> bytes:
        """The URI part in place of the location's prefix; as it stands where it has variables."""
        uri = template.render(exchange)
        if self._pass.has_variables:
            return _as_it_stands(uri)
        if uri[:1] == b"?":
            uri = b"/" + uri
        uri += escape(exchange.uri[self._prefix :])
        return b"%b?%b" % (uri, exchange.args) if exchange.args else uri


class VariableTarget:
    """``proxy_pass http://$host``: what is asked is known only now, and must be a known upstream."""

    __slots__ = ("_implicit", "_named", "_plan", "_plane", "_render", "_scheme", "_uri")

    def __init__(
        self, content: ProxyPass, location: Location, plane: DataPlane, implicit: ImplicitGroups
    ) -> None:
        self._plane = plane
        self._plan = ForwardPlan(location.settings, plane)
        self._implicit = implicit
        self._render = content.target.render
        self._scheme = content.scheme
        self._uri = content.uri
        self._named: NamedTargets | None = None
        """Looks up names that are no upstream (``resolver``)."""
        resolver = location.settings.resolver
        if resolver is not None and plane.names is not None:
            self._named = plane.names(resolver, location.settings.resolver_timeout)

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """Forward, or 502 at once where no upstream has that name."""
        target = self._render(exchange)
        group = self._plane.upstreams.get(target if target.islower() else target.lower())
        if group is None or not self._scheme:
            return self._serve_parts(exchange, target, body, ended)
        exchange.proxy_host = target
        uri = exchange.target if self._uri is None else _as_it_stands(self._uri.render(exchange))
        exchange.proxy_uri = uri
        return exchange.client.forward(self._plan, group, uri, body, ended)

    def _serve_parts(self, exchange: Exchange, target: bytes, body: bytes, ended: bool) -> BodySink:
        """The target is no name by itself: it may hold a scheme and a URI part, and its host may be an address."""
        if not self._scheme:
            scheme, separator, rest = target.partition(b"://")
            if not separator or scheme.lower() not in (b"http", b"https"):
                return _refuse(exchange, f'invalid URL prefix in "{printable(target)}"', 500)
            if scheme.lower() == b"https":
                return _refuse(exchange, f'https protocol requires SSL support in "{printable(target)}"', 500)
            target = rest
        start = _URI_START(target)
        uri = b"" if start is None else target[start.start() :]
        host = target if start is None else target[: start.start()]
        if self._uri is not None:
            uri += self._uri.render(exchange)
        key = host.lower()
        group = self._plane.upstreams.get(key) or self._implicit.rendered(key)
        named = self._named
        wanted = named.target(key) if group is None and named is not None else None
        if group is None and wanted is None:
            reason = self._implicit.refusal(key)
            return _refuse(exchange, f'no host "{printable(host)}" to pass the request to: {reason}')
        exchange.proxy_host = host_field(host)
        uri = _as_it_stands(uri) if uri else exchange.target
        exchange.proxy_uri = uri
        if group is None:
            assert named is not None and wanted is not None
            return named.forward(wanted, exchange, self._plan, body, ended)
        return exchange.client.forward(self._plan, group, uri, body, ended)


def _as_it_stands(uri: bytes) -> bytes:
    """A URI part with variables (``ngx_http_proxy_eval``), made fit for a request line, which nginx leaves undone."""
    if uri[:1] == b"?":
        uri = b"/" + uri
    return _BREAKS_LINE.sub(lambda match: b"%%%02X" % match[0][0], uri)


def _refuse(exchange: Exchange, reason: str, status: int = 502) -> BodySink:
    complain("error", exchange.client.context(reason))
    answers.send_page(exchange.client, status)
    return DISCARD
