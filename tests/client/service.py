"""An admin interface in memory with the client in front of it, for the tests of this folder."""

from __future__ import annotations

import argparse
from typing import Any
from unittest import TestCase

from treq.client import HTTPClient
from treq.testing import RequestTraversalAgent
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from twisted.web.resource import IResource
from zope.interface import implementer

from dyups.client.arguments import parser
from dyups.client.command import CALLS, execute
from dyups.client.rest import Client
from tests.admin.client import Interface


@implementer(IAgent)
class Flushed:
    """The agent of treq's tests, whose answers arrive by themselves; remembers what was asked."""

    def __init__(self, resource: IResource) -> None:
        self._agent = RequestTraversalAgent(resource)
        self.asked: list[tuple[bytes, bytes, Headers]] = []

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        """See :class:`~twisted.web.iweb.IAgent`."""
        self.asked.append((method, uri, headers or Headers()))
        response: Deferred[IResponse] = self._agent.request(method, uri, headers, bodyProducer)
        self._agent.flush()
        return response

    def flush(self) -> None:
        """What was waited for has happened: let it arrive."""
        self._agent.flush()


class Service:
    """The interface, and a client of it whose clock the test turns."""

    def __init__(
        self, test: TestCase, *, trylock: bool = False, wait: bool = True, url: str = "http://x"
    ) -> None:
        self.interface = Interface(test, trylock)
        self.clock = Clock()
        self.agent = Flushed(self.interface.resource)
        self.client = client_of(self.agent, self.clock, url=url, wait=wait)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """``dyups-ctl``: exit status, what was printed, and what was complained of; a command that does not wait."""
        options = parser(CALLS).parse_args(arguments)
        options.body = getattr(options, "text", None)
        return outcome_of(self.client, options)


def client_of(agent: Any, clock: Clock, **options: Any) -> Client:
    """A client whose requests go to ``agent``."""
    return Client(options.pop("url", "http://x"), reactor=clock, http=HTTPClient(agent), **options)


def outcome_of(client: Client, options: argparse.Namespace) -> tuple[int, str, str]:
    """What a command comes to, if it comes to its end at once."""
    printed: list[str] = []
    complaints: list[str] = []
    done = Deferred.fromCoroutine(execute(client, options, printed.append, complaints.append))
    found: list[int] = []
    done.addCallback(found.append)
    return found[0], "".join(printed), "".join(complaints)
