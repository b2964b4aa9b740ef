"""Twisted's own tests of reactors, run on ours.

:data:`NOT_FOR_US` names the few that do not apply, each with its reason; ``docs/reactor.rst`` repeats them, and a test
below holds the two together.
"""

from __future__ import annotations

import gc
import os
import socket
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.test import (
    test_core,
    test_fdset,
    test_newtls,
    test_process,
    test_socket,
    test_stdio,
    test_tcp,
    test_threads,
    test_time,
    test_tls,
    test_udp,
    test_unix,
)
from twisted.logger import formatEvent, globalLogPublisher
from twisted.test.test_tcp import MyClientFactory, MyServerFactory
from twisted.trial.unittest import SynchronousTestCase
from twisted.trial.util import suppress as unheard

from tests.net.support import TLS_WARNINGS, LateBound, UvloopReactor, run

CONTEXT = "data goes straight from uvloop to the protocol, without a log context around each call"
UNQUEUED = "expects a short write to be queued; uvloop writes it at once, so that nothing has to be paused"
NAMES = "looks at attributes of Twisted's own transport classes (addr, sessionno, logstr)"
DESCRIPTORS = "uvloop's UNIX transports do not pass file descriptors, and IUNIXTransport is not provided"
ONE_WORDING = "a port below 0 is refused in the same words for IPv6 as for IPv4"
READABLE = "needs a Python that every user of the machine may run; spawnProcess is Twisted's own, unchanged"

#: Test builder of Twisted's to the tests of it that are skipped, with the reason.
NOT_FOR_US: dict[str, dict[str, str]] = {
    "TCP4ClientTestsBuilder": {"test_logPrefix": CONTEXT, "test_addresses": NAMES},
    "TCP6ClientTestsBuilder": {
        "test_logPrefix": CONTEXT,
        "test_addresses": NAMES,
        "test_connectPortUnderflow": ONE_WORDING,
    },
    "TCPTransportTestsBuilder": {
        "test_streamingProducer": UNQUEUED,
        "test_serverAddressTCP4": NAMES,
        "test_serverAddressTCP6": NAMES,
    },
    "AdoptStreamConnectionTestsBuilder": {
        "test_streamingProducer": UNQUEUED,
        "test_serverAddressTCP4": NAMES,
        "test_serverAddressTCP6": NAMES,
    },
    "UNIXAdoptStreamConnectionTestsBuilder": {
        "test_streamingProducer": UNQUEUED,
        "test_ServerAddressUNIX": NAMES,
    },
    "UNIXTestsBuilder": {
        "test_logPrefix": CONTEXT,
        "test_sendFileDescriptor": DESCRIPTORS,
        "test_sendFileDescriptorTriggersPauseProducing": DESCRIPTORS,
        "test_fileDescriptorOverrun": DESCRIPTORS,
        "test_avoidLeakingFileDescriptors": DESCRIPTORS,
        "test_descriptorDeliveredBeforeBytes": DESCRIPTORS,
    },
    "SSLClientTestsMixin": {"test_logPrefix": CONTEXT},
    "StartTLSClientTestsMixin": {"test_logPrefix": CONTEXT},
    "ProcessTestsBuilder": {"test_changeUID": READABLE},
    "PTYProcessTestsBuilder": {"test_changeUID": READABLE},
}


class Connected:
    """Makes the pairs for tests that replace ``dataReceived`` or the buffer size of a living connection."""

    addCleanup: Any

    def setWriteBufferSize(self, transport: Any, value: int) -> None:
        """uvloop has limits of its own."""

    def getConnectedClientAndServer(self, reactor: Any, interface: str, addressFamily: int) -> Any:
        """A Deferred of client protocol, server protocol and port; the reactor stops when both have closed."""
        server, client, connected = pair(reactor)
        port = reactor.listenTCP(0, server, interface=interface)
        self.addCleanup(port.stopListening)
        reactor.connectTCP(interface, port.getHost().port, client)
        return connected.addCallback(lambda protocols: (*protocols, port))


class Untidy:
    """For Twisted's tests that leave sockets of their own open: these are not found during some later test."""

    def tearDown(self) -> None:
        """Find them now, while warnings about them are not heard."""
        super().tearDown()  # type: ignore[misc]
        gc.collect()


