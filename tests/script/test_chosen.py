"""Tests of dyups.script.chosen; test_hooks has the requests."""

from __future__ import annotations

from dyups.script.chosen import ChosenUpstream
from tests.script.lua.world import LuaCase

SITE = """upstream u { server 127.0.0.1:1; }
    server { location / { error_page 502 = /oops; echo here; } location /oops { echo oops; } }"""


class ChosenTests(LuaCase):
    """Routes to a chosen upstream."""

    def test_route(self) -> None:
        """The route is made once, and has what the location's has but for the content."""
        world = self.world(SITE)
        wire = world.client()
        exchange = wire.protocol.exchange
        route = exchange.server.level.find(exchange) or exchange.server.root
        chosen = ChosenUpstream()
        made = []
        for name in ("u", "v"):
            exchange.route = route
            chosen.choose(exchange, name)
            made.append(exchange.route)
        self.assertIs(made[0], made[1])
        self.assertIsNot(made[0], route)
        self.assertIs(made[0].location, route.location)
        self.assertIs(made[0].error_pages, route.error_pages)
        self.assertIs(made[0].settings, route.settings)
