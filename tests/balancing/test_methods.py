"""Tests of dyups.balancing.methods."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.balancing.base import JUST_NOW, Tally, is_open
from dyups.balancing.by_chance import Random, RandomTwo
from dyups.balancing.consistent_hash import ConsistentHash
from dyups.balancing.hashing import Hash
from dyups.balancing.ip_hash import IpHash
from dyups.balancing.ketama import Ketama
from dyups.balancing.least_conn import LeastConn
from dyups.balancing.least_time import LeastTime, RandomTwoLeastTime
from dyups.balancing.methods import balancer_for, key_for, measures
from dyups.balancing.round_robin import RoundRobin
from dyups.balancing.slow_start import RisingLeastConn, RisingRoundRobin
from dyups.config.model import BalancingSpec
from dyups.config.variables import NO_VARIABLES
from dyups.errors import ConfigError
from dyups.interfaces import Getter
from tests.balancing.reference import servers_of, states
from tests.balancing.servers import Server

METHODS: dict[BalancingSpec, type[Any]] = {
    BalancingSpec(): RoundRobin,
    BalancingSpec("least_conn"): LeastConn,
    BalancingSpec("ip_hash"): IpHash,
    BalancingSpec("hash", ("x$name",)): Hash,
    BalancingSpec("hash", ("$name", "consistent")): Ketama,
    BalancingSpec("consistent_hash", ("$name",)): ConsistentHash,
    BalancingSpec("random"): Random,
    BalancingSpec("random", ("two",)): RandomTwo,
    BalancingSpec("random", ("two", "least_conn")): RandomTwo,
    BalancingSpec("random", ("two", "least_time=header")): RandomTwoLeastTime,
    BalancingSpec("random", ("two", "least_time=last_byte")): RandomTwoLeastTime,
    BalancingSpec("least_time", ("header",)): LeastTime,
    BalancingSpec("least_time", ("last_byte", "inflight")): LeastTime,
}


class Variables:
    """Two variables; a request is the value of both."""

    def lookup(self, name: str) -> Getter | None:
        """See :class:`~dyups.interfaces.VariableTable`."""
        return (lambda exchange: exchange) if name in ("name", "remote_addr") else None


class MethodTests(SynchronousTestCase):
    """From the command to the balancer."""

    def test_table(self) -> None:
        """Each command has its balancer."""
        for spec, kind in METHODS.items():
            key = key_for(spec, Variables())
            found = balancer_for(spec, [Server("a"), Server("b")], Tally(), key, alone=True)
            self.assertIs(type(found), kind, spec)

    def test_alone(self) -> None:
        """Fewer than two servers are round robin's in every method, which never takes a single one out."""
        for spec in METHODS:
            key = key_for(spec, Variables())
            only = Server("a", fails=1, checked=100.0)
            tally = Tally()
            tally.failures = 1
            found = balancer_for(spec, [only], tally, key, alone=True)
            self.assertIs(found.pick(b"1.2.3.4", frozenset(), 101.0), only, spec)
            self.assertIsNone(balancer_for(spec, [], Tally(), key, alone=True).pick(b"", frozenset(), 0.0))

    def test_rising(self) -> None:
        """Where a server starts slowly, round robin and ``least_conn`` mind it, but not for a single server."""
        servers = [Server("a", slow_start=9.0), Server("b")]
        for method, kind in (("round_robin", RisingRoundRobin), ("least_conn", RisingLeastConn)):
            spec = BalancingSpec(method)
            key = key_for(spec, NO_VARIABLES)
            self.assertIs(type(balancer_for(spec, servers, Tally(), key, alone=True)), kind)
            self.assertIs(type(balancer_for(spec, servers[:1], Tally(), key, alone=True)), RoundRobin)

    def test_measures(self) -> None:
        """Times are kept for the methods that go by them."""
        found = {spec for spec in METHODS if measures(spec)}
        self.assertEqual(found, {spec for spec in METHODS if "least_time" in f"{spec.method} {spec.args}"})

    def test_keys(self) -> None:
        """A key is rendered for each request; other methods read nothing from it."""
        key = key_for(BalancingSpec("hash", ("x$name",)), Variables())
        self.assertEqual([key(b"y"), key(b"")], [b"xy", b"x"])
        self.assertEqual(key_for(BalancingSpec("least_conn"), NO_VARIABLES)(b"y"), b"")

    def test_unknown_variable(self) -> None:
        """A key that was checked with other variables is an error at once, not at the first request."""
        for spec in (BalancingSpec("hash", ("$name",)), BalancingSpec("ip_hash")):
            self.assertRaises(ConfigError, key_for, spec, NO_VARIABLES)

    def test_unknown_method(self) -> None:
        """A method that the table of directives does not let through is nobody's."""
        servers = [Server("a"), Server("b")]
        spec = BalancingSpec("sticky")
        self.assertRaises(
            ValueError, balancer_for, spec, servers, Tally(), key_for(spec, NO_VARIABLES), alone=True
        )


class AllMethodsTests(SynchronousTestCase):
    """What holds whatever the method."""

    @settings(deadline=None)
    @given(
        st.sampled_from([*METHODS]),
        states,
        st.lists(
            st.tuples(st.binary(max_size=6), st.sets(st.integers(0, 5)), st.integers(0, 30)), max_size=12
        ),
        st.booleans(),
    )
    def test_choices(self, spec: BalancingSpec, state: Any, requests: list[Any], rising: bool) -> None:
        """Somebody who may be asked and was not is chosen as long as there is one, and else nobody is."""
        servers: list[Any] = [*servers_of(state)]
        if rising:
            servers[0].slow_start, servers[0].rising = 60.0, JUST_NOW
        tally = servers[0].tally
        if spec.method == "consistent_hash":
            for server in servers:
                server.name = server.name.encode()
        balancer = balancer_for(spec, servers, tally, key_for(spec, Variables()), alone=False)
        now = 100.0
        for key, tried_places, seconds in requests:
            now += seconds
            tried = frozenset(servers[place] for place in tried_places if place < len(servers))
            may = [server for server in servers if server not in tried and is_open(server, now)]
            found = balancer.pick(key, tried, now)
            if may:
                self.assertIn(found, may)
            else:
                self.assertIsNone(found)
            if found is not None and seconds % 3 == 0:
                found.fail(now)