class Adopted(Connected):
    """The same with sockets connected elsewhere, whose descriptors are closed as soon as they are adopted."""

    def getConnectedClientAndServer(self, reactor: Any, interface: Any, addressFamily: Any) -> Any:
        server, client, connected = pair(reactor)
        for factory, sock in zip((server, client), sockets(interface, addressFamily), strict=True):
            sock.setblocking(False)
            reactor.adoptStreamConnection(sock.fileno(), sock.family, factory)
            sock.close()
        return connected.addCallback(lambda protocols: (*protocols, None))


def pair(reactor: Any) -> tuple[Any, Any, Deferred[Any]]:
    """A factory for the server's side and one for the client's, and a Deferred of [client, server] protocols."""
    server, client = MyServerFactory(), MyClientFactory()
    for factory in (server, client):
        factory.protocolFactory = LateBound
        factory.protocolConnectionMade = Deferred()
        factory.protocolConnectionLost = Deferred()
    gatherResults([client.protocolConnectionLost, server.protocolConnectionLost]).addBoth(
        lambda _: reactor.stop()
    )
    return server, client, gatherResults([client.protocolConnectionMade, server.protocolConnectionMade])


def sockets(interface: Any, family: Any) -> tuple[socket.socket, socket.socket]:
    """Two connected sockets: TCP where an interface is given, else UNIX."""
    if interface is None:
        return socket.socketpair()
    with socket.create_server((interface, 0), family=family) as listener:
        client = socket.create_connection(listener.getsockname()[:2])
        return listener.accept()[0], client


def not_for_us(name: str, reason: str) -> Any:
    """A test that is skipped."""

    def test(self: object) -> None:
        raise AssertionError("is skipped")

    test.__name__ = name
    test.__doc__ = f"Not run: {reason}."
    test.skip = reason  # type: ignore[attr-defined]
    return test


def on_uvloop(builder: Any, *mixins: type) -> dict[str, type]:
    """The test cases that Twisted's ``builder`` makes for our reactor, without those of :data:`NOT_FOR_US`."""
    name = builder.__name__
    overridden = {test: not_for_us(test, why) for test, why in NOT_FOR_US.get(name, {}).items()}
    for test in overridden:
        assert hasattr(builder, test), f"{name} has no {test}"
    ours: Any = type(
        name,
        (*mixins, builder),
        {
            "_reactors": [f"{UvloopReactor.__module__}.{UvloopReactor.__name__}"],
            "__module__": __name__,
            "timeout": 120,
            "suppress": [*TLS_WARNINGS, unheard(category=ResourceWarning, message="unclosed <socket")],
            **overridden,
        },
    )
    cases: dict[str, type] = ours.makeTestCaseClasses()
    return cases


for _builder in (
    test_core.SystemEventTestsBuilder,
    test_fdset.ReactorFDSetTestsBuilder,
    test_newtls.ProducerTestsMixin,
    test_process.ProcessTestsBuilder,
    test_process.PTYProcessTestsBuilder,
    test_socket.IReactorSocketVerificationTestsBuilder,
    test_socket.AdoptStreamPortErrorsTestsBuilder,
    test_socket.AdoptStreamConnectionErrorsTestsBuilder,
    test_socket.AdoptDatagramPortErrorsTestsBuilder,
    test_stdio.StdioFilesTests,
    test_tcp.TCP4ClientTestsBuilder,
    test_tcp.TCP6ClientTestsBuilder,
    test_tcp.TCP4ConnectorTestsBuilder,
    test_tcp.TCP6ConnectorTestsBuilder,
    test_tcp.TCPPortTestsBuilder,
    test_tcp.TCPFDPortTestsBuilder,
    test_tcp.TCPConnectionTestsBuilder,
    test_tcp.TestBindAddressBuilder,
    test_tcp.AbortConnectionTests,
    test_threads.ThreadTestsBuilder,
    test_time.TimeTestsBuilder,
    test_tls.SSLClientTestsMixin,
    test_tls.StartTLSClientTestsMixin,
    test_tls.TLSPortTestsBuilder,
    test_tls.AbortSSLConnectionTests,
    test_udp.UDPServerTestsBuilder,
    test_udp.UDPFDServerTestsBuilder,
    test_unix.UNIXPortTestsBuilder,
    test_unix.UNIXFDPortTestsBuilder,
    test_unix.UnixClientTestsBuilder,
):
    globals().update(on_uvloop(_builder))
