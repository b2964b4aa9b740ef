"""The two sides of the client seam: who drives it, and who is driven."""

from __future__ import annotations

import inspect
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.client import BodySink, ClientSide
from dyups.proxy.downstream import ClientConnection
from dyups.proxy.forward.attempt import Forwarding
from dyups.proxy.serving import DISCARD
from tests.proxy.conversation import attributes


def methods(protocol: type) -> dict[str, list[str]]:
    """The public methods of a Protocol with the names of their parameters."""
    found: dict[str, list[str]] = {}
    for name, value in vars(protocol).items():
        if not name.startswith("_") and inspect.isfunction(value):
            found[name] = list(inspect.signature(value).parameters)
    return found


class SeamTests(SynchronousTestCase):
    """mypy checks types; here is what it cannot see of compiled or dynamic implementations."""

    def assert_has(self, implementation: Any, protocol: type) -> None:
        for name, parameters in methods(protocol).items():
            found = list(inspect.signature(getattr(implementation, name)).parameters)
            self.assertEqual(found, parameters, f"{implementation.__name__}.{name}")

    def test_client_side(self) -> None:
        """A connection of ours is a client's side, every method with the same parameters."""
        self.assert_has(ClientConnection, ClientSide)
        self.assertLessEqual({"plane", "exchange", "write", "write_blocked"}, attributes(ClientConnection))

    def test_body_sink(self) -> None:
        """A forwarding takes bodies, and so does what drops them."""
        self.assert_has(Forwarding, BodySink)
        self.assert_has(type(DISCARD), BodySink)
