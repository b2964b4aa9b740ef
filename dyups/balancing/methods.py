"""The balancing commands of an upstream, each with the balancer that it asks for.

``config.directives.upstream`` has checked the command; ``upstream.group`` calls :func:`key_for`, then
:func:`balancer_for` with the peers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dyups.balancing.base import Balancer, Tally
from dyups.balancing.by_chance import Random, RandomTwo
from dyups.balancing.consistent_hash import ConsistentHash
from dyups.balancing.hashing import Hash
from dyups.balancing.ip_hash import IpHash
from dyups.balancing.ketama import Ketama
from dyups.balancing.least_conn import LeastConn
from dyups.balancing.round_robin import RoundRobin
from dyups.config.model import BalancingSpec
from dyups.config.variables import compile_template
from dyups.interfaces import Getter, VariableTable


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
    spec: BalancingSpec, peers: Sequence[Any], tally: Tally, key: Getter, *, alone: bool
) -> Balancer:
    """The balancer over ``peers``, primaries or backups, that the command asks for.

    ``alone`` tells that there are no backup servers; ``key`` is what :func:`key_for` gave.
    """
    # nginx: a single server, or none, is round robin's in every method.
    if spec.method == "round_robin" or len(peers) < 2:
        return RoundRobin(peers, tally, alone=alone)
    match spec.method:
        case "least_conn":
            return LeastConn(peers)
        case "ip_hash":
            return IpHash(peers, tally, key)
        case "random":
            return (RandomTwo if spec.args else Random)(peers, tally)
        case "consistent_hash":
            return ConsistentHash(peers, key)
        case "hash" if len(spec.args) > 1:
            return Ketama(peers, tally, key)
        case "hash":
            return Hash(peers, tally, key)
    raise ValueError(f"no balancing method {spec.method!r}")


def _nothing(exchange: Any) -> bytes:
    return b""
