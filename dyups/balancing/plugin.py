"""``balancer NAME``: a balancing method that a plugin has.

Round robin stands behind it, for requests that the plugin does not choose for, or gets wrong: a mistake in a plugin is
a line in the error log, never a request that fails.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any, Generic

from twisted.logger import Logger

from dyups.balancing.base import C, Tally, begin_trial, is_open
from dyups.balancing.round_robin import RoundRobin
from dyups.balancing.view import RequestView
from dyups.config.plugins import find_plugin
from dyups.interfaces import IBalancerMaker, VariableTable

_log = Logger()


class PluginBalancer(Generic[C]):
    """The plugin ``args[0]``, made with the other ``args``, over ``peers``.

    Raises ConfigError where there is no such plugin, which the check of the command has ruled out.
    """

    __slots__ = ("_chooser", "_fallback", "_name", "_peers", "_variables")

    def __init__(
        self, args: Sequence[str], peers: Sequence[C], tally: Tally, variables: VariableTable, *, alone: bool
    ) -> None:
        self._name = args[0]
        self._peers = peers
        self._variables = variables
        self._fallback = RoundRobin(peers, tally, alone=alone)
        self._chooser: Any = find_plugin(IBalancerMaker, args[0]).balancer(tuple(peers), *args[1:])

    def pick(self, exchange: Any, tried: Container[Any], now: float) -> C | None:
        """What the plugin says; see :class:`~dyups.balancing.base.Balancer`."""
        candidates = [peer for peer in self._peers if peer not in tried and is_open(peer, now)]
        if not candidates:
            return None
        chosen = self._chosen(exchange, candidates)
        if chosen is None:
            return self._fallback.pick(exchange, tried, now)
        begin_trial(chosen, now)
        return chosen

    def _chosen(self, exchange: Any, candidates: list[C]) -> C | None:
        try:
            chosen = self._chooser.choose(RequestView(exchange, self._variables), tuple(candidates))
        except Exception:
            _log.failure("balancer {name} failed", name=self._name)
            return None
        for peer in candidates:
            if peer is chosen:
                return peer
        if chosen is not None:
            _log.error("balancer {name} chose a server that may not be asked", name=self._name)
        return None
