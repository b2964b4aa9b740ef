"""Asking name servers: one ``resolver`` directive, on ``twisted.names``.

Owns which server is asked, for how long, and what its answer means; how long an answer is kept is ``names``'.  Servers
are asked in turn; one that is silent, or says that it cannot, is followed by the next (``ngx_resolver.c``).  Nothing
but DNS is asked for the names themselves: neither ``/etc/hosts`` nor a spelling of an address other than the plain one
counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from socket import AF_INET6, inet_ntop
from typing import Any, NamedTuple

from twisted.internet.defer import CancelledError, Deferred, DeferredList, DeferredSemaphore, succeed
from twisted.internet.defer import TimeoutError as QueryTimeout
from twisted.names import client, dns, error
from twisted.python.failure import Failure

from dyups.config.model import ResolverSpec
from dyups.errors import NameUnresolved
from dyups.upstream.resolve import NameQuery, is_literal, query_system

#: nginx's numbers and words (``ngx_resolver_strerror``).
REASONS = {
    1: "Format error",
    2: "Server failure",
    3: "Host not found",
    4: "Unimplemented",
    5: "Operation refused",
    110: "Operation timed out",
}
NOT_FOUND, TIMED_OUT = 3, 110

#: Seconds after which the next server is asked, where there is time for that (``resend_timeout``).
RESEND = 5.0
#: How many aliases may follow one another.
MOST_ALIASES = 8
#: Questions under way in one process; more wait.
MOST_QUESTIONS = 128

_NAME = re.compile(r"(?=.{1,253}\.?\Z)(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?\Z")
_CODES: tuple[tuple[type[Exception], int], ...] = (
    (error.DNSNameError, NOT_FOUND),
    (error.DNSFormatError, 1),
    (error.DNSServerError, 2),
    (error.DNSNotImplementedError, 4),
    (error.DNSQueryRefusedError, 5),
    (error.DNSQueryTimeoutError, TIMED_OUT),
    (QueryTimeout, TIMED_OUT),
    (CancelledError, TIMED_OUT),
)

#: ``twisted.names.dns.RRHeader``, whose payload is whatever its type says.
Record = Any
#: Runs a blocking look-up elsewhere.
InThread = Callable[[NameQuery, str], Deferred[tuple[str, ...]]]


class Answer(NamedTuple):
    """What a name has: addresses, or for a service ``ADDRESS PORT WEIGHT BACKUP``; sorted, so that the same set is
    the same answer."""

    found: tuple[str, ...]
    ttl: float
    """Seconds."""


class Service(NamedTuple):
    """One SRV record (RFC 2782)."""

    priority: int
    weight: int
    port: int
    target: str


def unresolved(name: str, code: int) -> NameUnresolved:
    """The error of ``name``."""
    return NameUnresolved(name, code, REASONS.get(code, "Unknown error"))


class DnsClient:
    """Asks the servers of ``spec``, for ``timeout`` seconds at most.

    Names of the servers themselves are looked up by the system, ``in_thread``.
    """

    def __init__(self, spec: ResolverSpec, timeout: float, reactor: Any, in_thread: InThread) -> None:
        self._spec = spec
        self._timeout = timeout
        self._patience = max(0.05, min(RESEND, timeout / (2 * len(spec.servers))))
        self._reactor = reactor
        self._in_thread = in_thread
        self._free = DeferredSemaphore(MOST_QUESTIONS)
        self._turn = 0

    def addresses(self, name: str) -> Deferred[Answer]:
        """The addresses of ``name``; fails with :class:`~dyups.errors.NameUnresolved`."""
        return self._bounded(name, self._addresses(name))

    def services(self, name: str) -> Deferred[Answer]:
        """The servers of the service ``name``; fails with :class:`~dyups.errors.NameUnresolved`."""
        return self._bounded(name, self._services(name))

    def _bounded(self, name: str, steps: Any) -> Deferred[Answer]:
        """Within the time, and with no error but our own."""
        asked: Deferred[Answer] = Deferred.fromCoroutine(steps)
        asked.addTimeout(self._timeout, self._reactor)
        return asked.addErrback(_translated, name)

    async def _addresses(self, name: str) -> Answer:
        if not _NAME.match(name):
            raise unresolved(name, NOT_FOUND)
        kinds = [dns.A] * self._spec.ipv4 + [dns.AAAA] * self._spec.ipv6
        asked = [Deferred.fromCoroutine(self._records(name, kind)) for kind in kinds]
        results: list[tuple[bool, Any]] = await _all(asked)
        found: dict[str, None] = {}
        ttls: list[float] = []
        for good, result in results:
            for record, ttl in result if good else ():
                found[_text_of(record)] = None
                ttls.append(ttl)
        if found:
            return Answer(tuple(sorted(found)), min(ttls))
        raise _worst([result.value for good, result in results if not good], name)

    async def _services(self, name: str) -> Answer:
        if not _NAME.match(name):
            raise unresolved(name, NOT_FOUND)
        records = await self._records(name, dns.SRV)
        services = [_service_of(record) for record, _ in records]
        if not services:
            raise unresolved(name, NOT_FOUND)
        best = min(service.priority for service in services)
        asked = [Deferred.fromCoroutine(self._addresses(service.target)) for service in services]
        results: list[tuple[bool, Any]] = await _all(asked)
        ttls = [ttl for _, ttl in records]
        found: dict[str, None] = {}
        for service, (good, answer) in zip(services, results, strict=True):
            if good:
                ttls.append(answer.ttl)
                rest = f"{service.port} {service.weight or 1} {service.priority != best:d}"
                found |= dict.fromkeys(f"{address} {rest}" for address in answer.found)
        if not found:
            raise _worst([failure.value for _, failure in results], name)
        return Answer(tuple(sorted(found)), min(ttls))

    async def _records(self, name: str, kind: int) -> list[tuple[Any, float]]:
        """The payloads of that kind, each with the TTL of the whole way to it; aliases are followed."""
        ttl = float("inf")
        for _ in range(MOST_ALIASES):
            answers = await self._ask(name, kind)
            name, ttl, found = _follow(name, kind, answers, ttl)
            if found is not None:
                return found
        raise unresolved(name, 2)

    async def _ask(self, name: str, kind: int) -> list[Record]:
        """What the servers say, asked one after the other until one answers, or the time is over."""
        await self._free.acquire()
        try:
            servers = await self._servers(name)
            refused: Exception | None = None
            for number in range(len(servers) * 64):  # the time ends it before
                server = servers[(self._turn + number) % len(servers)]
                try:
                    answer = await self._ask_one(server, name, kind)
                except (error.DNSQueryTimeoutError, QueryTimeout):
                    continue
                except (
                    error.DNSServerError,
                    error.DNSQueryRefusedError,
                    error.DNSNotImplementedError,
                ) as why:
                    refused = why
                    if number + 1 >= len(servers):
                        break
                    continue
                return answer
            raise refused or unresolved(name, TIMED_OUT)
        finally:
            self._turn += 1
            self._free.release()

    async def _ask_one(self, server: tuple[str, int], name: str, kind: int) -> list[Record]:
        resolver = client.Resolver(servers=[server], timeout=(self._patience,), reactor=self._reactor)
        query = dns.Query(name.encode(), kind, dns.IN)
        try:
            message = await resolver.queryUDP([query], (self._patience,))
            answers, _, _ = await _settled(resolver.filterAnswers(message))
            return list(answers)
        finally:
            for connection in resolver.connections:  # after a truncated answer
                connection.transport.loseConnection()

    async def _servers(self, name: str) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for host, port, _ in self._spec.servers:
            if is_literal(host):
                found.append((host, port))
                continue
            try:
                found += [(address, port) for address in await self._in_thread(query_system, host)]
            except (OSError, ValueError):
                continue
        if not found:
            raise unresolved(name, 2)
        return found


def _settled(value: Any) -> Deferred[Any]:
    """``filterAnswers`` gives a result, a failure, or a Deferred (TCP after a truncated answer)."""
    if isinstance(value, Deferred):
        return value
    ready: Deferred[Any] = succeed(None)
    return ready.addCallback(lambda _: value)


def _all(asked: list[Deferred[Any]]) -> Deferred[list[tuple[bool, Any]]]:
    """Every outcome; cancelling it cancels them all."""
    return DeferredList(asked, consumeErrors=True)


def _follow(
    name: str, kind: int, answers: list[Record], ttl: float
) -> tuple[str, float, list[tuple[Any, float]] | None]:
    """Go from ``name`` along its aliases: where they lead, the least TTL, and the records that are there.

    Records of other names do not count: nobody asked for them.  None tells that the aliases lead out of the answer.
    """
    asked = name
    for _ in range(MOST_ALIASES):
        here = [record for record in answers if _same(record.name.name, name)]
        found = [(record.payload, min(ttl, float(record.ttl))) for record in here if record.type == kind]
        alias = next((record for record in here if record.type == dns.CNAME), None)
        if found or alias is None:
            return name, ttl, found if found or name == asked else None
        ttl = min(ttl, float(alias.ttl))
        name = alias.payload.name.name.decode("latin-1")
    return name, ttl, []


def _same(one: bytes, other: str) -> bool:
    return one.decode("latin-1").rstrip(".").lower() == other.rstrip(".").lower()


def _text_of(payload: Any) -> str:
    if payload.TYPE == dns.A:
        return str(payload.dottedQuad())
    return inet_ntop(AF_INET6, payload.address)


def _service_of(payload: Any) -> Service:
    return Service(payload.priority, payload.weight, payload.port, payload.target.name.decode("latin-1"))


def _code_of(why: BaseException) -> int:
    if isinstance(why, NameUnresolved):
        return why.code
    return next((code for kind, code in _CODES if isinstance(why, kind)), 2)


def _worst(failures: list[BaseException], name: str) -> NameUnresolved:
    """Why nothing was found: not that the name is not there, unless every answer says so."""
    codes = [_code_of(why) for why in failures]
    return unresolved(name, next((code for code in codes if code != NOT_FOUND), NOT_FOUND))


def _translated(failure: Failure, name: str) -> Failure:
    why = failure.value
    return Failure(unresolved(name, _code_of(why) if isinstance(why, Exception) else TIMED_OUT))
