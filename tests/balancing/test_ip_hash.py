"""Tests of dyups.balancing.ip_hash."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.base import Tally
from dyups.balancing.ip_hash import IpHash, octets_of
from tests.balancing.reference import IpHashRequest, all_tries, servers_of, states, twins_of
from tests.balancing.servers import Reference, Server

NONE: frozenset[Server] = frozenset()

CLIENTS = [f"{i * 37 % 256}.{i * 7 % 256}.{i * 13 % 256}.{i}" for i in range(1, 41)]
CLIENTS += [f"2001:db8::{i}" for i in range(1, 9)]
#: What nginx 1.22.1 chose for these clients, of servers 1 2 3 4 of which 2 has weight 3.
RECORDED = "421324224212242232442242122422324224421122341222"


def whole(address: bytes) -> bytes:
    """The request is its client's address."""
    return address


class IpHashTests(SynchronousTestCase):
    """The same client, the same server as nginx."""

    def test_recorded(self) -> None:
        """Clients go where nginx sent them."""
        servers = [Server("1"), Server("2", 3), Server("3"), Server("4")]
        balancer = IpHash(servers, Tally(), whole)
        found = [balancer.pick(client.encode(), NONE, 0.0) for client in CLIENTS]
        self.assertEqual("".join(server.name for server in found if server), RECORDED)

    @settings(deadline=None)
    @given(states, st.lists(st.ip_addresses(), min_size=1, max_size=8))
    def test_as_nginx(self, state: Any, clients: list[Any]) -> None:
        """Whatever the servers' state, each request is tried on the servers of nginx in its order."""
        servers = servers_of(state)
        twins = twins_of(servers)
        balancer = IpHash(servers, servers[0].tally, whole)
        turns = Reference(twins)
        for client in clients:
            octets = client.packed[:3] if client.version == 4 else client.packed
            text = str(client).encode()
            ours = all_tries(lambda tried, now, text=text: balancer.pick(text, tried, now), servers)
            self.assertEqual(ours, all_tries(IpHashRequest(twins, turns, octets).get, twins), client)

    def test_octets(self) -> None:
        """Three of IPv4, all of IPv6 (a scope is none of it), and a stand-in for whoever has no address."""
        for text, octets in (
            (b"10.20.30.40", bytes([10, 20, 30])),
            (b"::1", bytes(15) + b"\1"),
            (b"::ffff:10.0.0.1", bytes(10) + b"\xff\xff\x0a\0\0\1"),
            (b"fe80::1%eth0", b"\xfe\x80" + bytes(13) + b"\1"),
            (b"unix:", bytes(3)),
            (b"", bytes(3)),
            (b"\xff", bytes(3)),
            (b"10.0.0.1\0", bytes(3)),
        ):
            self.assertEqual(octets_of(text), octets, text)
