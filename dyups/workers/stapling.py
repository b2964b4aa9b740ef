"""Asks OCSP responders for the answers that handshakes staple (``ssl_stapling``).

Owns the requests of one process; which is due and what of an answer can be used is ``tls.stapling``'s.  A handshake
never waits: the first gets nothing stapled, as with nginx.  ``serving`` makes one per process.  Twisted's client is
imported when there is something to ask: few configurations staple, and every worker's start would wait for it.
"""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError, maybeDeferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.iweb import IAgent, IResponse

from dyups.proxy.plane import complain
from dyups.tls.stapling import NotStapled, Staple

#: Seconds that a responder has, and bytes that an answer may have.
TIMEOUT = 60
MOST = 16384


class Fetcher:
    """Fetches staples through ``agent``, by default one of ``reactor``'s own."""

    def __init__(self, reactor: Any, agent: IAgent | None = None) -> None:
        self._reactor = reactor
        self._agent = agent

    def __call__(self, staple: Staple) -> None:
        """Ask the responder of ``staple``; what went wrong is in the error log."""
        # What is wrong with a URL an agent may raise at once, and a handshake would fail of it.
        asked: Deferred[IResponse] = maybeDeferred(self._ask, staple)
        read: Deferred[bytes] = asked.addCallback(_read).addTimeout(TIMEOUT, self._reactor)
        read.addCallback(staple.accept, time.time()).addErrback(_failed, staple)

    def _ask(self, staple: Staple) -> Deferred[IResponse]:
        agent = self._agent = self._agent or _agent(self._reactor)
        asked: Deferred[IResponse] = agent.request(b"GET", staple.request.encode())
        return asked


def _agent(reactor: Any) -> IAgent:
    from twisted.web.client import Agent

    agent: IAgent = Agent(reactor, connectTimeout=TIMEOUT)
    return agent


def _read(response: IResponse) -> Deferred[bytes]:
    if response.code != 200:
        raise NotStapled(f"OCSP responder sent invalid response: status {response.code}")
    body = _Body()
    response.deliverBody(body)
    return body.done


class _Body(Protocol):
    """Gathers an answer's body, so much and no more."""

    def __init__(self) -> None:
        self.done: Deferred[bytes] = Deferred(self._unwanted)
        self._data = b""
        self._wanted = True

    def dataReceived(self, data: bytes) -> None:
        """A piece."""
        self._data += data
        if len(self._data) > MOST:
            self._drop()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is whole, or it is not."""
        from twisted.web.client import ResponseDone

        if not self._wanted:
            return
        if reason.check(ResponseDone) and len(self._data) <= MOST:
            self.done.callback(self._data)
        else:
            self.done.errback(NotStapled("OCSP responder sent too long or incomplete response"))

    def _unwanted(self, done: object) -> None:
        self._wanted = False
        self._drop()

    def _drop(self) -> None:
        producer: Any = self.transport
        producer.stopProducing()  # all that Twisted's client has in the place of a transport


def _failed(failure: Failure, staple: Staple) -> None:
    failure = getattr(failure.value, "reasons", (failure,))[0]  # an agent's ResponseNeverReceived has them
    late = failure.check(TimeoutError, CancelledError) is not None
    reason = "OCSP responder timed out" if late else str(failure.value) or type(failure.value).__name__
    staple.failed(time.time())
    responder = staple.url.partition("//")[2].partition("/")[0]
    where = f'responder: {responder}, certificate: "{staple.source}"'
    complain("error", f"{reason} while requesting certificate status, {where}")
