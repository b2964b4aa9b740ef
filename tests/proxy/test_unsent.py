"""How much a connection still holds of what was written to it."""

from __future__ import annotations

import socket
import sys
from unittest import skipIf

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.unsent import in_flight, unsent_bytes


class Ours:
    """A transport on uvloop."""

    def get_write_buffer_size(self) -> int:
        return 7


class Stock:
    """A transport of Twisted's own reactors: what is being sent, from where on, and what waits behind it."""

    dataBuffer = b"12345"
    offset = 2
    _tempDataLen = 10


class Unsent(SynchronousTestCase):
    """Whoever the transport is."""

    def test_ours(self) -> None:
        """A transport that can say is asked."""
        self.assertEqual(unsent_bytes(Ours()), 7)

    def test_stock(self) -> None:
        """Of Twisted's own transports the rest of the piece under way and all behind it count."""
        self.assertEqual(unsent_bytes(Stock()), 13)

    def test_unknown(self) -> None:
        """Any other holds an unknown amount."""
        self.assertEqual(unsent_bytes(object()), -1)
        self.assertEqual(in_flight(object()), -1)

    def test_no_descriptor(self) -> None:
        """Where the system holds nothing that we know of, our own buffer counts alone."""
        self.assertEqual(in_flight(Ours()), 7)

    @skipIf(sys.platform != "linux", "only Linux says what it holds")
    def test_system(self) -> None:
        """What the other end has not read yet counts, as long as there is a connection."""
        one, other = socket.socketpair()
        self.addCleanup(other.close)
        transport = Ours()
        transport.fileno = one.fileno  # type: ignore[attr-defined]
        one.send(b"x" * 1000)
        self.assertGreaterEqual(in_flight(transport), 1007)
        other.recv(1000)
        self.assertEqual(in_flight(transport), 7)
        one.close()
        self.assertEqual(in_flight(transport), 7)
