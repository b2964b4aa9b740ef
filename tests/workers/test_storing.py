"""Tests of dyups.workers.storing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import UpstreamSpec
from dyups.errors import ConfigError
from dyups.persist.store import NoStore, Store
from dyups.workers.claim import Claim
from dyups.workers.configuration import Source, read_configuration
from dyups.workers.storing import Closed, read_claimed, store_of, threads_of, watch_of
from dyups.workers.truth import Truth, establish
from tests.workers.test_process import Reactor, without_disk_thread

UPSTREAM = "upstream one {\n    server 127.0.0.1:1;\n}\n"


class StoringTests(SynchronousTestCase):
    """What is kept, and who is watched."""

    def setUp(self) -> None:
        self.prefix = Path(os.path.abspath(self.mktemp()))
        (self.prefix / "conf").mkdir(parents=True)
        self.dump = self.prefix / "conf" / "up.conf"
        self.dump.write_text(UPSTREAM)
        self.reactor = Reactor()
        self.in_thread = threads_of(self.reactor)
        without_disk_thread(self)
        self.adopted: list[tuple[list[str], list[str]]] = []

    async def adopt(self, specs: list[UpstreamSpec], deleted: list[str]) -> None:
        self.adopted.append(([spec.name for spec in specs], [*deleted]))

    def truth(self, http: str) -> Truth:
        path = self.prefix / "conf" / "nginx.conf"
        path.write_text(f"events {{ }} http {{ access_log off; {http} }}")
        return establish(read_configuration(Source(str(path))))

    def watch(self, truth: Truth) -> Any:
        changes: Any = self
        return watch_of(truth, changes, self.reactor, self.in_thread)

    def test_threads(self) -> None:
        """Calls and their arguments go to the reactor's threads."""
        self.assertEqual(self.successResultOf(self.in_thread(divmod, 7, 2)), (3, 1))

    def test_nothing(self) -> None:
        """Without a dump file nothing is kept, and nobody watched."""
        truth = self.truth("")
        self.assertIsInstance(store_of(truth, self.reactor, self.in_thread), NoStore)
        self.assertIsNone(self.watch(truth))

    def test_ours(self) -> None:
        """A dump file of our own is written, and not watched."""
        truth = self.truth("dyups_upstream_conf conf/up.conf;")
        store = store_of(truth, self.reactor, self.in_thread)
        self.assertIsInstance(store, Store)
        self.assertIsNone(self.watch(truth))
        truth.upstreams.sequence = 1
        store.applied()
        self.successResultOf(store.close())
        self.assertNotEqual(self.dump.read_text(), UPSTREAM)

    def test_somebody_elses(self) -> None:
        """A dump file of others' is watched; what it says is adopted, and is what the files say from then on."""
        truth = self.truth("dyups_upstream_conf conf/up.conf; dyups_dump off; include conf/up.conf;")
        self.assertIsInstance(store_of(truth, self.reactor, self.in_thread), NoStore)
        watch = self.watch(truth)
        watch.start()
        self.dump.write_text(UPSTREAM.replace("one", "two"))
        self.reactor.pump([1.0] * 5)
        self.assertEqual(self.adopted, [(["two"], ["one"])])
        self.assertEqual([spec.name for spec in truth.files.values()], ["two"])
        self.successResultOf(watch.stop())

    def test_ending(self) -> None:
        """The store of a process that ends takes nothing, and says why."""
        error = self.failureResultOf(Closed().append(1, b"x"), OSError)
        self.assertEqual(error.value.strerror, "the process is about to end")

    def test_read_and_claimed(self) -> None:
        """A reload keeps its claim where the dump is the same, claims another dump, and holds nothing of a mistake."""
        self.truth("dyups_upstream_conf conf/up.conf;")
        source = Source(str(self.prefix / "conf" / "nginx.conf"))
        present = Claim(str(self.dump), self.fail)
        self.addCleanup(present.release)
        claim, truth = read_claimed(source, present)
        self.assertIs(claim, present)
        self.assertEqual(truth.upstreams.sequence, 0)
        self.truth("dyups_upstream_conf conf/other.conf;")
        claim, _ = read_claimed(source, present)
        self.assertEqual(claim.path, str(self.prefix / "conf/other.conf"))
        claim.release()
        (self.prefix / "conf/other.conf").write_text("nonsense;")
        self.assertRaises(ConfigError, read_claimed, source, present)
        Claim(claim.path, self.fail).release()
        self.assertRaises(ConfigError, Claim, present.path, lambda seconds: None)
