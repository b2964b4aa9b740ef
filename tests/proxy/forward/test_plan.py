"""A location's settings as forwarding uses them."""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import LocationSettings, Template
from dyups.proxy.deadlines import Deadlines
from dyups.proxy.forward.faults import Fault
from dyups.proxy.forward.plan import ForwardPlan
from dyups.proxy.plane import DataPlane
from dyups.upstream.map import UpstreamMap


def plan(**settings: Any) -> ForwardPlan:
    """The plan of a location with ``settings``, on a clock of one look in two seconds."""
    plane = DataPlane(UpstreamMap(), Deadlines(Clock(), 2.0), dial=lambda *args: None)  # type: ignore[arg-type]
    return ForwardPlan(LocationSettings(**settings), plane)


class PlanTests(SynchronousTestCase):
    """A location's settings."""

    def test_limits(self) -> None:
        """Limits that the sweep enforces are longer by one look; the dial has a timer of its own."""
        made = plan(proxy_read_timeout=7.0, proxy_send_timeout=8.0, proxy_connect_timeout=9.0)
        self.assertEqual((made.read_timeout, made.send_timeout, made.connect_timeout), (9.0, 10.0, 9.0))

    def test_off(self) -> None:
        """``off`` outweighs what stands beside it."""
        made = plan(proxy_next_upstream=frozenset({"off", "error", "http_500"}))
        self.assertEqual((made.retry_words, made.retry_statuses), (frozenset(), {}))

    def test_retry_statuses(self) -> None:
        """Only the answers that are named are failures; by default none is."""
        self.assertEqual(plan().retry_statuses, {})
        made = plan(proxy_next_upstream=frozenset({"error", "http_503", "http_404"}))
        self.assertEqual(made.retry_statuses, {503: Fault.HTTP_503, 404: Fault.HTTP_404})

    def test_version(self) -> None:
        """Chunked bodies are gathered for servers that speak HTTP/1.0."""
        self.assertEqual([plan().gathers, plan(proxy_http_version="1.0").gathers], [False, True])

    def test_switches(self) -> None:
        """Another protocol is asked for where the configuration sets Upgrade."""
        fields = (("UPGRADE", Template("x", lambda exchange: b"x", b"x")),)
        self.assertEqual([plan().switches, plan(proxy_set_header=fields).switches], [False, True])
