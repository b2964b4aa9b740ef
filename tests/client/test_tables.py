"""Tests of dyups.client.tables."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dyups.client.tables import changes_text, detail_table, state_of, table, workers_table
from dyups.client.watching import Change
from tests.client.service import Service


class TablesTests(SynchronousTestCase):
    """What people read."""

    def test_columns(self) -> None:
        """Columns as wide as their widest text, numbers to the right, no blanks at the end of a line."""
        made = table(("NAME", "COUNT", "X"), [("a", 5, "y"), ("longer", 12345678, "")])
        self.assertEqual(made, "NAME    COUNT     X\na              5  y\nlonger  12345678\n")

    def test_detail(self) -> None:
        """Every server of every upstream, a line each."""
        service = Service(self)
        service.interface.fill(
            shop="server 127.0.0.1:1 weight=2;server 127.0.0.1:2 down;", b="server 127.0.0.1:3;"
        )
        facts = self.successResultOf(Deferred.fromCoroutine(service.client.detail()))
        self.assertEqual(
            detail_table(facts).splitlines(),
            [
                "UPSTREAM  METHOD       SERVER                STATE  ACTIVE  REQUESTS  FAILS  IDLE",
                "shop      round_robin  127.0.0.1:1 weight=2  up          0         0      0     0",
                "shop      round_robin  127.0.0.1:2 down      down        0         0      0     0",
                "b         round_robin  127.0.0.1:3           up          0         0      0     0",
            ],
        )

    def test_states(self) -> None:
        """What was said comes before what is observed; of several addresses one that is up is enough."""
        up, out = {"up": True}, {"up": False}
        table = {
            "up": {"down": False, "peers": [out, up]},
            "out": {"down": False, "peers": [out]},
            "down": {"down": True, "drain": True, "peers": [up]},
            "draining": {"down": False, "drain": True, "peers": [out]},
        }
        self.assertEqual({state: state_of(server) for state, server in table.items()}, {s: s for s in table})

    def test_workers(self) -> None:
        """The workers, a line each."""
        facts = {"pid": 7, "sequence": 3, "digest": "00ff", "heartbeat": 0.5, "state": "accepting"}
        self.assertEqual(
            workers_table([facts]),
            "PID  STATE      SEQUENCE  HEARTBEAT  DIGEST\n  7  accepting         3      0.500  00ff\n",
        )

    def test_changes(self) -> None:
        """A line for the upstream, and what it lost and got."""
        change = Change(4, "changed", "shop", ("server b;",), ("server a;",))
        self.assertEqual(changes_text([change]), "[4] changed shop\n    - server a;\n    + server b;\n")
