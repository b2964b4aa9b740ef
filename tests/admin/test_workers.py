"""``GET /detail?workers=1``: which worker routes by what."""

from __future__ import annotations

import json
import os
from typing import Any

from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.http_headers import Headers

from dyups.admin.resource import dyups_interface
from dyups.admin.status import own_facts, workers_text
from dyups.config.upstreams import parse_commands
from dyups.upstream.map import UpstreamMap
from dyups.upstream.resolve import resolve_now
from tests.admin.client import Pending
from tests.workers.fakes import FakeChanges

FACTS = {"pid": 17, "sequence": 3, "digest": "ab", "heartbeat": 0.12, "state": "accepting"}


class WorkersTests(SynchronousTestCase):
    """The workers, as the interface shows them."""

    def setUp(self) -> None:
        self.upstreams = UpstreamMap()
        spec = parse_commands("one", "server 127.0.0.1:1;")
        self.upstreams.replace(spec, resolve_now(spec))

    def ask(self, target: str, accept: str = "", **options: Any) -> bytes:
        """The body of a successful answer."""
        agent = RequestTraversalAgent(dyups_interface(self.upstreams, FakeChanges(), Clock(), **options))
        fields = Headers({"Accept": [accept]} if accept else {})
        reply = Pending(self, agent, agent.request(b"GET", f"http://x{target}".encode(), fields)).reply
        self.assertEqual(reply.status, 200)
        return reply.body

    def roster(self) -> Deferred[list[dict[str, Any]]]:
        return succeed([FACTS, {**FACTS, "pid": 18, "state": "starting"}])

    def test_text(self) -> None:
        """One line for each worker."""
        body = self.ask("/detail?workers=1", roster=self.roster)
        self.assertEqual(
            body,
            b"worker 17 sequence 3 digest ab heartbeat 0.12 accepting\n"
            b"worker 18 sequence 3 digest ab heartbeat 0.12 starting\n",
        )
        self.assertEqual(workers_text([]), "")

    def test_json(self) -> None:
        """The same facts."""
        body = self.ask("/detail?workers=1", "application/json", roster=self.roster)
        self.assertEqual(json.loads(body)["workers"][0], FACTS)

    def test_not_asked(self) -> None:
        """Otherwise ``/detail`` is what it always is."""
        for target in ("/detail", "/detail?workers=0", "/detail?workers="):
            self.assertEqual(self.ask(target, roster=self.roster), b"one\nserver 127.0.0.1:1\n\n")

    def test_alone(self) -> None:
        """A process without workers shows itself."""
        (facts,) = json.loads(self.ask("/detail?workers=1", "application/json"))["workers"]
        self.assertEqual(facts, own_facts(os.getpid(), self.upstreams))
        self.assertEqual((facts["digest"], facts["state"]), (f"{self.upstreams.digest:032x}", "accepting"))
