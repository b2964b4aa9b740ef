"""``limit_req`` and ``limit_conn``: requests held to a rate, or to a number at a time, by a key, over all workers.

Phases before access (:class:`~dyups.proxy.passage.Phase`), by the rules of ``ngx_http_limit_req_module`` and
``ngx_http_limit_conn_module``.  What is counted lies in tables that workers share (``shared.table``); one without
limits never comes here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dyups.config.limits import LimitConn, LimitReq, LimitSettings, LimitZone
from dyups.proxy import answers
from dyups.proxy.deadlines import Deadlines
from dyups.proxy.exchange import Exchange
from dyups.proxy.passage import Passage
from dyups.proxy.plane import complain
from dyups.proxy.rewrite.steps import DONE, NEXT, WAIT
from dyups.shared.table import Entry, SharedTable, private_memory, room_behind, table_size

#: Longer keys are not limited, as in nginx.
LONGEST_KEY = 65535
#: One request, as ``excess`` counts them.
ONE = 1000.0
#: nginx logs a delay one level below a refusal.
_BELOW = {"error": "warn", "warn": "notice", "notice": "info", "info": "info"}


def memory_for(zones: Sequence[LimitZone]) -> int:
    """The bytes of shared memory that the zones take."""
    return sum(table_size(zone.size) for zone in zones)


class LimitTables:
    """The tables of all zones, at the end of the memory behind ``fd``, or in memory of their own."""

    def __init__(self, zones: Sequence[LimitZone], fd: int | None = None) -> None:
        size = memory_for(zones)
        if fd is None:
            fd = private_memory(size) if zones else -1
            offset = 0
        else:
            offset = room_behind(fd, size)
        self._fd = fd
        self.zones: dict[str, Zone] = {}
        for zone in zones:
            self.zones[zone.name] = Zone(zone, SharedTable(fd, offset, zone.size))
            offset += table_size(zone.size)


class Zone:
    """A zone and what it counts."""

    __slots__ = ("spec", "table")

    def __init__(self, spec: LimitZone, table: SharedTable) -> None:
        self.spec = spec
        self.table = table

    def key(self, exchange: Exchange) -> bytes:
        """The key of a request; empty where it is not limited."""
        key = self.spec.key.render(exchange)
        if len(key) <= LONGEST_KEY:
            return key
        text = f'the value of the "{self.spec.key.source}" key is more than {LONGEST_KEY} bytes'
        complain("error", exchange.client.context(text))
        return b""

    def excess(self, entry: Entry, now: float) -> float:
        """How far beyond the rate one more request would be (``ngx_http_limit_req_lookup``)."""
        passed = max(0.0, now - entry.last)
        return max(0.0, entry.excess - self.spec.rate * passed + ONE)


class LimitRequests:
    """The ``limit_req`` of one location."""

    __slots__ = ("_deadlines", "_dry", "_level", "_limits", "_status")

    def __init__(self, settings: LimitSettings, zones: Mapping[str, Zone], deadlines: Deadlines) -> None:
        self._limits = [(limit, zones[limit.zone]) for limit in settings.limit_req]
        self._status = settings.limit_req_status
        self._level = settings.limit_req_log_level
        self._dry = settings.limit_req_dry_run
        self._deadlines = deadlines

    def run(self, exchange: Exchange, passage: Passage) -> int:
        """See :class:`~dyups.proxy.passage.Phase`."""
        if "limit_req_status" in exchange.user:
            return NEXT  # it was counted where it came from
        keyed = [(limit, zone, key) for limit, zone in self._limits if (key := zone.key(exchange))]
        if not keyed:
            return NEXT
        now = self._deadlines.seconds()
        for place, (limit, zone, key) in enumerate(keyed):
            excess = _count(limit, zone, key, now, account=place == len(keyed) - 1)
            if excess > limit.burst * ONE:
                return self._refuse(exchange, passage, zone, excess)
        delays = [(_delay(*keyed[-1][:2], excess), excess, keyed[-1][1])]
        for limit, zone, key in keyed[:-1]:
            found = _count(limit, zone, key, now, account=True)
            delays.append((_delay(limit, zone, found), found, zone))
        delay, excess, zone = max(delays, key=lambda item: item[0])
        return self._hold(exchange, passage, zone, delay, excess)

    def _refuse(self, exchange: Exchange, passage: Passage, zone: Zone, excess: float) -> int:
        exchange.user["limit_req_status"] = b"REJECTED_DRY_RUN" if self._dry else b"REJECTED"
        self._log(exchange, "limiting requests", self._level, zone, excess)
        if self._dry:
            return NEXT
        answers.send_page(passage.client, self._status, b"", passage.body)
        return DONE

    def _hold(self, exchange: Exchange, passage: Passage, zone: Zone, delay: float, excess: float) -> int:
        if not delay:
            exchange.user["limit_req_status"] = b"PASSED"
            return NEXT
        exchange.user["limit_req_status"] = b"DELAYED_DRY_RUN" if self._dry else b"DELAYED"
        self._log(exchange, "delaying request", _BELOW[self._level], zone, excess)
        if self._dry:
            return NEXT
        passage.cancel = self._deadlines.call_later(delay, passage.go_on).cancel
        return WAIT

    def _log(self, exchange: Exchange, doing: str, level: str, zone: Zone, excess: float) -> None:
        dry = ", dry run" if self._dry else ""
        text = f'{doing}{dry}, excess: {excess / ONE:.3f} by zone "{zone.spec.name}"'
        complain(level, exchange.client.context(text))


def _count(limit: LimitReq, zone: Zone, key: bytes, now: float, *, account: bool) -> float:
    """How far beyond the rate the request is; counted only if it may pass and ``account``."""
    with zone.table.entry(key) as entry:
        excess = zone.excess(entry, now)
        if account and excess <= limit.burst * ONE:
            entry.excess, entry.last = excess, now
    return excess


def _delay(limit: LimitReq, zone: Zone, excess: float) -> float:
    """Seconds that the request waits for its turn."""
    if limit.delay is None or excess <= limit.delay * ONE:
        return 0.0
    return (excess - limit.delay * ONE) / zone.spec.rate


class LimitConnections:
    """The ``limit_conn`` of one location: requests under way with one key."""

    __slots__ = ("_deadlines", "_dry", "_level", "_limits", "_status")

    def __init__(self, settings: LimitSettings, zones: Mapping[str, Zone], deadlines: Deadlines) -> None:
        self._limits: list[tuple[LimitConn, Zone]] = [
            (limit, zones[limit.zone]) for limit in settings.limit_conn
        ]
        self._status = settings.limit_conn_status
        self._level = settings.limit_conn_log_level
        self._dry = settings.limit_conn_dry_run
        self._deadlines = deadlines

    def run(self, exchange: Exchange, passage: Passage) -> int:
        """See :class:`~dyups.proxy.passage.Phase`."""
        if "limit_conn_status" in exchange.user:
            return NEXT
        exchange.user["limit_conn_status"] = b"PASSED"
        for limit, zone in self._limits:
            key = zone.key(exchange)
            if key and not self._take(exchange, limit, zone, key):
                return self._refuse(exchange, passage, zone)
        return NEXT

    def _take(self, exchange: Exchange, limit: LimitConn, zone: Zone, key: bytes) -> bool:
        with zone.table.entry(key) as entry:
            if entry.count >= limit.most:
                return False
            entry.count += 1
            entry.last = self._deadlines.seconds()
        exchange.at_end.append(lambda: self._give_back(zone, key))
        return True

    def _give_back(self, zone: Zone, key: bytes) -> None:
        with zone.table.entry(key) as entry:
            entry.count = max(0, entry.count - 1)

    def _refuse(self, exchange: Exchange, passage: Passage, zone: Zone) -> int:
        exchange.user["limit_conn_status"] = b"REJECTED_DRY_RUN" if self._dry else b"REJECTED"
        dry = ", dry run" if self._dry else ""
        text = f'limiting connections{dry} by zone "{zone.spec.name}"'
        complain(self._level, exchange.client.context(text))
        if self._dry:
            return NEXT
        answers.send_page(passage.client, self._status, b"", passage.body)
        return DONE
