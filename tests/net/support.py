"""What tests of this floor share: reactors, each on a loop of its own, protocols, and a uvloop transport in memory."""

from __future__ import annotations

from typing import Any
from unittest import SkipTest

from twisted.internet.interfaces import IHalfCloseableProtocol, IPullProducer, IPushProducer
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.test.test_tcp import AccumulatingProtocol
from twisted.trial.util import suppress as unheard
from zope.interface import implementer

from dyups.net.reasons import LOST

#: What Twisted's TLS says of itself with today's pyOpenSSL, and of the contexts that its own tests use.
TLS_WARNINGS = [
    unheard(category=DeprecationWarning, message="Passing pyOpenSSL"),
    unheard(message=".*does not explicitly provide any OpenSSL connection-creator"),
]


def UvloopReactor(case: Any) -> Any:
    """A reactor for one test, which is skipped without uvloop; the name becomes part of test classes' names."""
    try:
        from dyups.net import reactor
    except ImportError as exc:
        raise SkipTest("uvloop cannot be imported") from exc
    made = reactor.UvloopReactor()
    case.addCleanup(close, made)
    return made


def close(reactor: Any) -> None:
    """Close the loop, after some turns in which it ends what the test left open or half accepted."""
    if reactor.loop.is_closed():
        return
    for _ in range(3):
        for stream in reactor.removeAll():
            stream.connectionLost(LOST)
        reactor.iterate(0)
    reactor.loop.close()


def run(reactor: Any, limit: float = 60.0) -> None:
    """Run until somebody stops the reactor; too long is an error."""
    late: list[bool] = []

    def give_up() -> None:
        late.append(True)
        reactor.stop()

    timer = reactor.callLater(limit, give_up)
    reactor.run(installSignalHandlers=False)
    if late:
        raise AssertionError(f"still running after {limit} seconds")
    timer.cancel()


class LateBound(AccumulatingProtocol):
    """Calls the ``dataReceived`` that was last assigned to it, which the transport alone would not do."""

    def dataReceived(self, data: bytes) -> None:
        assigned = self.__dict__.get("dataReceived")
        if assigned is None:
            super().dataReceived(data)
        else:
            assigned(data)


class Diary(Protocol):
    """Writes down what happens to it; ``on`` maps an event to what it does then."""

    def __init__(self, **on: Any) -> None:
        self.on = on
        self.events: list[Any] = []
        self.reason: Failure | None = None

    def _happened(self, event: str, *more: Any) -> None:
        self.events.append((event, *more) if more else event)
        if event in self.on:
            self.on[event](self, *more)

    def connectionMade(self) -> None:
        self._happened("made")

    def dataReceived(self, data: bytes) -> None:
        self._happened("data", data)

    def connectionLost(self, reason: Failure = None) -> None:  # type: ignore[assignment]
        self.reason = reason
        self._happened("lost", reason.type.__name__)

    @property
    def received(self) -> bytes:
        """All data so far."""
        return b"".join(event[1] for event in self.events if event[0] == "data")


@implementer(IHalfCloseableProtocol)
class HalfCloseableDiary(Diary):
    """Also of the two halves of a connection."""

    def readConnectionLost(self) -> None:
        self._happened("read closed")

    def writeConnectionLost(self) -> None:
        self._happened("write closed")


@implementer(IPushProducer, IPullProducer)
class Producer:
    """Writes down what it is told."""

    def __init__(self, **on: Any) -> None:
        self.on = on
        self.told: list[str] = []

    def _told(self, what: str) -> None:
        self.told.append(what)
        if what in self.on:
            self.on[what]()

    def pauseProducing(self) -> None:
        self._told("pause")

    def resumeProducing(self) -> None:
        self._told("resume")

    def stopProducing(self) -> None:
        self._told("stop")


def serve(protocol: Any) -> Any:
    """A quiet factory that always gives ``protocol``."""
    factory = Factory.forProtocol(lambda: protocol)
    factory.noisy = False
    return factory


class Loop:
    """Keeps what is to be called soon until :meth:`turn`."""

    def __init__(self) -> None:
        self.soon: list[Any] = []
        self.closed = False

    def call_soon(self, call: Any, *args: Any) -> Any:
        handle = Handle(call, args)
        self.soon.append(handle)
        return handle

    def call_later(self, delay: float, call: Any, *args: Any) -> Any:
        return self.call_soon(call, *args)

    call_soon_threadsafe = call_soon

    def is_closed(self) -> bool:
        return self.closed

    def turn(self) -> None:
        now, self.soon = self.soon, []
        for handle in now:
            if not handle.cancelled:
                handle.call(*handle.args)


class Handle:
    """A call that can be cancelled."""

    def __init__(self, call: Any, args: Any) -> None:
        self.call, self.args, self.cancelled = call, args, False

    def cancel(self) -> None:
        self.cancelled = True


class Uv:
    """A uvloop transport: keeps what it is asked, and complains as uvloop does."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.buffered = 0
        self.protocol: Any = None

    def write(self, data: bytes) -> None:
        if self.asked and self.asked[-1] == "closed":
            raise RuntimeError("the handler is closed")
        self.asked.append(("write", data))

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def set_write_buffer_limits(self, high: int, low: int) -> None:
        self.asked.append(("limits", high, low))

    def get_extra_info(self, name: str) -> Any:
        if name == "socket":
            return self
        return ("192.0.2.1", 4321) if name == "peername" else ("192.0.2.2", 80)

    def setsockopt(self, level: int, option: int, value: Any) -> None:
        self.asked.append(("option", level, option, value))

    def __getattr__(self, name: str) -> Any:
        if name in ("abort", "close", "pause_reading", "resume_reading", "write_eof"):
            return lambda: self.asked.append(name)
        raise AttributeError(name)


class Origin:
    """Gives out one protocol, and is the reactor too."""

    is_client = False

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.live: set[Any] = set()
        self.loop = Loop()
        self.ended: list[Failure] = []

    @property
    def reactor(self) -> Any:
        return self

    def open(self, bridge: Any) -> Any:
        if isinstance(self.protocol, Exception):
            raise self.protocol
        return self.protocol

    def closed(self, reason: Failure) -> None:
        self.ended.append(reason)
