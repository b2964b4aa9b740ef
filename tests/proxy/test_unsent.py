"""How much a connection still holds of what was written to it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.unsent import unsent_bytes


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
