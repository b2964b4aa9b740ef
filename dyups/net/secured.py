"""A connection after ``startTLS``.

Owns the hand-over: the protocol keeps the transport object it knows, which from then on encrypts, while a fresh
bridge carries the encrypted bytes.  TLS itself is Twisted's ``TLSMemoryBIOProtocol``, as on every Twisted reactor:
contexts are pyOpenSSL's there, and uvloop's own TLS takes only those of the ``ssl`` module.
"""

from __future__ import annotations

from typing import Any

from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from dyups.net.bridge import Bridge
from dyups.net.pull import Pump


class Secured(Bridge):
    """What a :class:`Bridge` becomes; it has the same slots, since an object changes its class here."""

    __slots__ = ()
    TLS = True
    _protocol: TLSMemoryBIOProtocol

    @staticmethod
    def take_over(bridge: Bridge, kind: type[Secured], ctx: Any, normal: bool) -> None:
        """Put TLS between ``bridge`` and its protocol; ``kind`` is the class it has from then on."""
        producer: Any = bridge.producer
        streaming = bridge.streamingProducer
        if isinstance(producer, Pump):
            producer.pauseProducing()
            producer = producer.pulled
        raw = _twin(bridge)
        origin = bridge._origin
        no_factory: Any = None  # the protocol is there already
        factory = TLSMemoryBIOFactory(ctx, origin.is_client == normal, no_factory, clock=origin.reactor)
        tls = factory.protocol(factory, bridge._protocol, False)
        bridge.producer = None
        bridge._raw = raw
        bridge._protocol = tls
        bridge.write = tls.write
        bridge.__class__ = kind
        origin.reactor.live.discard(bridge)
        origin.reactor.live.add(raw)
        raw._bind(tls)
        tls.makeConnection(raw)
        if producer is not None:
            bridge.registerProducer(producer, streaming)

    @property
    def connected(self) -> bool:  # type: ignore[override]
        return self._raw.connected

    @property
    def producer(self) -> Any:
        return self._raw.producer

    @property
    def disconnecting(self) -> bool:  # type: ignore[override]
        return bool(self._protocol.disconnecting)

    def connectionLost(self, reason: Failure) -> None:
        self._raw.connectionLost(reason)

    def loseConnection(self) -> None:
        if self.connected:
            self._protocol.loseConnection()

    def abortConnection(self) -> None:
        self._protocol.abortConnection()

    def loseWriteConnection(self) -> None:
        self._raw.loseWriteConnection()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self._protocol.registerProducer(producer, streaming)

    def unregisterProducer(self) -> None:
        self._protocol.unregisterProducer()

    def pauseProducing(self) -> None:
        self._raw.pauseProducing()

    def resumeProducing(self) -> None:
        self._raw.resumeProducing()

    def getHandle(self) -> Any:
        """The pyOpenSSL connection."""
        return self._protocol.getHandle()

    def getPeerCertificate(self) -> Any:
        """The peer's certificate, or None."""
        return self._protocol.getPeerCertificate()


def _twin(bridge: Bridge) -> Bridge:
    """Another bridge on the same transport, in the same state."""
    twin = type(bridge)(bridge._origin)
    for name in (
        "_uv",
        "_full",
        "_paused",
        "_read_closed",
        "_write_closing",
        "connected",
        "disconnecting",
        "write",
    ):
        setattr(twin, name, getattr(bridge, name))
    return twin
