"""Who may ask: addresses, alone and with passwords, and what is closed to the outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import Location
from dyups.proxy import answers
from dyups.proxy.access import addresses
from dyups.proxy.client import BodySink
from dyups.proxy.exchange import Exchange
from dyups.proxy.serving import DISCARD, Serving
from tests.proxy import conversation
from tests.proxy.conversation import World, get, head


class Opened:
    """A resource that answers everybody."""

    def serve(self, exchange: Exchange, body: bytes, ended: bool) -> BodySink:
        answers.send(exchange.client, 200, b"opened", b"text/plain")
        return DISCARD


RESOURCES: dict[str, Callable[[Location], Serving]] = {"dyups_interface": lambda location: Opened()}


class AccessCase(SynchronousTestCase):
    """Requests from addresses that the test chooses."""

    def status(self, world: World, peer: Any = conversation.CLIENT, *fields: str) -> int:
        """The status that a client at ``peer`` gets."""
        self.patch(conversation, "CLIENT", peer)
        return head(world.ask(get("/", "one", *fields)))[0]

    def world(self, location: str) -> World:
        """A location ``/`` with that content and a text."""
        return World(f"server {{ location / {{ {location} }} }}", resources=RESOURCES)


class Addresses(AccessCase):
    """``allow`` and ``deny``."""

    def test_first_that_fits(self) -> None:
        """The first rule that fits decides; where none does, everybody is let in."""
        here, other = IPv4Address("TCP", "192.0.2.7", 1), IPv4Address("TCP", "203.0.113.1", 1)
        for rules, statuses in {
            "allow 192.0.2.0/24; deny all;": (200, 403),
            "deny 192.0.2.7; allow all;": (403, 200),
            "allow 10.0.0.1;": (200, 200),
            "deny all; allow 192.0.2.7;": (403, 403),
        }.items():
            world = self.world(f"echo hello; {rules}")
            self.assertEqual((self.status(world, here), self.status(world, other)), statuses, rules)

    def test_families(self) -> None:
        """IPv6 and unix sockets have rules of their own."""
        world = self.world("echo hello; allow 2001:db8::/32; allow unix:; deny all;")
        self.assertEqual(self.status(world, IPv6Address("TCP", "2001:db8::9", 1)), 200)
        self.assertEqual(self.status(world, IPv6Address("TCP", "2001:dead::9", 1)), 403)
        self.assertEqual(self.status(world, UNIXAddress("")), 200)

    def test_before_the_content_alone(self) -> None:
        """``return`` belongs to the rewrite phase, which comes first."""
        self.assertEqual(self.status(self.world("deny all; return 204;")), 204)


class Interface(AccessCase):
    """``dyups_interface`` is closed to the outside unless the configuration opens it."""

    def test_closed_by_default(self) -> None:
        """Only loopback and unix sockets are answered."""
        world = self.world("dyups_interface;")
        for peer, status in (
            (IPv4Address("TCP", "192.0.2.7", 1), 403),
            (IPv6Address("TCP", "2001:db8::9", 1), 403),
            (IPv4Address("TCP", "127.0.0.1", 1), 200),
            (IPv6Address("TCP", "::1", 1), 200),
            (UNIXAddress(""), 200),
        ):
            self.assertEqual(self.status(world, peer), status, peer)

    def test_word_of_a_proxy(self) -> None:
        """A proxy that is believed can tell that a client is not local, and cannot make it local."""
        text = "set_real_ip_from 0.0.0.0/0; server { location / { dyups_interface; } }"
        local, far = IPv4Address("TCP", "127.0.0.1", 1), IPv4Address("TCP", "192.0.2.7", 1)
        for peer, said, status in (
            (local, "192.0.2.9", 403),
            (far, "127.0.0.1", 403),
            (local, "127.0.0.2", 200),
        ):
            world = World(text, resources=RESOURCES)
            self.assertEqual(self.status(world, peer, f"X-Real-IP: {said}"), status, (peer, said))

    def test_opened(self) -> None:
        """An ``allow`` or a ``deny`` of this block or one around it is all that holds then."""
        for text in ("dyups_interface; allow 192.0.2.7;", "dyups_interface; deny 10.0.0.1;"):
            self.assertEqual(self.status(self.world(text)), 200)
        world = World("allow all; server { location / { dyups_interface; } }", resources=RESOURCES)
        self.assertEqual(self.status(world), 200)

    def test_the_log_tells(self) -> None:
        """The error log says which directives would open it."""
        said: list[str] = []
        self.patch(addresses, "complain", lambda level, text: said.append(text))
        self.status(self.world("dyups_interface;"))
        self.assertIn('unless "allow", "deny" or "auth_basic" says who may ask', said[0])


class Satisfy(AccessCase):
    """All restrictions, or any."""

    def test_all_and_any(self) -> None:
        """With ``any`` one satisfied restriction is enough; 401 tells of a password before 403 does of an address."""
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("a:{PLAIN}b\n")
        basic = f"auth_basic x; auth_basic_user_file {__import__('os').path.abspath(path)};"
        right, none = ("Authorization: Basic YTpi",), ()
        for rules, satisfy, fields, status in (
            ("allow 192.0.2.7; deny all;", "all", right, 200),
            ("allow 192.0.2.7; deny all;", "all", none, 401),
            ("deny all;", "all", right, 403),
            ("deny all;", "any", right, 200),
            ("deny all;", "any", none, 401),
            ("allow 192.0.2.7; deny all;", "any", none, 200),
        ):
            world = self.world(f"echo hello; {rules} satisfy {satisfy}; {basic}")
            self.assertEqual(
                self.status(world, IPv4Address("TCP", "192.0.2.7", 1), *fields), status, (rules, satisfy)
            )

    def test_nobody_satisfied(self) -> None:
        """``satisfy any`` with addresses alone still keeps out whom no rule lets in."""
        self.assertEqual(self.status(self.world("echo hello; satisfy any; deny all;")), 403)
