"""Where clients really are."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.networks import parse_network
from dyups.proxy.access.realip import read_address, said_address
from tests.proxy.conversation import World, get, head

TRUSTED = tuple(map(parse_network, ("192.0.2.0/24", "10.0.0.0/8", "unix:")))
SAY = "return 200 '$remote_addr $remote_port $realip_remote_addr';"


class Said(SynchronousTestCase):
    """A list that a proxy sent."""

    def test_believed(self) -> None:
        """The last address counts; recursively, the last that is not itself a trusted one."""
        for value, recursive, found in (
            (b"203.0.113.1", False, b"203.0.113.1"),
            (b"203.0.113.1, 10.0.0.1", False, b"10.0.0.1"),
            (b"203.0.113.1, 10.0.0.1", True, b"203.0.113.1"),
            (b"198.51.100.1, 203.0.113.1,10.0.0.1", True, b"203.0.113.1"),
            (b"10.0.0.3 10.0.0.2", True, b"10.0.0.3"),
            (b"nonsense, 10.0.0.2", True, b"10.0.0.2"),
            (b"2001:db8::1", False, b"2001:db8::1"),
        ):
            address = said_address(value, b"192.0.2.7", TRUSTED, recursive=recursive)
            self.assertEqual(address, (found, 0), value)

    def test_not_believed(self) -> None:
        """From anybody else, or without an address, nothing is believed."""
        self.assertIsNone(said_address(b"203.0.113.1", b"203.0.113.9", TRUSTED, recursive=True))
        for value in (b"", b"nonsense", b"unix:", b"a.example", b"1.2.3.4:x"):
            self.assertIsNone(said_address(value, b"192.0.2.7", TRUSTED, recursive=False), value)
        self.assertEqual(said_address(b"1.2.3.4", b"unix:", TRUSTED, recursive=False), (b"1.2.3.4", 0))

    def test_ports(self) -> None:
        """An address may have a port."""
        self.assertEqual(read_address(b"1.2.3.4:80"), (b"1.2.3.4", 80))
        self.assertEqual(read_address(b"[2001:db8::1]:80"), (b"2001:db8::1", 80))
        self.assertEqual(read_address(b"[2001:db8::1]"), (b"2001:db8::1", 0))


class Requests(SynchronousTestCase):
    """A server that trusts its client."""

    def answer(self, server: str, *fields: str, location: str = SAY) -> bytes:
        world = World(f"server {{ {server} location / {{ {location} }} }}")
        return head(world.ask(get("/", "one", *fields)))[2]

    def test_headers(self) -> None:
        """``X-Real-IP`` by default, else the field that is named; all of its lines are one list."""
        trust = "set_real_ip_from 192.0.2.7;"
        self.assertEqual(self.answer(trust, "X-Real-IP: 203.0.113.1:99"), b"203.0.113.1 99 192.0.2.7")
        lists = ("X-Forwarded-For: 203.0.113.1", "X-Forwarded-For: 192.0.2.7")
        named = trust + "real_ip_header X-Forwarded-For; real_ip_recursive on;"
        self.assertEqual(self.answer(named, *lists), b"203.0.113.1  192.0.2.7")
        self.assertEqual(self.answer(named, "X-Real-IP: 1.1.1.1"), b"192.0.2.7 54321 192.0.2.7")

    def test_spellings(self) -> None:
        """An IPv6 address reads as the system writes it, however it was sent; what is none stays as it is."""
        for sent, shown in (
            ("2001:Db8:0::0:1", b"2001:db8::1"),
            ("[2001:DB8::A]:99", b"2001:db8::a 99"),
            ("::ffff:1.2.3.4", b"::ffff:1.2.3.4"),
            ("1.2.3.4", b"1.2.3.4"),
        ):
            got = self.answer("set_real_ip_from 192.0.2.7;", f"X-Real-IP: {sent}")
            self.assertTrue(got.startswith(shown + b" "), (sent, got))

    def test_strangers(self) -> None:
        """Whoever is not trusted is not believed."""
        self.assertEqual(
            self.answer("set_real_ip_from 10.0.0.1;", "X-Real-IP: 203.0.113.1"), b"192.0.2.7 54321 192.0.2.7"
        )

    def test_location(self) -> None:
        """A location may trust somebody for itself."""
        location = "set_real_ip_from 192.0.2.7;" + SAY
        self.assertTrue(
            self.answer("", "X-Real-IP: 203.0.113.1", location=location).startswith(b"203.0.113.1")
        )

    def test_access(self) -> None:
        """``allow`` and ``deny`` go by the address that is believed."""
        world = World("set_real_ip_from 192.0.2.7; server { location / { echo hello; deny 203.0.113.1; } }")
        self.assertEqual(head(world.ask(get("/", "one", "X-Real-IP: 203.0.113.1")))[0], 403)
        self.assertEqual(head(world.ask(get("/")))[0], 200)

    def test_next_request(self) -> None:
        """What is believed holds for one request."""
        world = World(f"set_real_ip_from 192.0.2.7; server {{ location / {{ {SAY} }} }}")
        client = world.client()
        client.say(get("/", "one", "X-Real-IP: 203.0.113.1"))
        self.assertTrue(client.read().endswith(b"203.0.113.1  192.0.2.7"))
        client.say(get())
        self.assertTrue(client.read().endswith(b"192.0.2.7 54321 192.0.2.7"))

    def test_proxy_protocol(self) -> None:
        """``proxy_protocol`` believes the announcement of the connection."""
        world = World(
            "set_real_ip_from 192.0.2.7; real_ip_header proxy_protocol;"
            f"server {{ listen 81 proxy_protocol; location / {{ {SAY} }} }}"
        )
        client = world.client()
        client.say(b"PROXY TCP4 203.0.113.1 192.0.2.9 1234 80\r\n" + get())
        self.assertTrue(client.read().endswith(b"203.0.113.1 1234 192.0.2.7"))
