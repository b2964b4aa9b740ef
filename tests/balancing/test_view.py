"""Tests of dyups.balancing.view."""

from __future__ import annotations

from dyups.balancing.view import RequestView
from dyups.proxy.variables import variables_of_run_time
from tests.script.lua.world import LuaCase
from tests.script.plugins import BalancerMaker, installed


class ViewTests(LuaCase):
    """What plugins may read."""

    def test_read(self) -> None:
        """All of it, of a request that a balancer is asked about."""
        seen: list[RequestView] = []
        told: list[object] = []

        def choose(request: RequestView, servers: tuple[object, ...]) -> object:
            seen.append(request)
            told.extend((request.method, request.uri, request.args, request.host, request.client_address))
            told.extend((request.header("x-a"), request.header("X-None"), request.variable("arg_q")))
            told.append(request.variable("mine"))
            self.assertRaises(KeyError, request.variable, "nonsense")
            return servers[1]

        with installed(BalancerMaker(choose)):
            world = self.world(
                """upstream u { balancer b; server 127.0.0.1:1; server 127.0.0.1:2; }
                   server { location / { set $mine yours; proxy_pass http://u; } }"""
            )
            world.client().say(b"PUT /a%20b?q=1 HTTP/1.1\r\nHost: X.example:8\r\nX-A: 1\r\nX-A: 2\r\n\r\n")
        self.assertEqual(told, ["PUT", "/a b", "q=1", "x.example", "192.0.2.7", "1, 2", None, "1", "yours"])
        self.assertEqual(world.dialled[0].address.port, 2)
        self.assertIsNotNone(variables_of_run_time(world.http).lookup("uri"))
