"""What others know of an HTTP/2 connection."""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.http2.carrier import Carrier
from dyups.proxy.http2.connection import Http2Connection


class Carrying(SynchronousTestCase):
    """The class by which it is known."""

    def test_it_is_one(self) -> None:
        """The connection that runs is a carrier."""
        self.assertTrue(issubclass(Http2Connection, Carrier))

    def test_nobody_loads_the_protocol_for_it(self) -> None:
        """A process whose addresses speak HTTP/1.1 alone never loads what speaks HTTP/2."""
        code = "import sys, dyups.workers.serving; print('dyups.proxy.http2.wire' in sys.modules)"
        shown = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
        )
        self.assertEqual(shown.stdout, "False\n")
