"""Tests of dyups.embed: the proxy in somebody else's application, on a reactor in memory."""

from __future__ import annotations

import os
from pathlib import Path

from treq.testing import RequestTraversalAgent
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, execute
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import Site

import dyups
from dyups.client import Client
from dyups.embed import Embedded
from dyups.errors import ConfigError
from dyups.script import here
from dyups.workers import storing
from tests.client.service import Flushed, client_of
from tests.workers.test_process import Reactor

ONE = "upstream shop { server 127.0.0.1:9001; }"


class EmbeddedCase(SynchronousTestCase):
    """An application with the proxy in it."""

    def setUp(self) -> None:
        self.patch(here, "_present", [])
        self.patch(storing, "DiskThread", lambda reactor: execute)
        self.reactor = Reactor()
        self.prefix = os.path.abspath(self.mktemp())
        Path(self.prefix).mkdir()

    def embedded(self, http: str = ONE) -> Embedded:
        """A proxy that runs until the test has ended."""
        application = MultiService()
        proxy = Embedded(http, prefix=self.prefix, reactor=self.reactor)
        proxy.setServiceParent(application)
        application.startService()
        self.addCleanup(self.stop, application)
        return proxy

    def stop(self, application: MultiService) -> None:
        if application.running:
            self.successResultOf(application.stopService())


class ForwardingTests(EmbeddedCase):
    """Requests of the site."""

    def get(self, proxy: Embedded, path: str) -> tuple[str, int]:
        """Where a request to ``path`` was sent."""
        root = Resource()
        root.putChild(b"shop", proxy.resource("shop", below=True))
        channel = Site(root, reactor=self.reactor).buildProtocol(None)
        channel.callLater = lambda *args, **kw: None
        channel.makeConnection(StringTransport())
        channel.dataReceived(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        host, port, *_ = self.reactor.tcpClients[-1]
        return host, port

    def test_forwarded(self) -> None:
        """A request below the resource goes to a server of the upstream, after a change to the new one."""
        proxy = self.embedded()
        self.assertEqual(self.get(proxy, "/shop/a"), ("127.0.0.1", 9001))
        result = self.successResultOf(proxy.verbs.update("shop", "server 127.0.0.1:9002;"))
        self.assertEqual(result, (200, "success"))
        self.assertEqual(self.get(proxy, "/shop/a"), ("127.0.0.1", 9002))


class ChangesTests(EmbeddedCase):
    """Changing it."""

    def client(self, proxy: Embedded) -> Client:
        """A client of the interface, which stands somewhere in the site."""
        root = Resource()
        root.putChild(b"upstreams", proxy.interface())
        return client_of(Flushed(root), self.reactor, url="http://x/upstreams")

    def test_interface(self) -> None:
        """The admin interface works in the site, wherever it is put."""
        client = self.client(self.embedded())
        done = dyups.update_upstream("other", "server 127.0.0.1:1;")
        self.assertEqual(self.successResultOf(done).status, 200)
        names = self.successResultOf(Deferred.fromCoroutine(client.list()))
        self.assertEqual(names, ["shop", "other"])
        self.successResultOf(Deferred.fromCoroutine(client.delete("other")))
        self.assertEqual(dyups.list_upstreams(), ["shop"])

    def test_only_while_it_runs(self) -> None:
        """Scripts reach it from its start to its end, whatever ``dyups_api`` says: who embeds it decides."""
        proxy = Embedded(ONE, prefix=self.prefix, reactor=self.reactor)
        self.assertRaises(RuntimeError, dyups.list_upstreams)
        proxy.startService()
        self.assertEqual(self.successResultOf(dyups.delete_upstream("shop")).status, 200)
        self.successResultOf(proxy.stopService())
        self.assertRaises(RuntimeError, dyups.list_upstreams)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_survives(self) -> None:
        """With a dump file, changes outlive the application."""
        http = f"dyups_upstream_conf up.conf; {ONE}"
        proxy = Embedded(http, prefix=self.prefix, reactor=self.reactor)
        proxy.startService()
        self.successResultOf(proxy.verbs.patch("shop", "add server 127.0.0.1:2;"))
        self.successResultOf(proxy.stopService())
        again = Embedded(http, prefix=self.prefix, reactor=self.reactor)
        self.assertEqual(again.verbs.get("shop"), "server 127.0.0.1:9001;\nserver 127.0.0.1:2;\n")


class ConfigurationTests(EmbeddedCase):
    """What may be said."""

    def test_mistakes(self) -> None:
        """What is wrong is said with its line; servers, which would never listen, are."""
        table = {
            "upstream a { }": "no servers are inside upstream in line 1",
            f"{ONE}\nbogus;": 'unknown directive "bogus" in line 2',
            "\nserver { }": '"server" blocks have no effect here: the application listens in line 2',
        }
        for http, reason in table.items():
            error = self.assertRaises(ConfigError, Embedded, http, reactor=self.reactor)
            self.assertEqual(str(error), reason)

    def test_empty(self) -> None:
        """Nothing need be said at all."""
        proxy = self.embedded("")
        self.assertEqual(proxy.verbs.names(), [])
        agent = RequestTraversalAgent(proxy.interface())
        response = self.successResultOf(agent.request(b"GET", b"http://x/list"))
        self.assertEqual(response.code, 204)
