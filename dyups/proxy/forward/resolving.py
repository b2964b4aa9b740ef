"""Targets that requests bring and that are no upstream, looked up by the location's ``resolver``.

Owns the groups of such names, remade when DNS has another answer, and requests that wait for one.  ``forwards`` asks
here after the map and ``literals``, and only where a ``resolver`` is set.  An address is never a name to be looked up,
in whatever spelling: what reaches addresses is ``dyups_literal_targets`` alone.
"""

from __future__ import annotations

import re

from twisted.python.failure import Failure

from dyups.config.model import Place, ResolverSpec, ServerSpec, UpstreamSpec
from dyups.config.values import parse_server_address
from dyups.errors import ConfigError
from dyups.proxy.client import MOST_HELD, BodySink, ClientSide
from dyups.proxy.exchange import Exchange
from dyups.proxy.forward.literals import looks_literal
from dyups.proxy.forward.plan import ForwardPlan
from dyups.proxy.plane import complain
from dyups.proxy.serving import DISCARD
from dyups.upstream.group import Group
from dyups.upstream.names import CachesOf, NameCache

#: Groups of names that came with requests; beyond that the oldest goes.
MOST_MADE = 1024

#: ``127.1``, ``0x7f.1`` and ``2130706433`` are addresses to some, and so is what RFC 6761 keeps for this machine.
_SPELLED = re.compile(rb"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*|localhost)\.?\Z").match


class Target:
    """A name with its port, and the group of the addresses that it had last."""

    __slots__ = ("found", "group", "name", "spec")

    def __init__(self, spec: UpstreamSpec) -> None:
        self.spec = spec
        self.name = spec.servers[0].host
        self.found: tuple[str, ...] | None = None
        self.group: Group | None = None


class NamedTargets:
    """The names that are looked up by one ``resolver``; ``cache`` has their addresses."""

    __slots__ = ("_cache", "_targets")

    def __init__(self, cache: NameCache) -> None:
        self._cache = cache
        self._targets: dict[bytes, Target] = {}

    def target(self, key: bytes) -> Target | None:
        """The target ``key`` (``host[:port]`` in lower case); None where that is nothing to be looked up."""
        found = self._targets.get(key)
        if found is None:
            if _is_address(key):
                return None
            try:
                text = key.decode("ascii")
                host, port, path = parse_server_address(text)
            except (ConfigError, UnicodeError):
                return None
            if path:
                return None
            found = Target(UpstreamSpec(text, (ServerSpec(text, host, port),), place=Place()))
            self._keep(key, found)
        return found

    def _keep(self, key: bytes, target: Target) -> None:
        if len(self._targets) >= MOST_MADE:
            oldest = self._targets.pop(next(iter(self._targets))).group
            if oldest is not None:
                oldest.retire()
        self._targets[key] = target

    def group(self, target: Target) -> Group | None:
        """The group of ``target``; None where DNS has to be asked first."""
        found = self._cache.fresh(target.name)
        if found is None:
            return None
        if found is not target.found or target.group is None:
            if target.group is None or found != target.found:
                target.group = Group(target.spec, {target.name: found}, target.group)
            target.found = found
        return target.group

    def forward(
        self, target: Target, exchange: Exchange, plan: ForwardPlan, body: bytes, ended: bool
    ) -> BodySink:
        """Forward as ``exchange.proxy_uri``, at once or when there is an answer; 502 where the name has no address."""
        group = self.group(target)
        if group is not None:
            return exchange.client.forward(plan, group, exchange.proxy_uri, body, ended)
        waiting = Waiting(self, target, exchange.client, plan, body, ended)
        self._cache.get(target.name).addCallbacks(waiting.found, waiting.unknown)
        return waiting.sink


class TargetNames:
    """The names of a process, by ``resolver`` and its time limit."""

    def __init__(self, caches: CachesOf) -> None:
        self._caches = caches
        self._made: dict[tuple[ResolverSpec, float], NamedTargets] = {}

    def __call__(self, spec: ResolverSpec, timeout: float) -> NamedTargets:
        """Those of locations with this ``resolver`` and ``resolver_timeout`` (seconds)."""
        made = self._made.get((spec, timeout))
        if made is None:
            made = self._made[spec, timeout] = NamedTargets(self._caches(spec, timeout).addresses)
        return made


class Waiting:
    """A request whose target is being looked up; afterwards what it is told goes on to ``sink``."""

    __slots__ = ("_body", "_client", "_ended", "_plan", "_size", "_target", "_targets", "sink")

    def __init__(
        self,
        targets: NamedTargets,
        target: Target,
        client: ClientSide,
        plan: ForwardPlan,
        body: bytes,
        ended: bool,
    ) -> None:
        self._targets = targets
        self._target = target
        self._client = client
        self._plan = plan
        self._body = [body] if body else []
        self._size = len(body)
        self._ended = ended
        self.sink: BodySink = self
        """Who has the request."""
        if self._size > MOST_HELD and not ended:
            client.pause_body()

    def found(self, _: tuple[str, ...]) -> None:
        """There is an answer."""
        if self.sink is not self:
            return  # the client left
        group = self._targets.group(self._target)
        assert group is not None  # an answer holds for a moment
        client = self._client
        body, self._body = b"".join(self._body), []
        self.sink = DISCARD
        self.sink = client.forward(self._plan, group, client.exchange.proxy_uri, body, self._ended)
        if self._size > MOST_HELD:
            client.resume_body()

    def unknown(self, failure: Failure) -> None:
        """There is none."""
        if self.sink is not self:
            return
        self.sink = DISCARD
        client = self._client
        complain("error", client.context(str(failure.value)))
        if not self._ended:
            client.close_after()
        client.refuse(502, b"".join(self._body) if self._ended else None)

    # -- see client.BodySink -------------------------------------------------------------------------------------

    def take_body(self, data: bytes, ended: bool) -> None:
        """Hold it, or pass it on."""
        if self.sink is not self:
            self.sink.take_body(data, ended)
            return
        self._ended = ended
        if data:
            self._body.append(data)
            self._size += len(data)
            if self._size > MOST_HELD:
                self._client.pause_body()

    def client_paused(self) -> None:
        """Nothing is sent yet."""
        if self.sink is not self:
            self.sink.client_paused()

    def client_resumed(self) -> None:
        """Nothing was sent yet."""
        if self.sink is not self:
            self.sink.client_resumed()

    def client_gone(self) -> None:
        """Nobody waits any more."""
        sink, self.sink = self.sink, DISCARD
        if sink is not self:
            sink.client_gone()


def _is_address(key: bytes) -> bool:
    return looks_literal(key) or _SPELLED(key.partition(b":")[0]) is not None
