"""Tests of dyups.upstream.places."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import ServerSpec
from dyups.interfaces import TcpAddress, UnixAddress
from dyups.upstream.group import Group
from dyups.upstream.places import Placed, looked_up, name_of, places
from tests.upstream.links import RESOLVED, server, upstream

SERVICE = ServerSpec("app.example", "app.example", resolve=True, service="http")
NAME = "srv _http._tcp.app.example"
FOUND = {NAME: ("192.0.2.1 8080 5 0", "192.0.2.2 8081 1 0", "2001:db8::1 80 9 1")}


class PlaceTests(SynchronousTestCase):
    """One ``server`` command to the places it stands for."""

    def test_addresses(self) -> None:
        """A socket, a literal, every address of a name; a name without addresses stands for nobody."""
        self.assertEqual(
            places(ServerSpec("unix:/run/a", path="/run/a"), {}), (Placed(UnixAddress("/run/a"), 0, False),)
        )
        self.assertEqual(
            places(server(80, "six.example"), RESOLVED), (Placed(TcpAddress("2001:db8::1", 80), 0, False),)
        )
        self.assertEqual(
            [place.address for place in places(server(81, "two.example"), RESOLVED)],
            [TcpAddress("192.0.2.1", 81), TcpAddress("192.0.2.2", 81)],
        )
        self.assertEqual(places(server(80, "gone.example"), RESOLVED), ())

    def test_names_of_services(self) -> None:
        """A service without a dot is a TCP service of that name; one with dots stands before the host as it is."""
        self.assertEqual(name_of(SERVICE), NAME)
        self.assertEqual(name_of(replace(SERVICE, service="_http._tcp")), NAME)
        self.assertEqual(name_of(replace(SERVICE, service="one.backend")), "srv one.backend.app.example")
        self.assertEqual(name_of(replace(SERVICE, service="")), "app.example")

    def test_services(self) -> None:
        """Each record has its own port and weight; those of a worse priority are backups."""
        self.assertEqual(
            places(SERVICE, FOUND),
            (
                Placed(TcpAddress("192.0.2.1", 8080), 5, False),
                Placed(TcpAddress("192.0.2.2", 8081), 1, False),
                Placed(TcpAddress("2001:db8::1", 80), 9, True),
            ),
        )

    def test_services_of_a_backup(self) -> None:
        """Of a backup's records those of the best priority are backups, and the others nothing."""
        found = places(replace(SERVICE, backup=True), FOUND)
        self.assertEqual([(place.weight, place.backup) for place in found], [(5, True), (1, True)])

    def test_own_weight(self) -> None:
        """A weight that the server says goes before those of the records."""
        self.assertEqual({place.weight for place in places(replace(SERVICE, weight=3), FOUND)}, {0})

    def test_group_of_a_service(self) -> None:
        """Peers have the records' weights, follow a change of them and keep their state, whatever else changes."""
        old = Group(upstream(SERVICE), FOUND)
        self.assertEqual((old.peers[0].name, old.peers[0].weight), (b"192.0.2.1:8080", 5))
        self.assertEqual([peer.name for peer in old.backups], [b"[2001:db8::1]:80"])
        new = Group(upstream(SERVICE), {NAME: ("192.0.2.1 8080 2 0",)}, old)
        self.assertIs(new.peers[0], old.peers[0])
        self.assertEqual((new.peers[0].weight, new.peers[0].effective_weight, new.backups), (2, 2, ()))

    def test_looked_up(self) -> None:
        """Of what a group is made with only names count, and IPv6 addresses."""
        self.assertEqual(
            looked_up({"127.0.0.1": ("127.0.0.1",), "a": ("127.0.0.2",), "::1": ("::1",)}),
            {"a": ("127.0.0.2",), "::1": ("::1",)},
        )
