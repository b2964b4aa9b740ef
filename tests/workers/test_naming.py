"""Tests of dyups.workers.naming."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.build import build
from dyups.config.model import Http, UpstreamSpec
from dyups.config.parser import Tree, parse_text
from dyups.config.upstreams import parse_commands
from dyups.interfaces import Resolved
from dyups.proxy.variables import ProxyVariables
from dyups.upstream.map import UpstreamMap
from dyups.workers.naming import Naming
from tests.upstream.nameserver import Net, a, table

SPEC = parse_commands("up", "server app.example resolve;")


def http(text: str) -> Http:
    """The ``http`` block with that content."""
    found = build(
        Tree(parse_text(f"events {{ }} http {{ {text} }}"), ()), prefix="/nowhere", variables=ProxyVariables()
    ).http
    assert found is not None
    return found


class NamingTests(SynchronousTestCase):
    """Names of upstreams, from the configuration's ``resolver`` to the map."""

    def setUp(self) -> None:
        self.records: dict[Any, Any] = {("app.example", dns.A): a("app.example", "10.0.0.1", ttl=5)}
        self.net = Net(
            one=table(self.records), two=table({("app.example", dns.A): a("app.example", "10.2.2.2")})
        )
        self.upstreams = UpstreamMap()
        self.naming = Naming(
            http("resolver 192.0.2.1 ipv6=off;"), self.net, lambda call, *args: succeed(call(*args))
        )

    async def publish(self, spec: UpstreamSpec, resolved: Resolved) -> None:
        """What the change path does."""
        self.upstreams.replace(spec, resolved)

    def peers(self, upstreams: UpstreamMap) -> list[str]:
        """Whom the upstream asks."""
        group = upstreams.find("up")
        assert group is not None
        return [peer.name.decode() for peer in group.peers]

    def pass_time(self, seconds: float) -> None:
        """Time goes by."""
        self.net.pump([0.25] * int(seconds * 4))

    def test_followed(self) -> None:
        """A name is followed from the start on, until the end."""
        self.upstreams.replace(SPEC, {})
        self.naming.follow(self.upstreams, self.publish)
        self.pass_time(1)
        self.assertEqual(self.peers(self.upstreams), ["10.0.0.1:80"])
        self.records["app.example", dns.A] = a("app.example", "10.0.0.7")
        self.pass_time(7)
        self.assertEqual(self.peers(self.upstreams), ["10.0.0.7:80"])
        self.naming.stop()
        self.pass_time(30)
        self.assertEqual(self.net.getDelayedCalls(), [])

    def test_lookup(self) -> None:
        """A change has the address of its names, looked up while running or once."""
        asked: Deferred[Resolved] = self.naming.lookup(SPEC)
        self.net.settle()
        self.assertEqual(self.successResultOf(asked), {"app.example": ("10.0.0.1",)})

    def test_reload(self) -> None:
        """Another configuration's upstreams begin with what is known; its own name servers are asked then."""
        self.upstreams.replace(SPEC, {})
        self.naming.follow(self.upstreams, self.publish)
        self.pass_time(1)
        new = UpstreamMap()
        new.replace(SPEC, {})
        self.naming.renew(http("resolver 192.0.2.1 ipv6=off;"), new)
        self.assertEqual(self.peers(new), ["10.0.0.1:80"])
        self.upstreams = UpstreamMap()
        self.upstreams.replace(SPEC, {"app.example": ("10.0.0.1",)})
        self.naming.renew(http("resolver 192.0.2.2 ipv6=off;"), self.upstreams)
        self.pass_time(1)
        self.assertEqual(self.peers(self.upstreams), ["10.2.2.2:80"])

    def test_never_followed(self) -> None:
        """What was never begun may be renewed and stopped."""
        self.naming.renew(http(""), self.upstreams)
        self.naming.stop()
        self.assertEqual(self.net.asked, [])
