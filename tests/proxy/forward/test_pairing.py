"""A client and its server: who waits for whom."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.deadlines import NEVER
from dyups.proxy.forward.faults import Fault
from dyups.proxy.forward.pairing import Pairing
from tests.proxy.conversation import World, get

HTTP = """
upstream one { server 127.0.0.1:9001; }
server { proxy_read_timeout 5s; proxy_send_timeout 7s; location / { proxy_pass http://one; } }
"""


class Waiting(SynchronousTestCase):
    """Back-pressure and time limits."""

    def setUp(self) -> None:
        self.world = World(HTTP)
        self.client = self.world.client(high=100)
        self.client.say(get())
        self.server = self.world.servers[0]
        self.link = self.server.protocol

    def test_server_waits(self) -> None:
        """While the client takes nothing the server is not read, and not blamed for its silence."""
        self.server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + bytes(500))
        self.assertFalse(self.server.reading)
        self.assertEqual(self.link.deadline, NEVER)
        self.client.read()
        self.assertTrue(self.server.reading)
        self.assertLess(self.link.deadline, self.world.deadlines.now + 8)

    def test_request_waits(self) -> None:
        """A server that takes nothing has ``proxy_send_timeout``."""
        self.link.pauseProducing()
        self.assertGreater(self.link.deadline, self.world.deadlines.now + 6)
        self.link.resumeProducing()
        self.assertLess(self.link.deadline, self.world.deadlines.now + 7)

    def test_alone(self) -> None:
        """It does not know what follows a failure, nor what was kept of a body: that is for those above."""
        pairing = Pairing(self.client.protocol)
        self.assertIsNone(pairing.held_body())
        self.assertRaises(RuntimeError, pairing.failed, Fault.CLOSED)
        self.assertRaises(RuntimeError, pairing.passes_over, Fault.HTTP_500)
        pairing.client_paused()
        pairing.client_resumed()
