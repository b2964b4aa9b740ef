"""How one location changes what it forwards: from ``proxying`` settings to the parts of a plan.

``forwards`` calls :func:`shape` once for each plan; ``attempt`` asks a :class:`RequestShape` where there is one.
"""

from __future__ import annotations

import re

from dyups.config.model import Location, LocationKind, ProxyPass, Template
from dyups.config.proxying import Change, ProxyingSettings
from dyups.proxy.exchange import Exchange
from dyups.proxy.filters.accel import Accel
from dyups.proxy.filters.added import added_fields
from dyups.proxy.filters.bodies import body_filters
from dyups.proxy.filters.headfilter import OURS, ServerHeadFilter, redirect_rules
from dyups.proxy.filters.pacing import Rates
from dyups.proxy.filters.relayed import ChangedAnswers
from dyups.proxy.forward.binding import LocalAddresses
from dyups.proxy.forward.plan import ForwardPlan

# RFC 9110 section 5.6.2: anything else would be more of the request line than its method.
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+").fullmatch
_PREFIXED = (LocationKind.EXACT, LocationKind.PREFIX, LocationKind.PREFIX_FIRST)


class RequestShape:
    """``proxy_method``, ``proxy_set_body`` and ``proxy_pass_request_body off``."""

    __slots__ = ("_body", "_method", "own_body")

    def __init__(self, settings: ProxyingSettings) -> None:
        self._method: Template | None = settings.proxy_method
        self._body: Template | None = settings.proxy_set_body
        self.own_body = settings.proxy_set_body is not None or not settings.proxy_pass_request_body
        """What the client sends as a body is not what the server gets."""

    def method(self, exchange: Exchange) -> bytes:
        """The method that the server is asked with."""
        rendered = b"" if self._method is None else self._method.render(exchange)
        return rendered if _TOKEN(rendered) else exchange.head.method

    def swaps_head(self, exchange: Exchange) -> bool:
        """See :class:`~dyups.proxy.forward.plan.Shape`."""
        return (self.method(exchange) == b"HEAD") is not (exchange.head.method == b"HEAD")

    def body(self, exchange: Exchange) -> bytes | None:
        """The body that the server gets in place of the client's; None for none at all."""
        return None if self._body is None else self._body.render(exchange)


def shape(plan: ForwardPlan, location: Location) -> None:
    """Give ``plan`` what the location says beyond times and fields of requests."""
    settings = location.settings.proxying
    found = RequestShape(settings)
    if found.own_body or settings.proxy_method is not None:
        plan.shape = found
    _shape_answers(plan, location, settings)
    plan.rates = Rates.of(settings)
    if settings.proxy_bind is not None and plan.secured is None:
        plan.secured = LocalAddresses(settings.proxy_bind)


def _shape_answers(plan: ForwardPlan, location: Location, settings: ProxyingSettings) -> None:
    rules: tuple[Change, ...] = ()
    if isinstance(location.content, ProxyPass):
        path = location.pattern if location.kind in _PREFIXED else ""
        rules = redirect_rules(settings, location.content, path)
    found = ServerHeadFilter(settings, rules, added_fields(location.settings.answers))
    if found.sees_all:
        plan.filter = found
    elif found.changes:
        plan.for_marked = found
    if OURS.intersection(name.lower().encode() for name in settings.proxy_pass_header):
        plan.start = found.start
    bodies = body_filters(location.settings)
    if bodies is not None:
        plan.bodies = ChangedAnswers(bodies)
    plan.accel = Accel(settings.proxy_ignore_headers, found.line)
