"""Tests of ``dyups.net.ports``; most of what a port does is shown by Twisted's own tests in ``test_reactor``."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.net.ports import GivenAway, finished, listen_backlog
from tests.net.support import Diary, UvloopReactor, run, serve


class FinishedTests(SynchronousTestCase):
    """Coroutines that need no loop."""

    def test_result(self) -> None:
        """A coroutine that waits for nothing gives its result at once."""

        async def now() -> int:
            return 7

        self.assertEqual(finished(now()), 7)

    def test_waiting(self) -> None:
        """One that waits is an error of ours, and is closed."""

        async def later() -> None:
            await asyncio.sleep(0)

        self.assertRaises(RuntimeError, finished, later())


class GivenAwayTests(SynchronousTestCase):
    """A socket that uvloop may close by itself."""

    def test_told_once(self) -> None:
        """Detaching tells once, and leaves no descriptor behind."""
        told: list[bool] = []
        sock = GivenAway()
        sock.taken = lambda: told.append(True)
        os.close(sock.detach())
        sock.detach()
        self.assertEqual(told, [True])
        self.assertEqual(sock.fileno(), -1)


class PortTests(SynchronousTestCase):
    """Ports on a real loop."""

    def setUp(self) -> None:
        self.reactor = UvloopReactor(self)

    def listener(self, backlog: int = 7) -> socket.socket:
        """A listening socket, as a master opens it."""
        sock = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        sock.setblocking(False)
        self.addCleanup(sock.close)
        return sock

    def ask(self, port: int) -> None:
        """Connect, and stop the reactor with the first byte of a diary that says ``hello``."""
        client = Diary(data=lambda *_: self.reactor.stop())
        self.reactor.connectTCP("127.0.0.1", port, serve_client(client))
        run(self.reactor)
        self.assertEqual(client.received, b"hello")

    def test_backlog_of_an_adopted_socket_stays(self) -> None:
        """uvloop calls ``listen`` once more; it must not undo what the configuration said."""
        sock = self.listener(backlog=7)
        self.reactor.adoptStreamPort(sock.fileno(), sock.family, serve(Diary()))
        self.assertEqual(listen_backlog(sock, None), 7)

    def test_backlog(self) -> None:
        """A port's own is used as given; where the system does not tell, it is the most that it allows."""
        self.assertEqual(listen_backlog(self.listener(), 99), 99)
        with socket.socket(socket.AF_UNIX) as sock:
            self.assertEqual(listen_backlog(sock, None), socket.SOMAXCONN)

    def test_adopted_socket_outlives_the_port(self) -> None:
        """A port that stops leaves the descriptor listening for others who have it."""
        sock = self.listener()
        first = self.reactor.adoptStreamPort(sock.fileno(), sock.family, serve(Diary()))
        first.stopListening()
        second = Diary(made=lambda self: self.transport.write(b"hello"))
        self.reactor.adoptStreamPort(sock.fileno(), sock.family, serve(second))
        self.ask(sock.getsockname()[1])

    def test_adopted_unix_socket_keeps_file_and_mode(self) -> None:
        """The file belongs to whoever made the socket: its mode stays, and it is there after the port has gone."""
        path = self.mktemp()[-80:].replace("/", "-")
        sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(sock.close)
        sock.bind(path)
        self.addCleanup(os.unlink, path)
        os.chmod(path, 0o600)
        sock.listen(1)
        port = self.reactor.adoptStreamPort(sock.fileno(), sock.family, serve(Diary()))
        port.stopListening().addCallback(lambda _: self.reactor.stop())
        run(self.reactor)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)

    def test_left_before_it_was_accepted(self) -> None:
        """Whoever has reset its connection by then is dropped unseen: the system does not know its address any more."""
        seen: list[int] = []

        def made(diary: Any) -> None:
            seen.append(diary.transport.getPeer().port)
            self.reactor.stop()

        factory = serve(Diary(made=made))
        factory.asks_address = False
        port: Any = self.reactor.listenTCP(0, factory, interface="127.0.0.1")
        place = "127.0.0.1", port.getHost().port
        with socket.create_connection(place) as gone:
            gone.sendall(b"x")
            gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with socket.create_connection(place) as client:
            run(self.reactor)
            self.assertEqual(seen, [client.getsockname()[1]])

    def test_accepts_again_after_the_system_refused(self) -> None:
        """uvloop gives up a server whose ``accept`` fails; the port says so and listens again on the same socket."""
        diary = Diary(made=lambda self: self.transport.write(b"hello"))
        port: Any = self.reactor.listenTCP(0, serve(diary), interface="127.0.0.1")
        port._server.close()
        self.assertIsNone(port._server)
        self.ask(port.getHost().port)

    def test_stop_is_not_a_refusal(self) -> None:
        """A port that is stopped does not listen again."""
        port: Any = self.reactor.listenTCP(0, serve(Diary()), interface="127.0.0.1")
        number = port.getHost().port
        port.stopListening().addCallback(lambda _: self.reactor.callLater(0.2, self.reactor.stop))
        run(self.reactor)
        with socket.socket() as client:
            self.assertNotEqual(client.connect_ex(("127.0.0.1", number)), 0)

    def test_stop_while_waiting_to_accept_again(self) -> None:
        """Nor does one that is stopped just after a refusal."""
        port: Any = self.reactor.listenTCP(0, serve(Diary()), interface="127.0.0.1")
        port._server.close()
        port.stopListening().addCallback(lambda _: self.reactor.callLater(0.2, self.reactor.stop))
        run(self.reactor)
        self.assertIsNone(port._server)

    def test_pause_and_resume(self) -> None:
        """``stopReading`` leaves clients in the backlog, ``startReading`` accepts them; both may be repeated."""
        diary = Diary(made=lambda self: self.transport.write(b"hello"))
        port: Any = self.reactor.listenTCP(0, serve(diary), interface="127.0.0.1")
        port.stopReading()
        port.stopReading()
        self.reactor.callLater(0.05, lambda: self.assertEqual(diary.events, []))
        self.reactor.callLater(0.1, port.startReading)
        self.reactor.callLater(0.1, port.startReading)
        self.ask(port.getHost().port)


def serve_client(protocol: Any) -> Any:
    """A client factory for one protocol."""
    from twisted.internet.protocol import ClientFactory

    factory = ClientFactory.forProtocol(lambda: protocol)
    factory.noisy = False
    return factory
