"""Tests of dyups.upstream.dns."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import ResolverSpec
from dyups.config.values import HostPort
from dyups.errors import NameUnresolved
from dyups.upstream.dns import Answer, DnsClient
from tests.upstream.nameserver import Net, a, aaaa, cname, srv, table

ONE = HostPort("192.0.2.1", 53)
TWO = HostPort("192.0.2.2", 53)


def silent(name: str, kind: int) -> None:
    """A name server that says nothing."""


def in_thread(query: Any, name: str) -> Deferred[tuple[str, ...]]:
    """The system's look-up of name servers."""
    return succeed(("192.0.2.1",)) if name == "dns.example" else fail(OSError(-2, "unknown"))


class DnsCase(SynchronousTestCase):
    """A client in front of name servers."""

    def client(self, net: Net, *servers: HostPort, timeout: float = 30.0, **said: Any) -> DnsClient:
        """A client of these servers."""
        return DnsClient(ResolverSpec(servers or (ONE,), **said), timeout, net, in_thread)

    def answer(self, net: Net, asked: Deferred[Answer]) -> Answer:
        """What the question came to, once everything has been delivered."""
        net.settle()
        return self.successResultOf(asked)

    def error(self, net: Net, asked: Deferred[Answer], seconds: float = 0.0) -> str:
        """What the question failed with after so many seconds; no socket may be left."""
        for _ in range(int(seconds / 0.25)):
            net.advance(0.25)
        net.settle()
        failure = self.failureResultOf(asked, NameUnresolved)
        self.assertEqual(net.open, 0)
        return str(failure.value)


class AddressTests(DnsCase):
    """Names to addresses."""

    def test_both_families(self) -> None:
        """IPv4 and IPv6 addresses are asked for and come sorted, with the least TTL; no socket stays open."""
        zone = {
            ("a.example", dns.A): a("a.example", "10.0.0.2", "10.0.0.1", ttl=30),
            ("a.example", dns.AAAA): aaaa("a.example", "2001:db8::1", ttl=20),
        }
        net = Net(one=table(zone))
        found = self.answer(net, self.client(net).addresses("a.example"))
        self.assertEqual(found, Answer(("10.0.0.1", "10.0.0.2", "2001:db8::1"), 20.0))
        self.assertEqual(net.open, 0)

    def test_one_family(self) -> None:
        """What is switched off is not asked for."""
        zone = {("a.example", dns.A): a("a.example", "10.0.0.1")}
        for said, kinds in (({"ipv6": False}, [dns.A]), ({"ipv4": False}, [dns.AAAA])):
            net = Net(one=table(zone))
            asked = self.client(net, **said).addresses("a.example")
            net.settle()
            self.assertEqual([kind for _, _, kind in net.asked], kinds)
            asked.addErrback(lambda failure: failure.trap(NameUnresolved))

    def test_aliases(self) -> None:
        """Aliases are followed within an answer and by further questions, with the least TTL of the way."""
        zone = {
            ("a.example", dns.A): [
                *cname("a.example", "b.example", ttl=9),
                *cname("b.example", "c.example"),
                *a("c.example", "10.0.0.1"),
                *a("evil.example", "10.6.6.6"),
            ],
            ("d.example", dns.A): cname("d.example", "e.example", ttl=7),
            ("e.example", dns.A): a("E.Example", "10.0.0.5"),
        }
        net = Net(one=table(zone))
        client = self.client(net, ipv6=False)
        self.assertEqual(self.answer(net, client.addresses("a.example")), Answer(("10.0.0.1",), 9.0))
        self.assertEqual(self.answer(net, client.addresses("d.example")), Answer(("10.0.0.5",), 7.0))

    def test_aliases_in_a_circle(self) -> None:
        """Aliases that go round end as a failure of the server."""
        zone = {
            ("a.example", dns.A): cname("a.example", "b.example"),
            ("b.example", dns.A): cname("b.example", "a.example"),
        }
        net = Net(one=table(zone))
        asked = self.client(net, ipv6=False).addresses("a.example")
        self.assertEqual(self.error(net, asked), "a.example could not be resolved (2: Server failure)")

    def test_not_found(self) -> None:
        """No such name and a name without addresses are the same, in nginx's words; bad names are not even asked."""
        net = Net(one=table({("empty.example", dns.TXT): []}))
        client = self.client(net)
        for name in ("no.example", "empty.example", "a..b", "-" * 64 + ".x", "a b", "ä.example", ""):
            self.assertEqual(
                self.error(net, client.addresses(name)), f"{name} could not be resolved (3: Host not found)"
            )
        self.assertEqual({name for _, name, _ in net.asked}, {"no.example", "empty.example"})

    def test_one_family_is_enough(self) -> None:
        """A name that has addresses of one family is found, whatever is said of the other."""
        answers = {dns.A: a("a.example", "10.0.0.1"), dns.AAAA: dns.ESERVER}
        net = Net(one=lambda name, kind: answers[kind])
        self.assertEqual(self.answer(net, self.client(net).addresses("a.example")).found, ("10.0.0.1",))


