"""Tests of ``dyups.net.reasons``."""

from __future__ import annotations

import errno

from twisted.internet import error
from twisted.trial.unittest import SynchronousTestCase

from dyups.net.reasons import DONE, LOST, came_from_the_network, why_lost, why_not_connected


class WhyLostTests(SynchronousTestCase):
    """Reasons of an end."""

    def test_common_reasons_are_shared(self) -> None:
        """The clean end and the network's error are the same failures each time: no cost per connection."""
        self.assertIs(why_lost(None), DONE)
        self.assertIs(why_lost(ConnectionResetError(errno.ECONNRESET, "reset")), LOST)

    def test_raised_errors_are_the_applications(self) -> None:
        """An ``OSError`` with a traceback was raised by a protocol and stays what it is."""
        try:
            raise PermissionError(errno.EACCES, "no")
        except PermissionError as exc:
            self.assertFalse(came_from_the_network(exc))
            self.assertIs(why_lost(exc).value, exc)


class WhyNotConnectedTests(SynchronousTestCase):
    """Reasons of a failed attempt."""

    def test_system_errors(self) -> None:
        """Each number becomes Twisted's class for it, in the system's words."""
        for number, kind in (
            (errno.ECONNREFUSED, error.ConnectionRefusedError),
            (errno.ETIMEDOUT, error.TCPTimedOutError),
            (errno.ENETUNREACH, error.NoRouteError),
            (errno.EMFILE, error.ConnectError),
        ):
            self.assertIsInstance(why_not_connected(OSError(number, "uvloop says")), kind)
        self.assertIn("Connection refused", str(why_not_connected(OSError(errno.ECONNREFUSED, "x"))))

    def test_errors_without_a_number(self) -> None:
        """uvloop's own ``OSError`` texts are kept."""
        self.assertIn("two of them", str(why_not_connected(OSError("two of them"))))

    def test_twisteds_errors_stay(self) -> None:
        """What is a reason already is not wrapped again."""
        for reason in (error.ConnectBindError(1, "x"), error.DNSLookupError("x"), OverflowError("port")):
            self.assertIs(why_not_connected(reason), reason)
