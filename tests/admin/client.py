"""A client of the interface without sockets, for the tests of this folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from unittest import TestCase

import treq
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.internet.task import Clock
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer, IResponse
from zope.interface import implementer

from dyups.admin.resource import dyups_interface
from dyups.control.change import ChangePath
from dyups.control.lock import ChangeLock
from dyups.upstream.map import UpstreamMap
from tests.control.test_change import FakeLookup, FakeStore


class Reply(NamedTuple):
    """An answer as the tests compare it."""

    status: int
    body: bytes
    headers: Headers
    length: object
    """``Content-Length``, which the client keeps out of ``headers``."""

    def field(self, name: str) -> str | None:
        """The value of a field, or None."""
        values = self.headers.getRawHeaders(name)
        return None if values is None else ", ".join(values)


@implementer(IBodyProducer)
class Body:
    """A request body of known bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.length = len(data)

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self.data)
        return succeed(None)

    def pauseProducing(self) -> None:
        """There is one write, nothing to pause."""

    def resumeProducing(self) -> None:
        """There is one write, nothing to resume."""

    def stopProducing(self) -> None:
        """There is one write, nothing to stop."""


class Pending:
    """A request under way."""

    def __init__(self, test: TestCase, agent: RequestTraversalAgent, response: Deferred[IResponse]) -> None:
        self._agent = agent
        self._replies: list[Reply] = []
        self._test = test
        self.response = response
        response.addCallback(self._read)
        response.addErrback(lambda _: None)

    def _read(self, response: IResponse) -> Deferred[None]:
        body: Deferred[bytes] = treq.content(response)
        return body.addCallback(
            lambda data: self._replies.append(Reply(response.code, data, response.headers, response.length))
        )

    @property
    def answered(self) -> bool:
        """Has the answer arrived?"""
        self._agent.flush()
        return bool(self._replies)

    @property
    def reply(self) -> Reply:
        """The answer."""
        self._test.assertTrue(self.answered, "no answer yet")
        return self._replies[0]

    def leave(self) -> None:
        """The client goes away."""
        self.response.cancel()
        self._agent.flush()


class Interface:
    """The interface on a map, with a client in front and a store behind that can be told to wait or to fail."""

    def __init__(self, test: TestCase, trylock: bool = False) -> None:
        self._test = test
        self.upstreams = UpstreamMap()
        self.store = FakeStore()
        self.lookup = FakeLookup()
        self.lock = ChangeLock(trylock)
        self.changes = ChangePath(self.upstreams, self.lock, self.store, self.lookup)
        self.resource = dyups_interface(self.upstreams, self.changes, Clock())
        self._agent = RequestTraversalAgent(self.resource)

    def send(
        self,
        method: str,
        path: str | bytes,
        body: bytes | None = None,
        fields: Mapping[str, str | bytes] | None = None,
    ) -> Pending:
        """Send a request; ``path`` goes as it is."""
        target = path.encode() if isinstance(path, str) else path
        headers = Headers()
        for name, value in (fields or {}).items():
            headers.addRawHeader(name.encode(), value if isinstance(value, bytes) else value.encode())
        producer = None if body is None else Body(body)
        response = self._agent.request(method.encode(), b"http://admin.example" + target, headers, producer)
        return Pending(self._test, self._agent, response)

    def ask(
        self,
        method: str,
        path: str | bytes,
        body: bytes | None = None,
        fields: Mapping[str, str | bytes] | None = None,
    ) -> Reply:
        """Send a request whose answer comes at once."""
        return self.send(method, path, body, fields).reply

    def fill(self, **bodies: str) -> None:
        """Upstreams by name and body."""
        for name, body in bodies.items():
            reply = self.ask("POST", f"/upstream/{name}", body.encode())
            self._test.assertEqual((reply.status, reply.body), (200, b"success"))