class ServerTests(DnsCase):
    """Which name server is asked."""

    def test_in_turn(self) -> None:
        """Questions go to the servers in turn."""
        zone = table({("a.example", dns.A): a("a.example", "10.0.0.1")})
        net = Net(one=zone, two=zone)
        client = self.client(net, ONE, TWO, ipv6=False)
        for _ in range(4):
            self.answer(net, client.addresses("a.example"))
        self.assertEqual([address[0][-1] for address, _, _ in net.asked], ["1", "2", "1", "2"])

    def test_next_after_silence(self) -> None:
        """A server that says nothing is followed by the next."""
        net = Net(one=silent, two=table({("a.example", dns.A): a("a.example", "10.0.0.1")}))
        asked = self.client(net, ONE, TWO, ipv6=False, timeout=8.0).addresses("a.example")
        net.advance(2.1)
        self.assertEqual(self.answer(net, asked).found, ("10.0.0.1",))

    def test_next_after_refusal(self) -> None:
        """So is one that says that it cannot, at once; when all have, that is the answer."""
        good = table({("a.example", dns.A): a("a.example", "10.0.0.1")})
        for code, words in ((2, "2: Server failure"), (4, "4: Unimplemented"), (5, "5: Operation refused")):
            net = Net(one=lambda name, kind, code=code: code, two=good)
            asked = self.client(net, ONE, TWO, ipv6=False).addresses("a.example")
            self.assertEqual(self.answer(net, asked).found, ("10.0.0.1",))
            net = Net(one=lambda name, kind, code=code: code)
            asked = self.client(net).addresses("a.example")
            self.assertEqual(self.error(net, asked), f"a.example could not be resolved ({words})")

    def test_time_is_over(self) -> None:
        """When nobody answers, the question fails after ``resolver_timeout`` and not before."""
        net = Net(one=silent)
        asked = self.client(net, timeout=3.0).addresses("a.example")
        net.advance(1)
        net.advance(1)
        net.advance(0.9)
        self.assertNoResult(asked)
        self.assertEqual(
            self.error(net, asked, 1.0), "a.example could not be resolved (110: Operation timed out)"
        )
        self.assertGreater(len(net.asked), 2)

    def test_named_server(self) -> None:
        """A name server that is named is looked up by the system; one that has no address is passed over."""
        net = Net(one=table({("a.example", dns.A): a("a.example", "10.0.0.1")}))
        client = self.client(net, HostPort("dns.example", 53), HostPort("no.example", 53), ipv6=False)
        self.assertEqual(self.answer(net, client.addresses("a.example")).found, ("10.0.0.1",))
        client = self.client(net, HostPort("no.example", 53))
        self.assertEqual(
            self.error(net, client.addresses("a.example")),
            "a.example could not be resolved (2: Server failure)",
        )


class ServiceTests(DnsCase):
    """SRV records."""

    def test_found(self) -> None:
        """Each target's addresses with the record's port and weight; worse priorities are backups."""
        zone = {
            ("_http._tcp.a.example", dns.SRV): srv(
                "_http._tcp.a.example",
                (1, 5, 8080, "one.example"),
                (1, 0, 8081, "two.example"),
                (9, 7, 80, "one.example"),
                (9, 7, 80, "gone.example"),
                ttl=15,
            ),
            ("one.example", dns.A): a("one.example", "10.0.0.1", "10.0.0.3"),
            ("two.example", dns.A): a("two.example", "10.0.0.2", ttl=12),
        }
        net = Net(one=table(zone))
        found = self.answer(net, self.client(net).services("_http._tcp.a.example"))
        self.assertEqual(found.ttl, 12.0)
        self.assertEqual(
            found.found,
            (
                "10.0.0.1 80 7 1",
                "10.0.0.1 8080 5 0",
                "10.0.0.2 8081 1 0",
                "10.0.0.3 80 7 1",
                "10.0.0.3 8080 5 0",
            ),
        )

    def test_not_found(self) -> None:
        """A service that is not there, or whose targets have no addresses, is not found."""
        zone = {("_x._tcp.a.example", dns.SRV): srv("_x._tcp.a.example", (1, 1, 80, "gone.example"))}
        net = Net(one=table(zone))
        for name in ("_x._tcp.a.example", "_y._tcp.a.example"):
            self.assertEqual(
                self.error(net, self.client(net).services(name)),
                f"{name} could not be resolved (3: Host not found)",
            )
