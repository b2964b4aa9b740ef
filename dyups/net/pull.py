"""Pull producers: resumed again and again for as long as the connection has room.

Owns the rhythm.  ``bridge`` wraps a producer registered with ``streaming=False`` in a :class:`Pump`, and from then on
treats it as a streaming one.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Handle
from collections.abc import Callable

from twisted.internet.interfaces import IPullProducer, IPushProducer
from zope.interface import implementer


@implementer(IPushProducer)
class Pump:
    """Makes a push producer of a pull producer.

    Twisted asks a pull producer for more each time its buffer is empty.  uvloop writes at once and tells nobody, so
    the pump asks once per turn of the loop until told to pause.  ``failed`` gets what the producer raises.
    """

    __slots__ = ("_failed", "_loop", "_turn", "pulled")

    def __init__(
        self, producer: IPullProducer, loop: AbstractEventLoop, failed: Callable[[Exception], None]
    ) -> None:
        self.pulled = producer
        self._loop = loop
        self._failed = failed
        self._turn: Handle | None = None

    def start(self) -> None:
        """Ask for the first data at once, as Twisted's transports do; an error goes to the caller."""
        self.resumeProducing()
        self.pulled.resumeProducing()

    def _ask(self) -> None:
        self._turn = self._loop.call_soon(self._ask)
        try:
            self.pulled.resumeProducing()
        except Exception as exc:
            self.pauseProducing()
            self._failed(exc)

    def resumeProducing(self) -> None:
        """Ask from the next turn of the loop on."""
        if self._turn is None:
            self._turn = self._loop.call_soon(self._ask)

    def pauseProducing(self) -> None:
        """Ask no more."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None

    def stopProducing(self) -> None:
        """Ask no more, and tell the producer that nobody will."""
        self.pauseProducing()
        self.pulled.stopProducing()
