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
from dyups.proxy.filters.shaping import shape
from dyups.proxy.forward.literals import ImplicitGroups, host_field, implicit_key, is_socket
from dyups.proxy.forward.plan import ForwardPlan
from dyups.proxy.forward.resolving import NamedTargets
from dyups.proxy.plane import DataPlane, complain
from dyups.proxy.secure.securedial import ChannelTable
from dyups.proxy.serving import DISCARD

_PREFIXED = (LocationKind.EXACT, LocationKind.PREFIX, LocationKind.PREFIX_FIRST)
_URI_START = re.compile(rb"[/?]").search
#: The text of a target whose host is settled: variables bring no more than a port.
_PINNED = re.compile(r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:.]+\]):").match
#: What a decoded variable may bring and no request line may hold: it would end the target, or the line.
_BREAKS_LINE = re.compile(rb"[\x00-\x20\x7f]")


class ConstantTarget:
    """``proxy_pass http://name/…``; the URI part may have variables."""

    __slots__ = ("_host", "_implicit", "_key", "_pass", "_plan", "_plane", "_prefix", "_scheme", "_uri")

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
        self._plan = plan_for(content.scheme, location, plane)
        self._key = target.lower()
        self._scheme = encode(content.scheme)
        self._host = host_field(target, self._scheme)
        self._implicit = implicit.constant(implicit_key(content.scheme, target))
        self._uri = content.uri
        self._prefix = len(encode(location.pattern)) if location.kind in _PREFIXED else 0

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        """Forward to the upstream of that name, else to the address itself."""
        upstreams = self._plane.upstreams
        group = upstreams.get(self._key) or upstreams.wake(self._key) or self._implicit
        if group is None:
            return _refuse(exchange, f'no host "{printable(self._key)}" to pass the request to')
        exchange.proxy_host = self._host
        exchange.proxy_scheme = self._scheme
        uri = exchange.target if self._uri is None else self._replaced(exchange, self._uri)
        exchange.proxy_uri = uri
        return exchange.client.forward(self._plan, group, uri, body, ended)

    def _replaced(self, exchange: Exchange, template: Template) -> bytes:
        """The URI part in place of the location's prefix; as it stands where it has variables."""
        if exchange.place_lost and not self._pass.has_variables:
            return exchange.target
        uri = template.render(exchange)
        if self._pass.has_variables:
            return _as_it_stands(uri)
        if uri[:1] == b"?":
            uri = b"/" + uri
        uri += escape(exchange.uri[self._prefix :])
        return b"%b?%b" % (uri, exchange.args) if exchange.args else uri


class VariableTarget:
    """``proxy_pass http://$host``: what is asked is known only now, and must be a known upstream."""

    __slots__ = (
        "_implicit",
        "_named",
        "_pinned",
        "_plan",
        "_plan_tls",
        "_plane",
        "_render",
        "_scheme",
        "_scheme_sent",
        "_uri",
    )

    def __init__(
        self, content: ProxyPass, location: Location, plane: DataPlane, implicit: ImplicitGroups
    ) -> None:
        self._plane = plane
        self._plan = plan_for(content.scheme, location, plane)
        self._plan_tls = None if content.scheme else plan_for("https", location, plane)
        self._implicit = implicit
        self._render = content.target.render
        self._scheme = content.scheme
        self._scheme_sent = encode(content.scheme)
        self._uri = content.uri
        self._pinned = content.settled or _PINNED(content.target.source) is not None
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
        exchange.proxy_scheme = self._scheme_sent
        uri = exchange.target if self._uri is None else _as_it_stands(self._uri.render(exchange))
        exchange.proxy_uri = uri
        return exchange.client.forward(self._plan, group, uri, body, ended)

    def _serve_parts(self, exchange: Exchange, target: bytes, body: bytes, ended: bool) -> BodySink:
        """The target is no name by itself: it may hold a scheme and a URI part, and its host may be an address."""
        plan, scheme = self._plan, self._scheme
        if not scheme:
            said, separator, rest = target.partition(b"://")
            scheme = said.lower().decode("latin-1")
            if not separator or scheme not in ("http", "https"):
                return _refuse(exchange, f'invalid URL prefix in "{printable(target)}"', 500)
            if scheme == "https" and self._plan_tls is not None:
                plan = self._plan_tls
            target = rest
        host, uri = _parted(target)
        if self._uri is not None:
            uri += self._uri.render(exchange)
        key = host.lower()
        group = self._plane.upstreams.wake(key) or self._implicit.rendered(host, scheme, self._pinned)
        named = self._named
        wanted = named.target(_with_port(key, scheme)) if group is None and named is not None else None
        if group is None and wanted is None:
            reason = self._implicit.refusal(key)
            return _refuse(exchange, f'no host "{printable(host)}" to pass the request to: {reason}')
        exchange.proxy_scheme = encode(scheme)
        exchange.proxy_host = host_field(host, exchange.proxy_scheme)
        uri = _as_it_stands(uri) if uri else exchange.target
        exchange.proxy_uri = uri
        if group is None:
            assert named is not None and wanted is not None
            return named.forward(wanted, exchange, plan, body, ended)
        return exchange.client.forward(plan, group, uri, body, ended)


def plan_for(scheme: str, location: Location, plane: DataPlane) -> ForwardPlan:
    """How ``location`` forwards by ``scheme``; an empty one counts as ``http``."""
    plan = ForwardPlan(location.settings, plane)
    plan.edits = plane.edits(location)
    if scheme == "https":
        channels = plane.channels
        if channels is None:
            channels = plane.channels = ChannelTable()
        plan.secured = channels.of(location.proxy_tls, location.settings.proxying.proxy_bind)
    shape(plan, location)
    return plan


def _with_port(key: bytes, scheme: str) -> bytes:
    """A target for the resolver, whose default is port 80."""
    host = key.rpartition(b"]")[2] if key[:1] == b"[" else key
    return key + b":443" if scheme == "https" and b":" not in host else key


def _parted(target: bytes) -> tuple[bytes, bytes]:
    """Host and URI part; behind the path of a socket a colon begins the latter (``ngx_parse_unix_domain_url``)."""
    if is_socket(target):
        path, _, uri = target[5:].partition(b":")
        return target[:5] + path, uri
    start = _URI_START(target)
    return (target, b"") if start is None else (target[: start.start()], target[start.start() :])


def _as_it_stands(uri: bytes) -> bytes:
    """A URI part with variables (``ngx_http_proxy_eval``), made fit for a request line, which nginx leaves undone."""
    if uri[:1] == b"?":
        uri = b"/" + uri
    return _BREAKS_LINE.sub(lambda match: b"%%%02X" % match[0][0], uri)


def _refuse(exchange: Exchange, reason: str, status: int = 502) -> BodySink:
    complain("error", exchange.client.context(reason))
    answers.send_page(exchange.client, status)
    return DISCARD
