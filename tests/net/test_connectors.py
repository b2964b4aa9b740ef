"""Tests of ``dyups.net.connectors``; Twisted's own tests in ``test_reactor`` show most of what a connector does."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from twisted.internet import error
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.protocol import ClientFactory
from twisted.internet.tcp import makeBinding
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from dyups.net.connectors import Adopted, bind, numeric
from tests.net.support import Diary, UvloopReactor, run, serve


class Client(ClientFactory):
    """Connects a diary; stops the reactor when the attempt has failed, or when the connection is lost."""

    noisy = False

    def __init__(self, reactor: Any, diary: Any = None) -> None:
        self.reactor = reactor
        self.diary = diary or Diary(made=lambda self: self.transport.loseConnection())
        self.failed: list[Failure] = []
        self.lost: list[Failure] = []

    def buildProtocol(self, addr: Any) -> Any:
        return self.diary

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        self.failed.append(reason)
        if self.reactor.running:
            self.reactor.stop()

    def clientConnectionLost(self, connector: Any, reason: Failure) -> None:
        self.lost.append(reason)
        self.reactor.stop()


class ConnectorCase(SynchronousTestCase):
    """A reactor, a client factory and a TCP port."""

    def setUp(self) -> None:
        self.reactor = UvloopReactor(self)
        self.client = Client(self.reactor)

    def listen(self) -> int:
        """The number of a port that accepts."""
        port = self.reactor.listenTCP(0, serve(Diary()), interface="127.0.0.1")
        number: int = port.getHost().port
        return number

    def reason(self) -> Any:
        """Run, and give the reason of the failure."""
        run(self.reactor)
        [failure] = self.client.failed
        self.assertEqual(self.client.diary.events, [])
        return failure.value


class FailureTests(ConnectorCase):
    """Attempts that come to nothing."""

    def test_refused(self) -> None:
        """Nobody listens: ``ConnectionRefusedError``, for TCP and for UNIX."""
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            self.reactor.connectTCP("127.0.0.1", sock.getsockname()[1], self.client)
            self.assertIsInstance(self.reason(), error.ConnectionRefusedError)

    def test_unix_refused(self) -> None:
        """A socket file without a server refuses, a missing one is unknown."""
        path = self.mktemp()[-80:].replace("/", "-")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
        self.addCleanup(os.unlink, path)
        self.reactor.connectUNIX(path, self.client)
        self.assertIsInstance(self.reason(), error.ConnectionRefusedError)

    def test_unix_missing(self) -> None:
        """The system's number is kept."""
        self.reactor.connectUNIX("/no/such/socket", self.client)
        self.assertEqual(self.reason().osError, errno.ENOENT)

    def test_unix_backlog_full(self) -> None:
        """A full backlog fails the attempt at once, as it does for nginx."""
        path = self.mktemp()[-80:].replace("/", "-")
        with socket.socket(socket.AF_UNIX) as full, socket.socket(socket.AF_UNIX) as waiting:
            full.bind(path)
            self.addCleanup(os.unlink, path)
            full.listen(0)
            waiting.connect(path)
            self.reactor.connectUNIX(path, self.client)
            self.assertEqual(self.reason().osError, errno.EAGAIN)

    def test_checkPID_without_lock(self) -> None:
        """``checkPID`` wants the lock file of a living ``listenUNIX``."""
        path = self.mktemp()[-80:].replace("/", "-")
        self.reactor.connectUNIX(path, self.client, checkPID=True)
        self.assertIsInstance(self.reason(), error.BadFileError)

    def test_name_unknown(self) -> None:
        """The resolver's ``DNSLookupError`` is the reason."""
        self.reactor.resolve = lambda name: fail(error.DNSLookupError(name))  # type: ignore[method-assign, misc, assignment]
        self.reactor.connectTCP("unknown.example", 80, self.client)
        self.assertIsInstance(self.reason(), error.DNSLookupError)

    def test_takes_too_long(self) -> None:
        """The connector's time limit ends an attempt that waits, for a name here: ``TimeoutError``."""
        self.reactor.resolve = lambda name: Deferred()  # type: ignore[method-assign, misc, assignment]
        self.reactor.connectTCP("slow.example", 80, self.client, timeout=0.05)
        self.assertIsInstance(self.reason(), error.TimeoutError)

    def test_given_up_by_the_user(self) -> None:
        """``stopConnecting`` fails it with ``UserError``; no protocol is built even if the server has accepted."""
        connector = self.reactor.connectTCP("127.0.0.1", self.listen(), self.client)
        self.reactor.callWhenRunning(connector.stopConnecting)
        self.assertIsInstance(self.reason(), error.UserError)

    def test_given_up_when_connected_but_not_yet_told(self) -> None:
        """An attempt that is over drops a connection that uvloop delivers late."""
        connector = self.reactor.connectTCP("127.0.0.1", self.listen(), self.client)
        attempt: Any = connector.transport
        connector.stopConnecting()
        attempt.stopConnecting()
        self.assertIsNone(attempt.open(None))
        self.assertEqual(len(self.client.failed), 1)

    def test_address_in_use(self) -> None:
        """A local address that cannot be bound: ``ConnectBindError``."""
        number = self.listen()
        self.reactor.connectTCP("127.0.0.1", number, self.client, bindAddress=("127.0.0.1", number))
        self.assertIsInstance(self.reason(), error.ConnectBindError)

    def test_factory_that_raises(self) -> None:
        """``buildProtocol`` raising fails the attempt and is logged."""
        self.client.buildProtocol = lambda addr: 1 / 0  # type: ignore[method-assign, assignment]
        self.reactor.connectTCP("127.0.0.1", self.listen(), self.client)
        self.assertIsInstance(self.reason(), error.ConnectError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_reactor_stops_while_the_name_is_looked_up(self) -> None:
        """Nobody is told, as on Twisted's own reactors; nothing stays open."""
        self.reactor.connectTCP("slow.example", 80, self.client, bindAddress=("127.0.0.1", 0))
        self.reactor.resolve = lambda name: Deferred()  # type: ignore[method-assign, misc, assignment]
        self.reactor.callLater(0.01, self.reactor.stop)
        run(self.reactor)
        self.assertEqual((self.client.failed, self.reactor.live), ([], set()))

    def test_reactor_stops_meanwhile(self) -> None:
        """An attempt under way when the reactor stops is over."""
        self.client.clientConnectionFailed = lambda _, reason: self.client.failed.append(reason)  # type: ignore[method-assign, assignment]
        self.reactor.callWhenRunning(
            lambda: (self.reactor.connectTCP("127.0.0.1", number, self.client), self.reactor.stop())
        )
        number = self.listen()
        self.assertIsInstance(self.reason(), error.ConnectError)


class SuccessTests(ConnectorCase):
    """Attempts that work."""

    def connected(self) -> Any:
        """Run; the diary has seen a clean end, and so has the factory."""
        run(self.reactor)
        self.assertEqual(self.client.failed, [])
        self.assertEqual(self.client.diary.events[-1], ("lost", "ConnectionDone"))
        self.assertEqual(len(self.client.lost), 1)
        return self.client.diary.transport

    def test_literal_address(self) -> None:
        """The connector's transport is the connection from then on."""
        connector = self.reactor.connectTCP("127.0.0.1", self.listen(), self.client)
        self.assertIs(self.connected(), connector.transport)

    def test_name(self) -> None:
        """A name is looked up by Twisted's resolver; the peer's address is what it found."""
        self.reactor.resolve = lambda name: succeed("127.0.0.1")  # type: ignore[method-assign, misc, assignment]
        self.reactor.connectTCP("known.example", self.listen(), self.client)
        self.assertEqual(self.connected().getPeer().host, "127.0.0.1")

    def test_bound(self) -> None:
        """The connection comes from the address it was bound to."""
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            free = sock.getsockname()[1]
        self.reactor.connectTCP("127.0.0.1", self.listen(), self.client, bindAddress=("127.0.0.1", free))
        self.assertEqual(self.connected().getHost().port, free)

    def test_no_protocol_wanted(self) -> None:
        """A factory without a protocol hears that the connection is lost."""
        self.client.buildProtocol = lambda addr: None  # type: ignore[method-assign]
        self.reactor.connectTCP("127.0.0.1", self.listen(), self.client)
        run(self.reactor)
        self.assertEqual(len(self.client.lost), 1)

    def test_disconnect(self) -> None:
        """The connector closes what it has connected."""
        connector = self.reactor.connectTCP("127.0.0.1", self.listen(), self.client)
        self.client.diary.on["made"] = lambda _: connector.disconnect()
        self.connected()


class AdoptedTests(ConnectorCase):
    """Sockets connected elsewhere."""

    def test_unusable_socket(self) -> None:
        """A socket that uvloop cannot take is logged, and harms nobody else."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            Adopted(self.reactor, serve(Diary())).adopt(sock.dup())
        self.reactor.callLater(0, self.reactor.stop)
        run(self.reactor)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class AddressTests(SynchronousTestCase):
    """Literal addresses."""

    def test_numeric(self) -> None:
        """IPv4 stays as it is; IPv6 gets flow and scope, and keeps whatever port."""
        self.assertEqual(numeric("192.0.2.1", 80), ("192.0.2.1", 80))
        self.assertEqual(numeric("::1", 80), ("::1", 80, 0, 0))

    def test_bind_options(self) -> None:
        """A binding says which addresses may be shared."""
        for address, port in (("127.0.0.1", False), ("127.0.0.1", True)):
            with socket.socket() as sock:
                bind(sock, makeBinding(address, 0, reuseAddress=True, reusePort=port))
                self.assertTrue(sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR))
                self.assertEqual(bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)), port)
