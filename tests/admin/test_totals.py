"""What all workers have counted, on a page."""

from __future__ import annotations

import json
from typing import Any

from treq.testing import RequestTraversalAgent, StubTreq
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from dyups.admin.totals import added, dyups_status, stub_status
from dyups.upstream.tally import BOUNDS

CONNECTIONS = {"accepted": 5, "handled": 5, "active": 3, "reading": 0, "writing": 1, "waiting": 2}
CELLS = [0, 2] + [0] * (len(BOUNDS) - 1)
SERVER = {
    "requests": 3,
    "failures": 1,
    "active": 1,
    "responses": {"1xx": 0, "2xx": 2, "3xx": 0, "4xx": 0, "5xx": 0},
    "latency": {"cells": CELLS, "seconds": 0.01},
}


def worker(upstreams: dict[str, Any]) -> dict[str, Any]:
    return {"connections": CONNECTIONS, "requests": 9, "upstreams": upstreams}


class Added(SynchronousTestCase):
    """Facts of several workers as one."""

    def test_added(self) -> None:
        """Numbers add up by name and place, and what only one has is as it is there."""
        self.assertEqual(
            added([{"a": 1, "b": [1, 2], "c": "x"}, {"a": 2, "b": [3, 4], "c": "x", "d": 0.5}]),
            {"a": 3, "b": [4, 6], "c": "x", "d": 0.5},
        )


class Pages(SynchronousTestCase):
    """What a client sees."""

    def get(self, page: Any, method: str = "GET") -> tuple[int, bytes, str]:
        treq = StubTreq(page)
        response = self.successResultOf(treq.request(method, "http://localhost/"))
        body = self.successResultOf(treq.content(response))
        return response.code, body, (response.headers.getRawHeaders("content-type") or [""])[0]

    def test_stub(self) -> None:
        """nginx's text, to the byte."""
        page = stub_status(lambda: succeed([worker({}), worker({})]))
        text = (
            b"Active connections: 6 \nserver accepts handled requests\n 10 10 18 \n"
            b"Reading: 0 Writing: 2 Waiting: 4 \n"
        )
        self.assertEqual(self.get(page), (200, text, "text/plain"))

    def test_status(self) -> None:
        """Every server, asked or not, with the sums of all workers."""
        states = {"one": {"127.0.0.1:1": "up", "127.0.0.1:2": "down"}}
        found = {"one": {"127.0.0.1:1": SERVER}}
        page = dyups_status(lambda: succeed([worker(found), worker(found), worker({})]), lambda: states)
        code, body, media_type = self.get(page)
        self.assertEqual((code, media_type), (200, "application/json"))
        facts = json.loads(body)
        self.assertEqual((facts["workers"], facts["requests"], facts["connections"]["active"]), (3, 27, 9))
        asked, idle = facts["upstreams"]["one"]["servers"]
        self.assertEqual((asked["requests"], asked["failures"], asked["active"]), (6, 2, 2))
        self.assertEqual((asked["responses"]["2xx"], asked["state"]), (4, "up"))
        within = asked["latency"]["within"]
        self.assertEqual(
            (within["0.005"], within["0.01"], within["+Inf"], asked["latency"]["answers"]), (0, 4, 4, 4)
        )
        self.assertEqual((idle["requests"], idle["state"], idle["latency"]["answers"]), (0, "down", 0))

    def test_methods(self) -> None:
        """HEAD is GET without the text; other methods are 405."""
        page = stub_status(lambda: succeed([worker({})]))
        self.assertEqual(self.get(page, "HEAD")[0], 200)
        self.assertEqual(self.get(page, "POST")[0], 405)

    def test_failure(self) -> None:
        """Where nobody can be asked it is 500."""
        self.assertEqual(self.get(stub_status(lambda: fail(ValueError("x"))))[0], 500)

    def test_waits(self) -> None:
        """The page comes when everybody has answered."""
        asked: Deferred[list[dict[str, Any]]] = Deferred()
        agent = RequestTraversalAgent(stub_status(lambda: asked))
        waiting = agent.request(b"GET", b"http://localhost/")
        self.assertNoResult(waiting)
        asked.callback([worker({})])
        agent.flush()
        self.assertEqual(self.successResultOf(waiting).code, 200)
