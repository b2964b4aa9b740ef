"""Scripts in each kind of process: ``dyups.update_upstream`` and its siblings reach the proxy that runs there."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed

import dyups
from dyups.control.remote import MADE, Outcome
from dyups.script import here
from tests.workers.masters import ONE, SERVER, MasterCase
from tests.workers.test_process import ProcessTestCase
from tests.workers.test_worker import WorkerCase

BODY = "server 127.0.0.1:1;"
INTERFACE = "server { listen 8081; location / { dyups_interface; } }"


class SingleProcessTests(ProcessTestCase):
    """``master_process off``."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(here, "_present", [])

    def test_changed(self) -> None:
        """A script changes the map that requests are routed by, until the process has stopped."""
        made = self.started(INTERFACE)
        self.assertEqual(self.successResultOf(dyups.update_upstream("a", BODY)), (200, "success"))
        self.assertEqual((self.names(made), made.verbs.names()), (["a"], ["a"]))
        self.successResultOf(made.stopService())
        self.assertRaises(RuntimeError, dyups.list_upstreams)

    def test_enabled(self) -> None:
        """It may do so with ``dyups_api on`` or an interface anywhere, and gets 405 otherwise, as in C."""
        table = {
            "": 405,
            "dyups_api off;": 405,
            "dyups_api on;": 200,
            INTERFACE: 200,
            "dyups_upstream_conf x;": 405,
        }
        for text, status in table.items():
            made = self.started(text)
            result = self.successResultOf(dyups.update_upstream("a", BODY))
            self.assertEqual((result.status, self.names(made) == ["a"]), (status, status == 200), text)
            self.successResultOf(made.stopService())


class MasterTests(MasterCase):
    """The process that serves nobody."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(here, "_present", [])

    def test_reloaded(self) -> None:
        """A script in the master changes what the workers follow; a reload gives it the new map and the new switch."""
        server = SERVER.replace("dyups_interface;", "")
        master = self.made(server + ONE + "dyups_api on;")
        result = dyups.update_upstream("late", BODY)
        self.assertEqual(self.successResultOf(result), (200, "success"))
        self.assertEqual(self.names(master), ["one", "late"])
        self.configure(server + ONE)
        self.successResultOf(master.reload())
        self.assertEqual(dyups.list_upstreams(), ["one", "late"])
        self.assertEqual(self.successResultOf(dyups.delete_upstream("late")), (405, "API disabled"))
        self.stop(master)
        self.assertRaises(RuntimeError, dyups.list_upstreams)


class WorkerTests(WorkerCase):
    """A worker has the master make its changes."""

    def setUp(self) -> None:
        self.patch(here, "_present", [])
        super().setUp()

    def test_asks_the_master(self) -> None:
        """A script's call goes over the channel and is answered with what the master says."""
        asked: list[tuple[Any, ...]] = []
        outcomes = [MADE, Outcome(409, "wait and try again\n")]

        def update(*call: Any) -> Deferred[Outcome]:
            asked.append(call[1:3])
            return succeed(outcomes.pop(0))

        self.patch(self.worker.link, "update", update)
        self.assertEqual(self.successResultOf(dyups.update_upstream("a", BODY)), (200, "success"))
        self.assertEqual(
            self.successResultOf(dyups.update_upstream("a", BODY)), (409, "wait and try again\n")
        )
        self.assertEqual(asked, [("a", BODY)] * 2)

    def test_reads_its_own_map(self) -> None:
        """Reading asks nobody; when the process ends, so does the access to it."""
        self.assertEqual(dyups.list_upstreams(), ["one"])
        self.assertEqual(dyups.get_upstream("one"), "server 127.0.0.1:1;\n")
        self.shut_down()
        self.assertRaises(RuntimeError, dyups.list_upstreams)
