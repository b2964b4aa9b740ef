"""Servers to choose from, and nginx's own way of choosing, written down as plainly as can be."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

from dyups.balancing.base import Tally
from dyups.balancing.times import Times


@dataclass(eq=False)
class Server:
    """A server as balancers see it, with what ``ngx_http_upstream_free_round_robin_peer`` does to it."""

    name: str
    weight: int = 1
    max_fails: int = 1
    fail_timeout: float = 10.0
    max_conns: int = 0
    down: bool = False
    active: int = 0
    fails: int = 0
    checked: float = 0.0
    accessed: float = 0.0
    effective_weight: int = -1
    slow_start: float = 0.0
    rising: float = 0.0
    times: Times | None = None
    tally: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        if self.effective_weight < 0:
            self.effective_weight = self.weight

    def fail(self, now: float) -> None:
        """A request to it failed."""
        self.fails += 1
        self.tally.failures += 1
        self.accessed = self.checked = now
        if self.max_fails:
            self.effective_weight = max(0, self.effective_weight - self.weight // self.max_fails)

    def judge(self, down: bool) -> None:
        """Health checks found it up or down."""
        self.down = down
        self.tally.failures += 1
        self.tally.verdicts += 1

    def succeed(self) -> None:
        """A request to it went well."""
        if self.accessed < self.checked:
            self.fails = 0


class Reference:
    """``ngx_http_upstream_get_peer``, line by line, over ``servers``."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self.servers = servers
        self.current = dict.fromkeys(servers, 0)

    def pick(self, tried: Container[Server], now: float) -> Server | None:
        """The choice; as in nginx a server that is out may get one request after ``fail_timeout``."""
        best: Server | None = None
        total = 0
        for server in self.servers:
            if server in tried or server.down:
                continue
            if (
                server.max_fails
                and server.fails >= server.max_fails
                and now - server.checked <= server.fail_timeout
            ):
                continue
            if server.max_conns and server.active >= server.max_conns:
                continue
            self.current[server] += server.effective_weight
            total += server.effective_weight
            if server.effective_weight < server.weight:
                server.effective_weight += 1
            if best is None or self.current[server] > self.current[best]:
                best = server
        if best is None:
            return None
        self.current[best] -= total
        if now - best.checked > best.fail_timeout:
            best.checked = now
        return best
