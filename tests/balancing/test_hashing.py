"""Tests of dyups.balancing.hashing."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import Any

from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.base import Tally
from dyups.balancing.hashing import Hash, places_of
from tests.balancing.reference import HashRequest, all_tries, keys, servers_of, states, twins_of
from tests.balancing.servers import Reference, Server

NONE: frozenset[Server] = frozenset()

#: What nginx 1.22.1 chose for $arg_k from key-0 to key-47, of servers 1 2 3 4 of which 2 has weight 3.
RECORDED = "432322222222411212243412432122222314143412342323"


def whole(key: bytes) -> bytes:
    """The request is its key."""
    return key


class HashTests(SynchronousTestCase):
    """The same key, the same server as nginx."""

    def test_recorded(self) -> None:
        """Keys go where nginx sent them."""
        servers = [Server("1"), Server("2", 3), Server("3"), Server("4")]
        balancer = Hash(servers, Tally(), whole)
        found = [balancer.pick(b"key-%d" % number, NONE, 0.0) for number in range(48)]
        self.assertEqual("".join(server.name for server in found if server), RECORDED)

    @settings(deadline=None)
    @given(states, keys)
    def test_as_nginx(self, state: Any, texts: list[bytes]) -> None:
        """Whatever the servers' state, each request is tried on the servers of nginx in its order."""
        servers = servers_of(state)
        twins = twins_of(servers)
        balancer = Hash(servers, servers[0].tally, whole)
        turns = Reference(twins)
        for key in texts:
            ours = all_tries(lambda tried, now, key=key: balancer.pick(key, tried, now), servers)
            self.assertEqual(ours, all_tries(HashRequest(twins, turns, key).get, twins), key)

    def test_places(self) -> None:
        """A key has no end of places, each the sum of the hashes so far."""
        places = [*islice(places_of(b"key"), 30)]
        request = HashRequest((), Reference(()), b"key")
        self.assertEqual(places, [request.next_hash() for _ in range(30)])

    def test_empty_key(self) -> None:
        """Requests without a key take turns."""
        balancer = Hash([Server("a"), Server("b")], Tally(), whole)
        found = [balancer.pick(b"", NONE, 0.0) for _ in range(4)]
        self.assertEqual("".join(server.name for server in found if server), "abab")

    def test_shares(self) -> None:
        """Many keys divide by weight, within a tenth."""
        balancer = Hash([Server("a"), Server("b", 3)], Tally(), whole)
        counts = Counter(balancer.pick(b"/page/%d" % number, NONE, 0.0).name for number in range(4000))
        self.assertLess(abs(counts["b"] - 3000), 100)
