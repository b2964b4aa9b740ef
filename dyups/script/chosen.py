"""An upstream that a hook chose for a request, whatever its location's content is.

The request goes on with another route: its location's own, but with this content.  ``script.hooks`` chooses.
"""

from __future__ import annotations

from dyups.config.model import ProxyPass, Template
from dyups.proxy.exchange import Exchange
from dyups.proxy.forward.forwards import VariableTarget
from dyups.proxy.forward.literals import ImplicitGroups
from dyups.proxy.route import Route

#: No variable of a configuration can have this name.
_KEY = "chosen upstream"


def _chosen(exchange: Exchange) -> bytes:
    return exchange.user.get(_KEY, b"")


class ChosenUpstream:
    """The routes of one location, and of blocks within it, to whatever upstream is chosen."""

    def __init__(self) -> None:
        self._routes: dict[int, tuple[Route, Route]] = {}

    def choose(self, exchange: Exchange, name: str) -> None:
        """Have the request forwarded to the upstream ``name``; 502 where there is none by then."""
        exchange.user[_KEY] = name.encode("utf-8", "surrogateescape")
        before = exchange.route
        if id(before) not in self._routes:
            self._routes[id(before)] = (before, self._made(before, exchange))
        exchange.route = self._routes[id(before)][1]

    def _made(self, before: Route, exchange: Exchange) -> Route:
        plane = exchange.client.plane
        content = ProxyPass("http", Template("$upstream", _chosen), None, True)
        serving = VariableTarget(content, before.location, plane, ImplicitGroups({}, any_literal=False))
        route = Route(before.location, serving, plane.deadlines, before.steps, before.phases)
        route.adds = before.adds
        route.error_pages = before.error_pages
        route.level = before.level
        return route
