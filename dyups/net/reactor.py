"""The Twisted reactor on a uvloop event loop.

Owns the loop and what is open on it.  Time, threads, descriptor sets, UDP and processes are those of Twisted's asyncio
reactor, which this one extends; streams are uvloop's own, from ``ports`` and ``connectors``; TLS is Twisted's on top
of them.  ``choose`` and Twisted's ``-r dyups-uvloop`` call :func:`install`.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import uvloop
from twisted.internet import error
from twisted.internet.asyncioreactor import AsyncioSelectorReactor
from twisted.internet.base import ReactorBase
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.main import installReactor
from twisted.logger import Logger
from twisted.python.failure import Failure

from dyups.net.children import Signals
from dyups.net.connectors import Adopted, TcpConnector, UnixConnector
from dyups.net.ports import TcpPort, UnixPort

log = Logger()


class UvloopReactor(AsyncioSelectorReactor):
    """See the module; ``loop`` is the uvloop loop, ``live`` holds all open ports, connections and attempts."""

    loop: asyncio.AbstractEventLoop
    _scheduledAt: Any
    _timerHandle: Any

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.loop = loop if loop is not None else uvloop.new_event_loop()
        self.loop.set_exception_handler(self._log_error)
        self.live: set[Any] = set()
        super().__init__(self.loop)

    def _log_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What is raised out of a callback, a protocol's among them; uvloop then drops that connection."""
        what = context.get("message", "Unhandled error in the event loop")
        exc = context.get("exception")
        if exc is None:
            log.error("{what}", what=what)
        else:
            log.failure("{what}", Failure(exc), what=what)

    # Running

    def run(self, installSignalHandlers: bool = True) -> None:
        """Run until stopped or crashed."""
        try:
            super().run(installSignalHandlers)  # type: ignore[no-untyped-call]
        finally:
            self._signals.uninstall()
        if self._startedBefore:
            self._settle()

    def _settle(self) -> None:
        # Connections and ports dropped at the end of a run are closed by the loop at its next turn.
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()

    def iterate(self, delay: float = 0.0) -> None:
        """One turn of the loop, of ``delay`` seconds at most where nothing happens."""
        self.loop.call_later(delay, self.loop.stop)
        self.loop.run_forever()

    def callFromThread(  # type: ignore[override]  # Twisted's class and interface call the first one differently
        self, f: Callable[..., Any], *args: object, **kwargs: object
    ) -> None:
        """Call in the next turn; Twisted's own goes round by a timer."""
        self.loop.call_soon_threadsafe(_call, f, args, kwargs)

    def _reschedule(self) -> None:
        # uvloop counts in whole milliseconds and may call up to one too early, which would spin until the time is up.
        timeout = self.timeout()
        if timeout is None:
            return
        delay = timeout + 0.001 if timeout else 0
        self._scheduledAt = self.loop.time() + delay
        if self._timerHandle is not None:
            self._timerHandle.cancel()
        self._timerHandle = self.loop.call_later(delay, self._onTimer)

    def _signalsFactory(self) -> Signals:
        return Signals(ReactorBase._signalsFactory(self), self.loop)

    # What is open

    def removeAll(self) -> list[Any]:
        """Forget and return everything that is open, except what the reactor itself needs."""
        streams = list(self.live)
        self.live.clear()
        removed: list[Any] = super().removeAll()  # type: ignore[no-untyped-call]
        return removed + streams

    def getReaders(self) -> list[Any]:
        """Descriptors waited for, and all streams: uvloop reads those."""
        readers: list[Any] = super().getReaders()  # type: ignore[no-untyped-call]
        return readers + [stream for stream in self.live if stream.reading]

    # IReactorTCP; IReactorSSL is the same under Twisted's TLS

    def listenTCP(
        self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = ""
    ) -> TcpPort:
        listening = TcpPort(port, factory, backlog, interface, self)
        listening.startListening()
        return listening

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30.0, bindAddress: Any = None
    ) -> TcpConnector:
        connector = TcpConnector(host, port, factory, timeout, bindAddress, self)
        connector.connect()
        return connector

    # IReactorUNIX

    def listenUNIX(
        self,
        address: Any,
        factory: IProtocolFactory,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: bool = False,
    ) -> UnixPort:
        listening = UnixPort(address, factory, backlog, mode, self, wantPID)
        listening.startListening()
        return listening

    def connectUNIX(
        self, address: Any, factory: Any, timeout: float = 30.0, checkPID: bool = False
    ) -> UnixConnector:
        connector = UnixConnector(address, factory, timeout, self, checkPID)
        connector.connect()
        return connector

    # IReactorSocket

    def adoptStreamPort(self, fileDescriptor: int, addressFamily: int, factory: IProtocolFactory) -> Any:
        """A port on a listening socket that somebody else made and keeps."""
        self._check_family(addressFamily)
        listening: Any
        if addressFamily == socket.AF_UNIX:
            listening = UnixPort.adopt(self, fileDescriptor, factory)
        else:
            listening = TcpPort.adopt(self, fileDescriptor, addressFamily, factory)
        listening.startListening()
        return listening

    def adoptStreamConnection(
        self, fileDescriptor: int, addressFamily: int, factory: IProtocolFactory
    ) -> None:
        """A connection on a duplicate of a connected socket; the protocol is made at the loop's next turn."""
        self._check_family(addressFamily)
        Adopted(self, factory).adopt(socket.fromfd(fileDescriptor, addressFamily, socket.SOCK_STREAM))

    def _check_family(self, family: int) -> None:
        if family not in self._supportedAddressFamilies:
            raise error.UnsupportedAddressFamily(family)


def install() -> None:
    """Make a new :class:`UvloopReactor` Twisted's global reactor, and its loop asyncio's current one.

    Raises ``twisted.internet.error.ReactorAlreadyInstalledError``.
    """
    reactor = UvloopReactor()
    installReactor(reactor)
    asyncio.set_event_loop(reactor.loop)


def _call(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    try:
        f(*args, **kwargs)
    except BaseException:
        log.failure("Unhandled error in a call from a thread")
