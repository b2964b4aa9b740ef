"""The balancing commands of an upstream, each with the balancer that it asks for.

``config.directives.upstream`` has checked the command; ``upstream.group`` calls :func:`key_for`, then
:func:`balancer_for` with the peers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from dyups.balancing.base import Balancer, Tally
from dyups.balancing.by_chance import Random, RandomTwo
from dyups.balancing.consistent_hash import ConsistentHash
from dyups.balancing.hashing import Hash
from dyups.balancing.ip_hash import IpHash
from dyups.balancing.ketama import Ketama
from dyups.balancing.least_conn import LeastConn
from dyups.balancing.least_time import LeastTime, RandomTwoLeastTime, Score
from dyups.balancing.plugin import PluginBalancer
from dyups.balancing.round_robin import RoundRobin
from dyups.balancing.session_sticky import TengineSticky
from dyups.balancing.slow_start import RisingLeastConn, RisingRoundRobin
from dyups.balancing.sticky import Binding, Cookie, Learned, Route
from dyups.config.model import BalancingSpec
from dyups.config.sticky import SessionSticky, Sticky, StickyCookie, StickyLearn, StickyRoute
from dyups.config.variables import NO_VARIABLES, compile_template
from dyups.interfaces import Getter, VariableTable

#: The methods that know ``slow_start`` beside ``least_time``, with the balancers that mind it.
_RISING: dict[str, Callable[[Sequence[Any]], Balancer]] = {
    "round_robin": RisingRoundRobin,
    "least_conn": RisingLeastConn,
}


def key_for(spec: BalancingSpec, variables: VariableTable) -> Getter:
    """What the method reads from a request, if anything.

    Raises ConfigError where ``variables`` are not those that the command was checked with.
    """
    match spec.method:
        case "hash" | "consistent_hash":
            return compile_template(spec.args[0], variables, ()).render
        case "ip_hash":
            return compile_template("$remote_addr", variables, ()).render
    return _nothing


def balancer_for(
    spec: BalancingSpec,
    peers: Sequence[Any],
    tally: Tally,
    key: Getter,
    *,
    alone: bool,
    variables: VariableTable = NO_VARIABLES,
) -> Balancer:
    """The balancer over ``peers``, primaries or backups, that the command asks for.

    ``alone`` tells that there are no backup servers; ``key`` is what :func:`key_for` gave, and
    ``variables`` are what plugins may read.
    """
    # nginx: a single server, or none, is round robin's in every method.
    if len(peers) < 2:
        return RoundRobin(peers, tally, alone=alone)
    if spec.method in _RISING and any(peer.slow_start for peer in peers):
        return _RISING[spec.method](peers)
    if spec.method == "round_robin":
        return RoundRobin(peers, tally, alone=alone)
    match spec.method:
        case "least_conn":
            return LeastConn(peers)
        case "least_time":
            return LeastTime(peers, Score(spec.args))
        case "ip_hash":
            return IpHash(peers, tally, key)
        case "random" if spec.args[1:] and spec.args[1].startswith("least_time="):
            return RandomTwoLeastTime(peers, tally, Score(spec.args[1].split("=")))
        case "random":
            return (RandomTwo if spec.args else Random)(peers, tally)
        case "consistent_hash":
            return ConsistentHash(peers, key)
        case "hash" if len(spec.args) > 1:
            return Ketama(peers, tally, key)
        case "hash":
            return Hash(peers, tally, key)
        case "balancer":
            return PluginBalancer(spec.args, peers, tally, variables, alone=alone)
    raise ValueError(f"no balancing method {spec.method!r}")


def binding_for(
    spec: Sticky | None, variables: VariableTable, before: Binding | None = None
) -> Binding | None:
    """The sticky sessions that the upstream asks for; ``before`` are those that it had.

    Raises ConfigError as :func:`key_for` does.
    """
    match spec:
        case StickyCookie():
            return Cookie(spec, variables)
        case StickyRoute():
            return Route(spec, variables)
        case StickyLearn():
            return Learned(spec, variables, before)
        case SessionSticky():
            return TengineSticky(spec, variables)
    return None


def measures(spec: BalancingSpec) -> bool:
    """Does the method go by the time that answers take?"""
    return spec.method == "least_time" or any(word.startswith("least_time=") for word in spec.args[1:2])


def _nothing(exchange: Any) -> bytes:
    return b""
