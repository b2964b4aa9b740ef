"""Tests of dyups.admin.check_status."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred, fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from dyups.admin.check_status import CheckStatus, check_status, nothing_checked, page
from tests.admin.client import Pending, Reply


def server(index: int, status: str = "up", upstream: str = "app", **more: Any) -> dict[str, Any]:
    """The facts of one server."""
    facts = {"index": index, "upstream": upstream, "name": f"127.0.0.1:{index}", "status": status}
    return facts | {"rise": 7, "fall": 0, "type": "http", "port": 0} | more


REPORT = {"generation": 3, "servers": [server(1), server(2, "down", rise=0, fall=9, port=99)]}
CSV = "1,app,127.0.0.1:1,up,7,0,http,0\n2,app,127.0.0.1:2,down,0,9,http,99\n"


class FormTests(SynchronousTestCase):
    """The forms of the page."""

    def test_csv(self) -> None:
        """One line for each server."""
        answer = page(REPORT, "csv")
        self.assertEqual((answer.text, answer.media_type), (CSV, "text/plain; charset=utf-8"))

    def test_json(self) -> None:
        """Tengine's object, laid out as Tengine does it."""
        answer = page(REPORT, "json")
        self.assertEqual(answer.media_type, "application/json")
        self.assertEqual(
            answer.text,
            '{"servers": {\n  "total": 2,\n  "up": 1,\n  "down": 1,\n  "generation": 3,\n  "server": [\n'
            '    {"index": 1, "upstream": "app", "name": "127.0.0.1:1", "status": "up", "rise": 7, "fall": 0, '
            '"type": "http", "port": 0},\n'
            '    {"index": 2, "upstream": "app", "name": "127.0.0.1:2", "status": "down", "rise": 0, "fall": 9, '
            '"type": "http", "port": 99}\n  ]\n}}\n',
        )
        self.assertEqual(json.loads(answer.text)["servers"]["server"], REPORT["servers"])

    def test_html(self) -> None:
        """A table, red where a server is down; names cannot break out of it."""
        report = {"generation": 3, "servers": [server(1, upstream="<b>&"), server(2, "down")]}
        answer = page(report, "html")
        self.assertEqual(answer.media_type, "text/html; charset=utf-8")
        tree = ElementTree.fromstring(answer.text.partition("\n")[2].partition("\n")[2])
        rows = tree.findall(".//{*}tr")
        self.assertEqual([row.get("bgcolor") for row in rows], ["#C0C0C0", None, "#FF0000"])
        cells = [cell.text for cell in rows[1]]
        self.assertEqual(cells, ["1", "<b>&", "127.0.0.1:1", "up", "7", "0", "http", "0"])
        self.assertIn("Check upstream server number: 2, generation: 3", answer.text)

    def test_prometheus(self) -> None:
        """Counts, and one sample of each metric for each server."""
        lines = page(REPORT, "prometheus").text.splitlines()
        samples = [line for line in lines if not line.startswith("#")]
        self.assertEqual(
            samples,
            [
                "nginx_upstream_count_total 2",
                "nginx_upstream_count_up 1",
                "nginx_upstream_count_down 1",
                "nginx_upstream_count_generation 3",
                *(
                    f'nginx_upstream_server_{kind}{{index="{at}",upstream="app",name="127.0.0.1:{at}",'
                    f'status="{status}",type="http",port="{port}"}} {value}'
                    for kind, values in (("rise", (7, 0)), ("fall", (0, 9)))
                    for at, status, port, value in ((1, "up", 0, values[0]), (2, "down", 99, values[1]))
                ),
                'nginx_upstream_server_active{index="1",upstream="app",name="127.0.0.1:1",type="http",port="0"} 1',
                'nginx_upstream_server_active{index="2",upstream="app",name="127.0.0.1:2",type="http",port="99"} 0',
            ],
        )

    def test_status(self) -> None:
        """Those that are up, those that are down; the counts are of what is shown."""
        for status, shown in (("up", [1]), ("down", [2]), ("sideways", [1, 2]), ("", [1, 2])):
            found = json.loads(page(REPORT, "json", status).text)["servers"]
            self.assertEqual([server["index"] for server in found["server"]], shown)
            self.assertEqual(found["total"], found["up"] + found["down"])

    def test_nothing(self) -> None:
        """No checked server is no error in any form."""
        report = self.successResultOf(nothing_checked())
        for form in ("html", "csv", "json", "prometheus"):
            self.assertEqual(page(report, form).status, 200)
        self.assertEqual(json.loads(page(report, "json").text)["servers"]["server"], [])


class RequestTests(SynchronousTestCase):
    """Requests to the page."""

    def ask(self, target: str = "/", method: bytes = b"GET", report: Any = None, form: str = "csv") -> Reply:
        """The answer to a request."""
        agent = RequestTraversalAgent(check_status(report or (lambda: succeed(REPORT)), form))
        return Pending(self, agent, agent.request(method, f"http://x{target}".encode())).reply

    def test_arguments(self) -> None:
        """The form is the location's unless the request names one that there is; upper case in ``status`` is well."""
        self.assertEqual(self.ask().body.decode(), CSV)
        self.assertEqual(self.ask("/?format=json").field("Content-Type"), "application/json")
        self.assertEqual(self.ask("/?format=xml").body.decode(), CSV)
        self.assertEqual(self.ask("/?status=DOWN").body, b"2,app,127.0.0.1:2,down,0,9,http,99\n")
        self.assertEqual(self.ask("/").field("Cache-Control"), "no-store")

    def test_default(self) -> None:
        """Without a form it is the page for people."""
        self.assertEqual(CheckStatus(nothing_checked)._form, "html")

    def test_methods(self) -> None:
        """HEAD has no body; what is not reading is refused."""
        reply = self.ask(method=b"HEAD")
        self.assertEqual((reply.status, reply.body), (200, b""))
        reply = self.ask(method=b"POST")
        self.assertEqual((reply.status, reply.field("Allow")), (405, "GET, HEAD"))

    def test_not_known(self) -> None:
        """A state that cannot be asked for, since the master is gone, is our failure."""
        self.assertEqual(self.ask(report=lambda: fail(ZeroDivisionError())).status, 500)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_client_leaves(self) -> None:
        """A client that leaves while the state is asked for is forgotten."""
        waiting: Deferred[Any] = Deferred()
        agent = RequestTraversalAgent(check_status(lambda: waiting, "csv"))
        Pending(self, agent, agent.request(b"GET", b"http://x/")).leave()
        waiting.callback(REPORT)
