"""Groups of targets that are no upstream by name."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import Http
from dyups.errors import ConfigError
from dyups.proxy.forward.literals import MOST_MADE, ImplicitGroups, constant_groups, host_field, looks_literal
from tests.proxy.conversation import World

CONFIG = """
upstream One { server 127.0.0.1:9001; }
server {
    listen 8080; listen 8081;
    location / { proxy_pass http://ONE; location /in { proxy_pass http://127.0.0.1:8088/; } }
    location /again { proxy_pass http://127.0.0.1:8088; }
    location /name { proxy_pass http://Name.Example:81; }
    location /variable { proxy_pass http://$host; }
    location /socket { proxy_pass http://unix:/run/A.sock; }
}
"""


def http(text: str = CONFIG) -> Http:
    return World(text).http


def nowhere(name: str) -> tuple[str, ...]:
    raise OSError(name)


class ConstantTests(SynchronousTestCase):
    """:func:`constant_groups`."""

    def test_found(self) -> None:
        """One group for each constant target that no ``upstream`` names, however deep it stands."""
        groups, warnings = constant_groups(
            http(), lenient=False, query=lambda name: ("192.0.2.1", "192.0.2.2")
        )
        found = {key: [str(peer.address) for peer in group.peers] for key, group in groups.items()}
        expected = {
            b"127.0.0.1:8088": ["127.0.0.1:8088"],
            b"name.example:81": ["192.0.2.1:81", "192.0.2.2:81"],
            b"unix:/run/A.sock": ["unix:/run/A.sock"],
        }
        self.assertEqual((found, warnings), (expected, []))

    def test_name_without_address(self) -> None:
        """A name that nobody knows stops the start as in nginx, unless upstreams may come while running."""
        with self.assertRaises(ConfigError) as caught:
            constant_groups(http(), lenient=False, query=nowhere)
        self.assertIn('host not found in upstream "Name.Example:81"', str(caught.exception))
        groups, warnings = constant_groups(http(), lenient=True, query=nowhere)
        self.assertNotIn(b"name.example:81", groups)
        self.assertEqual(len(warnings), 1)


class ImplicitTests(SynchronousTestCase):
    """:class:`ImplicitGroups`."""

    def groups(self, *, any_literal: bool) -> ImplicitGroups:
        constant, _ = constant_groups(http(), lenient=False, query=lambda name: ("192.0.2.1",))
        return ImplicitGroups(constant, any_literal=any_literal)

    def test_off(self) -> None:
        """A request may name what the configuration names, but reach no address, not even one that stands there."""
        groups = self.groups(any_literal=False)
        self.assertIsNotNone(groups.constant(b"127.0.0.1:8088"))
        self.assertIsNotNone(groups.rendered(b"name.example:81"))
        for key in (b"127.0.0.1:8088", b"127.0.0.1", b"[::1]:80", b"unknown", b""):
            self.assertIsNone(groups.rendered(key))
        self.assertIn("dyups_literal_targets", groups.refusal(b"127.0.0.1"))
        self.assertIn("no upstream", groups.refusal(b"unknown"))

    def test_on(self) -> None:
        """With ``dyups_literal_targets on`` an address is its own group, the same each time."""
        groups = self.groups(any_literal=True)
        made = groups.rendered(b"127.0.0.9:22")
        assert made is not None
        self.assertEqual([str(peer.address) for peer in made.peers], ["127.0.0.9:22"])
        self.assertIs(groups.rendered(b"127.0.0.9:22"), made)
        self.assertIs(groups.rendered(b"127.0.0.1:8088"), groups.constant(b"127.0.0.1:8088"))
        for key in (
            b"127.0.0.9:99999",
            b"127.0.0.9:x",
            b"unknown",
            b"[::1",
            b"127.1",
            b"2130706433",
            b"0x7f.1",
        ):
            self.assertIsNone(groups.rendered(key), key)
        self.assertIn("no upstream", groups.refusal(b"127.0.0.9:x"))

    def test_sockets(self) -> None:
        """Sockets are addresses, whose paths have case; nothing that is no path goes as far as the system."""
        self.assertIsNone(self.groups(any_literal=False).rendered(b"unix:/run/A"))
        self.assertIn("dyups_literal_targets", self.groups(any_literal=False).refusal(b"unix:/run/A"))
        groups = self.groups(any_literal=True)
        for path in (b"/run/A", b"/run/a"):
            made = groups.rendered(b"unix:" + path)
            assert made is not None
            self.assertEqual(made.peers[0].name, b"unix:" + path)
        for path in (b"", b"/a\0b", b"/" + b"x" * 107):
            self.assertIsNone(groups.rendered(b"unix:" + path), path)

    def test_bounded(self) -> None:
        """Only so many are kept; the oldest is retired."""
        groups = self.groups(any_literal=True)
        first = groups.rendered(b"127.0.0.9:1")
        assert first is not None
        for port in range(2, MOST_MADE + 2):
            groups.rendered(b"127.0.0.9:%d" % port)
        self.assertTrue(first.peers[0].retired)
        self.assertIsNot(groups.rendered(b"127.0.0.9:1"), first)

    def test_not_shared(self) -> None:
        """Two data planes share no connection pools."""
        one, two = self.groups(any_literal=True), self.groups(any_literal=True)
        self.assertIsNot(one.rendered(b"127.0.0.9:1"), two.rendered(b"127.0.0.9:1"))


class TextTests(SynchronousTestCase):
    """What a target looks like."""

    def test_looks_literal(self) -> None:
        """An IP address, with a port or without, in brackets where it has colons."""
        for target in (b"127.0.0.1", b"127.0.0.1:80", b"[::1]", b"[::1]:80", b"0.0.0.0:x"):
            self.assertTrue(looks_literal(target), target)
        for target in (
            b"",
            b"one",
            b"one:80",
            b"127.1",
            b"1270.0.0.1",
            b"\xff",
            b"unix:/x",
            b"127.0.0.1.example",
        ):
            self.assertFalse(looks_literal(target), target)

    def test_host_field(self) -> None:
        """``$proxy_host``: no port 80; a unix socket is ``localhost``."""
        rows = {
            b"one": b"one",
            b"one:80": b"one",
            b"One:8080": b"One:8080",
            b"[::1]:80": b"[::1]",
            b"[::80]": b"[::80]",
            b"unix:/run/a.sock": b"localhost",
        }
        self.assertEqual({target: host_field(target) for target in rows}, rows)