globals().update(on_uvloop(test_unix.UNIXTestsBuilder, Untidy))
globals().update(on_uvloop(test_unix.UNIXDatagramTestsBuilder, Untidy))
globals().update(on_uvloop(test_tcp.TCPTransportTestsBuilder, Connected))
globals().update(on_uvloop(test_tcp.AdoptStreamConnectionTestsBuilder, Adopted))
globals().update(on_uvloop(test_unix.UNIXAdoptStreamConnectionTestsBuilder, Adopted))
del _builder


class OwnTests(SynchronousTestCase):
    """What Twisted's tests do not ask."""

    def test_install(self) -> None:
        """``install`` gives the reactor to Twisted and its loop to asyncio."""
        made = UvloopReactor(self)
        from dyups.net import reactor

        installed: list[Any] = []
        current: list[Any] = []
        self.patch(reactor, "UvloopReactor", lambda: made)
        self.patch(reactor, "installReactor", installed.append)
        self.patch(reactor.asyncio, "set_event_loop", current.append)
        reactor.install()
        self.assertEqual((installed, current), ([made], [made.loop]))

    def test_errors_of_the_loop_are_logged(self) -> None:
        """What uvloop reports goes to Twisted's log, with the error where there is one; the loop goes on."""
        reactor = UvloopReactor(self)
        logged: list[Any] = []
        globalLogPublisher.addObserver(logged.append)
        self.addCleanup(globalLogPublisher.removeObserver, logged.append)
        reactor.loop.call_soon(lambda: 1 / 0)
        reactor.loop.call_exception_handler({"message": "about nothing in particular"})
        reactor.callLater(0.01, reactor.stop)
        run(reactor)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertIn("about nothing in particular", [formatEvent(event) for event in logged])

    def test_errors_of_calls_from_threads_are_logged(self) -> None:
        """A call from a thread that fails is logged with its traceback, and the next one is made."""
        reactor = UvloopReactor(self)
        reactor.callFromThread(lambda: 1 / 0)
        reactor.callFromThread(reactor.stop)
        run(reactor)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_timers_are_not_early(self) -> None:
        """A delayed call happens when its time has come, without spinning until then, although uvloop rounds."""
        reactor = UvloopReactor(self)
        turns: list[float] = []
        due = reactor.seconds() + 0.0304
        reactor.callLater(0.0304, reactor.stop)
        on_timer = reactor._onTimer
        reactor._onTimer = lambda: (turns.append(reactor.seconds()), on_timer())
        run(reactor)
        self.assertGreaterEqual(turns[-1], due)
        self.assertLess(len(turns), 6)

    def test_descriptors_of_adopted_sockets_are_not_closed_twice(self) -> None:
        """A connection that is adopted and never gets its turn leaves other descriptors alone when the loop closes."""
        reactor = UvloopReactor(self)
        left, right = socket.socketpair()
        self.addCleanup(right.close)
        reactor.adoptStreamConnection(left.fileno(), left.family, MyServerFactory())
        left.close()
        reactor.loop.close()
        other = os.open(os.devnull, os.O_RDONLY)
        self.addCleanup(os.close, other)
        del reactor
        gc.collect()
        os.fstat(other)

    test_descriptors_of_adopted_sockets_are_not_closed_twice.suppress = [  # type: ignore[attr-defined]
        unheard(category=ResourceWarning, message="unclosed resource")  # that uvloop closes it is the point
    ]


class DocsTests(SynchronousTestCase):
    """The documentation of what is skipped."""

    def test_every_skipped_test_is_documented_with_its_reason(self) -> None:
        """``docs/reactor.rst`` names each of Twisted's tests that is not run, and says why."""
        docs = " ".join((Path(__file__).parents[2] / "docs" / "reactor.rst").read_text().split())
        for tests in NOT_FOR_US.values():
            for test, reason in tests.items():
                self.assertIn(f"``{test}``", docs)
                self.assertIn(reason, docs)
