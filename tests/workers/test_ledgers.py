"""Tests of dyups.workers.ledgers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.errors import ConfigError
from dyups.shared.ledger import QUARANTINE
from dyups.upstream.map import UpstreamMap
from dyups.upstream.sharing import head_key
from dyups.workers import ledgers as module
from dyups.workers.ledgers import LEAST, Ledgers
from tests.upstream.links import RESOLVED, upstream
from tests.workers.masters import MasterCase


def upstreams(*names: str) -> UpstreamMap:
    """A map with these upstreams, each with a zone."""
    made = UpstreamMap()
    for name in names:
        made.replace(replace(upstream(1, name=name), zone=name), RESOLVED)
    return made


class LedgersTests(SynchronousTestCase):
    """What crews on paper get."""

    def setUp(self) -> None:
        self.now = 0.0
        self.closed: list[object] = []
        self.ledgers = Ledgers(lambda: self.now)
        self.addCleanup(self.ledgers.close)

    def lent(self, size: int, routes: UpstreamMap | None = None) -> Any:
        crew = SimpleNamespace(size=size, ledger=None, close=lambda: self.closed.append(size))
        self.ledgers.lend(crew, routes or UpstreamMap())  # type: ignore[arg-type]
        return crew

    def test_alone(self) -> None:
        """One worker shares nothing."""
        self.assertIsNone(self.lent(1).ledger)

    def test_kept(self) -> None:
        """A reload goes on with the same memory, as long as there are columns for its workers."""
        first, second = self.lent(2), self.lent(3)
        self.assertIs(first.ledger, second.ledger)
        self.assertEqual(first.ledger.columns, LEAST)
        many = self.lent(LEAST + 1)
        self.assertIsNot(many.ledger, first.ledger)
        self.assertGreater(many.ledger.free, 3 * LEAST)

    def test_rows(self) -> None:
        """The upstreams have their rows from the start, and those that come later, too."""
        routes = upstreams("one")
        ledger = self.lent(2, routes).ledger
        group = routes.find("one")
        assert group is not None
        self.assertEqual(ledger.find(head_key(group)), 0)
        later = routes.replace(replace(upstream(2, name="two"), zone="z"), RESOLVED)
        self.assertGreater(ledger.find(head_key(later)), 0)

    def test_settled(self) -> None:
        """When the last old worker has gone, so has what only it used: rows, and memory that was too small."""
        before, after = upstreams("one", "two"), upstreams("two")
        old = self.lent(2, before)
        new = self.lent(2, after)
        gone = before.find("one")
        assert gone is not None
        self.ledgers.settle(new, after)
        self.now += QUARANTINE
        new.ledger.row(b"another")
        self.assertEqual(new.ledger.find(head_key(gone)), -1)
        big = self.lent(LEAST + 1, after)
        self.ledgers.settle(new, after)
        self.assertEqual(old.ledger.find(b"another"), new.ledger.find(b"another"))
        self.ledgers.settle(big, after)
        self.assertRaises(ValueError, old.ledger.find, b"another")

    def test_no_memory(self) -> None:
        """Where there is none the configuration cannot be used, and the crew is none."""

        def refused(*_: object) -> None:
            raise OSError(24, "Too many open files")

        self.patch(module, "Ledger", refused)
        error = self.assertRaises(ConfigError, self.lent, 2)
        self.assertIn("2 workers share cannot be made: Too many open files", str(error))
        self.assertEqual(self.closed, [2])


class MasterTests(MasterCase):
    """What the master does with it."""

    def test_reload(self) -> None:
        """Workers count on in the same memory; what only the old ones used goes with the last of them."""
        one = "upstream one { zone one 64k; server 127.0.0.1:1; }"
        self.configure("server { listen 127.0.0.1:81; }" + one)
        master = self.made("server { listen 127.0.0.1:81; }" + one)
        self.serve(master)
        old = master.crews[0]
        ledger = old.ledger
        assert ledger is not None
        group = master._truth.upstreams.find("one")
        assert group is not None
        self.assertEqual((ledger.find(head_key(group)), old.columns), (0, {0: 0, 1: 1}))
        self.configure("server { listen 127.0.0.1:81; }")
        self.successResultOf(master.reload())
        new = master.crews[-1]
        self.assertIs(new.ledger, ledger)
        self.assertEqual(new.columns, {0: 2, 1: 3})
        self.serve(master)
        for process in [process for process in self.running() if process.child in old.children()]:
            process.end()
        self.assertEqual(master.crews, [new])
        self.reactor.advance(QUARANTINE)
        ledger.row(b"another")
        self.assertEqual(ledger.find(head_key(group)), -1)
